#!/bin/sh
# Checks sign-with-openssl.sh in every shell that is installed: its signatures against known ones, what it gives to
# curl, and that no program is started with the SecretKey among its arguments or in its environment.
set -eu

script=$(dirname "$0")/sign-with-openssl.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The keys of the vendor's public documentation.
export TENCENTCLOUD_SECRET_ID=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE
export TENCENTCLOUD_SECRET_KEY=Gu5t9xGARNpq86cd98joQYCN3EXAMPLE
unset TENCENTCLOUD_TOKEN TENCENTCLOUD_REGION

# same WHAT EXPECTED ACTUAL
same() {
    if [ "$2" != "$3" ]; then
        printf '%s in %s:\nexpected: %s\nactual:   %s\n' "$1" "$shell" "$2" "$3" >&2
        exit 1
    fi
}

# signs TIMESTAMP HOST ACTION BODY SIGNATURE
signs() {
    same "$3 $4 at $1" "$5" "$($shell "$script" --print-signature --timestamp "$1" "$2" "$3" "$4")"
}

check_signatures() {
    # Calculated with another implementation. With `content-type;host` alone it is what the vendor's SDKs sign.
    signs 1700000000 cdb.tencentcloudapi.com DescribeSSLStatus '{"InstanceId": "cdb-je5dfmdl"}' \
        851425474c9985b512f91899aa9d5563c6cb85bcef4143a794b48698536900ae
    signs 1700000000 cdb.tencentcloudapi.com DescribeSSLStatus '{"InstanceId":"cdb-je5dfmdl"}' \
        4832c1046f96137b649547be8d2ff56deac12ca7cc54992ba7da091f52a8437d
    signs 1700000000 127.0.0.1:8080 DescribeSSLStatus '{"InstanceId": "cdb-je5dfmdl"}' \
        baa1fd3854bf63886ec150279b039f250762029e7d79a63a0fd91bfd9e25114c
    signs 1700000000 cdb.tencentcloudapi.com ModifyDBInstanceName '{"InstanceId":"cdb-je5dfmdl","InstanceName":"数据库 é 😀"}' \
        366c0cfc8595ed88a73164c27f2607036800bbc0eb7c0bf8680a423d44f2ed4c
    signs 1700000000 cdb.tencentcloudapi.com DescribeSSLStatus '{}' \
        6cd930011ddea35325fc3bb980caef7311a82a00c23567bffcaaebdc3f365dbb
    signs 1700006400 cdb.tencentcloudapi.com DescribeSSLStatus '{"InstanceId": "cdb-je5dfmdl"}' \
        552d964038359b1ae58460c65ddf207f7af61d0b75eedd8b9458480bc91c6cdf
}

# What a refused command line says, and that it is a usage error.
check_refusals() {
    refuses 'usage: sign-with-openssl.sh [OPTION…] ENDPOINT ACTION [BODY]' http://127.0.0.1:7780
    refuses 'unknown option --verbose' --verbose http://127.0.0.1:7780 DescribeSSLStatus
    refuses 'http://a"b is not an endpoint' 'http://a"b' DescribeSSLStatus
    refuses 'a name, a version, the SecretId or the token has a character that none can have' \
        http://127.0.0.1:7780 'Describe"SSLStatus'
}

# refuses MESSAGE ARGUMENT…
refuses() {
    message=$1
    shift
    status=0
    said=$($shell "$script" "$@" 2>&1) || status=$?
    same "message for $*" "sign-with-openssl: $message" "$said"
    same "exit status for $*" 2 "$status"
}

# Programs of the same names come first on PATH, note how they were started and go on as the real ones; curl stops there.
check_request_and_secrecy() {
    mkdir -p "$work/bin"
    # shellcheck disable=SC2016 # what is written into them is for them to expand
    for program in openssl od tr date; do
        printf '#!/bin/sh\n{ printf "%%s\\n" "$0 $*"; env; } >>%s/started\nexec %s "$@"\n' \
            "$work" "$(command -v "$program")" >"$work/bin/$program"
    done
    # shellcheck disable=SC2016
    printf '#!/bin/sh\n{ printf "%%s\\n" "$0 $*"; env; } >>%s/started\ncat /dev/fd/3 >%s/config\ncat >%s/body\n' \
        "$work" "$work" "$work" >"$work/bin/curl"
    chmod +x "$work"/bin/*

    body='{"Name": "it'\''s \"ü\""}'
    printf %s "$body" | TENCENTCLOUD_REGION=ap-guangzhou PATH="$work/bin:$PATH" \
        $shell "$script" --timestamp 1700000000 http://127.0.0.1:7780/x DescribeSSLStatus - >/dev/null
    signature=$($shell "$script" --print-signature --timestamp 1700000000 127.0.0.1:7780 DescribeSSLStatus "$body")

    same body "$body" "$(cat "$work/body")"
    same headers "header = \"Host: 127.0.0.1:7780\"
header = \"Content-Type: application/json\"
header = \"Authorization: TC3-HMAC-SHA256 Credential=$TENCENTCLOUD_SECRET_ID/2023-11-14/cdb/tc3_request, \
SignedHeaders=content-type;host;x-tc-action;x-tc-version, Signature=$signature\"
header = \"X-TC-Action: DescribeSSLStatus\"
header = \"X-TC-Version: 2017-03-20\"
header = \"X-TC-Timestamp: 1700000000\"
header = \"X-TC-Token: \"
header = \"X-TC-Region: ap-guangzhou\"" "$(cat "$work/config")"

    # Not the others: busybox has them built in and starts no program.
    same 'programs seen' 'curl openssl ' \
        "$(sed -n -E "s#^$work/bin/(curl|openssl) .*#\1#p" "$work/started" | sort -u | tr '\n' ' ')"
    key=$(printf %s "$TENCENTCLOUD_SECRET_KEY" | od -An -v -tx1 | tr -d ' \n')
    for secret in "$TENCENTCLOUD_SECRET_KEY" "$key" "$signature"; do
        same "times that $secret was visible" 0 "$(grep -c -F "$secret" "$work/started" || true)"
    done
    rm -r "${work:?}/bin" "$work/started"
}

checked=
for shell in sh dash bash ksh zsh 'busybox sh'; do
    command -v "${shell%% *}" >/dev/null || continue
    check_signatures
    check_refusals
    check_request_and_secrecy
    checked="$checked $shell,"
done
printf 'sign-with-openssl.sh is right in:%s\n' "${checked%,}"
