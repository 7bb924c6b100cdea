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
    # What the vendor's Python and Node SDKs sign when their clock stands still.
    signs 1700000000 cdb.tencentcloudapi.com DescribeSSLStatus '{"InstanceId": "cdb-je5dfmdl"}' \
        2838b8da5f85f65a0103d5fe28542eee5d4565d4dd86b32c69f492e770050f03
    signs 1700000000 cdb.tencentcloudapi.com DescribeSSLStatus '{"InstanceId":"cdb-je5dfmdl"}' \
        cdce868abbf45e28df02aee6c5edda837f0ee3abfbda571459977ceeae4f2815
    signs 1700000000 127.0.0.1:8080 DescribeSSLStatus '{"InstanceId": "cdb-je5dfmdl"}' \
        60760d8cb593f1cbb2a6ea7bfe7d3379510d126f7df1f2d8633b4c385825299d
    signs 1700000000 cdb.tencentcloudapi.com ModifyDBInstanceName '{"InstanceId":"cdb-je5dfmdl","InstanceName":"数据库 é 😀"}' \
        4ca6de3e8243c544c15f6618b2dca36ee6724157671af40fa1f62b7235f2b357
    signs 1700000000 cdb.tencentcloudapi.com DescribeSSLStatus '{}' \
        f8c18b1d279ffa589395da10aaeb3c78742d93aab004464f2cab697dda407091
    signs 1700006400 cdb.tencentcloudapi.com DescribeSSLStatus '{"InstanceId": "cdb-je5dfmdl"}' \
        09dca5898498d8553a23f31af61cf022b297f392b2c7abaab5af7338521c98a9
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
SignedHeaders=content-type;host, Signature=$signature\"
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
