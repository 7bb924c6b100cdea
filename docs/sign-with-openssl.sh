#!/bin/sh
# Calls an API 3.0 action with nothing but openssl, od and curl.
#
#   sign-with-openssl.sh [OPTION…] ENDPOINT ACTION [BODY]
#
#   sign-with-openssl.sh http://127.0.0.1:7780 DescribeSSLStatus '{"InstanceId": "cdb-c1nl9rpv"}'
#   sign-with-openssl.sh --service signet --version 2026-11-24 http://127.0.0.1:7780 DescribeFleet
#
# BODY is a JSON object, `{}` when left out, read from standard input when it is `-`.
#
#   --service NAME       service in the credential scope; cdb
#   --version DATE       version of the API; 2017-03-20
#   --timestamp SECONDS  sign for this Unix time instead of now
#   --print-signature    print the signature and send nothing
#
# Environment: TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY; optional TENCENTCLOUD_TOKEN (of temporary
# keys) and TENCENTCLOUD_REGION.
#
# Prints the answer. The API answers a refused call with HTTP 200 as well, so look for `Error` in it. The exit
# status is curl's; 2 for a usage error.
#
# The SecretKey never becomes an argument of a program, where `ps` would show it to every user of the machine.
# `openssl dgst -macopt` and `openssl mac -macopt` take a key only as an argument, so HMAC is put together here
# from plain SHA-256 (RFC 2104), with the key in pipes only. The signature, which is good for five minutes, and
# BODY go to curl through pipes for the same reason; BODY is an argument of this script unless you pass `-`.

set -eu

fail() {
    printf '%s\n' "sign-with-openssl: $1" >&2
    exit 2
}

service=cdb
version=2017-03-20
timestamp=
send=yes
while [ $# -gt 0 ]; do
    case $1 in
        --service) service=${2:?--service needs a name}; shift 2 ;;
        --version) version=${2:?--version needs a date}; shift 2 ;;
        --timestamp) timestamp=${2:?--timestamp needs seconds}; shift 2 ;;
        --print-signature) send=no; shift ;;
        -?*) fail "unknown option $1" ;;
        *) break ;;
    esac
done
case $# in
    2 | 3) ;;
    *) fail 'usage: sign-with-openssl.sh [OPTION…] ENDPOINT ACTION [BODY]' ;;
esac
endpoint=$1
action=$2
body=${3:-'{}'}
[ "$body" != - ] || body=$(cat)
for program in openssl od curl; do
    command -v "$program" >/dev/null || fail "$program is not installed"
done

secret_id=${TENCENTCLOUD_SECRET_ID:?is not set}
secret_key=${TENCENTCLOUD_SECRET_KEY:?is not set}
token=${TENCENTCLOUD_TOKEN:-}
region=${TENCENTCLOUD_REGION:-}
unset TENCENTCLOUD_SECRET_KEY # openssl and curl need not inherit it

# These become lines of a curl configuration file.
case "$secret_id$action$version$service$token$region" in
    *[!A-Za-z0-9._=+/:*-]*) fail 'a name, a version, the SecretId or the token has a character that none can have' ;;
esac

case $endpoint in
    http://* | https://*) ;;
    *) endpoint=https://$endpoint ;;
esac
host=${endpoint#*://}
host=${host%%/*}
case $host in
    '' | *[!]A-Za-z0-9._:[-]*) fail "$1 is not an endpoint" ;;
esac
content_type=application/json
timestamp=${timestamp:-$(date +%s)}
# GNU and busybox, or BSD and macOS.
date=$(date -u -d "@$timestamp" +%Y-%m-%d 2>/dev/null || date -u -r "$timestamp" +%Y-%m-%d)

# Bytes on standard input → hexadecimal digits.
hex() {
    od -An -v -tx1 | tr -d ' \n'
}

# Bytes on standard input → their SHA-256 in hexadecimal.
sha256() {
    openssl dgst -sha256 -binary | hex
}

# Hexadecimal digits, filled up with zeros to one block of 64 bytes, each XOR $2 → bytes.
block() {
    rest=$1
    octal=
    count=0
    while [ "$count" -lt 64 ]; do
        byte=${rest%"${rest#??}"}
        rest=${rest#??}
        byte=$((0x${byte:-0} ^ $2))
        octal="$octal\\$((byte / 64))$((byte / 8 % 8))$((byte % 8))"
        count=$((count + 1))
    done
    # The digits are the format: only there does POSIX promise that \000 becomes a byte.
    # shellcheck disable=SC2059
    printf "$octal"
}

# hmac KEY TEXT: HMAC-SHA-256 in hexadecimal. The key is hexadecimal, at most 64 bytes.
hmac() {
    { block "$1" 0x5c; { block "$1" 0x36; printf %s "$2"; } | openssl dgst -sha256 -binary; } | sha256
}

# SDKs sign the first two alone, and somebody on the way could send the request again as another action. The values of the
# others are signed in lower case.
signed_headers='content-type;host;x-tc-action;x-tc-version'
canonical_request="POST
/

content-type:$content_type
host:$host
x-tc-action:$(printf %s "$action" | tr A-Z a-z)
x-tc-version:$version

$signed_headers
$(printf %s "$body" | sha256)"

scope=$date/$service/tc3_request
string_to_sign="TC3-HMAC-SHA256
$timestamp
$scope
$(printf %s "$canonical_request" | sha256)"

key=$(printf %s "TC3$secret_key" | hex)
[ ${#key} -le 128 ] || key=$(printf %s "TC3$secret_key" | sha256)
for part in "$date" "$service" tc3_request; do
    key=$(hmac "$key" "$part")
done
signature=$(hmac "$key" "$string_to_sign")
[ ${#signature} -eq 64 ] || fail 'openssl did not calculate a SHA-256'

if [ "$send" = no ]; then
    printf '%s\n' "$signature"
    exit
fi

# A header without a value, like that of a token that is not set, is not sent.
printf %s "$body" | curl --silent --show-error --config /dev/fd/3 --data-binary @- "${endpoint%%://*}://$host/" 3<<CONFIG
header = "Host: $host"
header = "Content-Type: $content_type"
header = "Authorization: TC3-HMAC-SHA256 Credential=$secret_id/$scope, SignedHeaders=$signed_headers, Signature=$signature"
header = "X-TC-Action: $action"
header = "X-TC-Version: $version"
header = "X-TC-Timestamp: $timestamp"
header = "X-TC-Token: $token"
header = "X-TC-Region: $region"
CONFIG
printf '\n'
