#!/usr/bin/env bash
# DescribeSSLStatus of cdb 2017-03-20.
# Needs: openssl, curl
# Environment: TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY
set -euo pipefail

endpoint=http://127.0.0.1:7780 region=ap-guangzhou service=cdb version=2017-03-20 action=DescribeSSLStatus
body='{"InstanceId": "cdb-c1nl9rpv"}'

hex() { od -An -v -tx1 | tr -d ' \n'; }
sha256() { openssl dgst -sha256 -binary | hex; }

# HMAC-SHA-256 (RFC 2104) by hand: openssl takes keys as arguments only, and ps shows those to everybody.
block() { # KEY MASK: the key in hexadecimal, filled up to 64 bytes, each XOR the mask
    local i byte bytes=
    for ((i = 0; i < 128; i += 2)); do
        byte=${1:i:2}
        printf -v bytes '%s\\x%02x' "$bytes" $((16#${byte:-0} ^ $2))
    done
    printf "$bytes"
}
hmac() { # KEY TEXT
    { block "$1" 0x5c; { block "$1" 0x36; printf %s "$2"; } | openssl dgst -sha256 -binary; } | sha256
}

host=${endpoint#*://}
timestamp=$(date +%s)
date=$(date -u -d "@$timestamp" +%F 2>/dev/null || date -u -r "$timestamp" +%F)
scope=$date/$service/tc3_request
canonical_request="POST
/

content-type:application/json
host:$host

content-type;host
$(printf %s "$body" | sha256)"
string_to_sign="TC3-HMAC-SHA256
$timestamp
$scope
$(printf %s "$canonical_request" | sha256)"

key=$(printf %s "TC3$TENCENTCLOUD_SECRET_KEY" | hex)
((${#key} <= 128)) || key=$(printf %s "TC3$TENCENTCLOUD_SECRET_KEY" | sha256)
for part in "$date" "$service" tc3_request; do
    key=$(hmac "$key" "$part")
done
signature=$(hmac "$key" "$string_to_sign")

answer=$(printf %s "$body" | curl -sS --config /dev/fd/3 --data-binary @- "$endpoint/" 3<<CONFIG
header = "Host: $host"
header = "Content-Type: application/json"
header = "Authorization: TC3-HMAC-SHA256 Credential=$TENCENTCLOUD_SECRET_ID/$scope, SignedHeaders=content-type;host, Signature=$signature"
header = "X-TC-Action: $action"
header = "X-TC-Version: $version"
header = "X-TC-Timestamp: $timestamp"
header = "X-TC-Region: $region"
CONFIG
)

# A call that is refused is answered with HTTP 200 as well.
if [[ $answer == '{"Response":{"Error":'* ]]; then
    printf '%s\n' "$answer" >&2
    exit 1
fi
printf '%s\n' "$answer"
