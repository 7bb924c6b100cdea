use super::literal::Literal;
use super::text::word;
use super::{Call, json};

/// One command. tccli knows the vendor's actions alone; `signet call` knows ours.
pub(super) fn tccli(call: &Call<'_>) -> String {
    let options: String = call
        .parameters
        .iter()
        .filter_map(|(name, value)| option(name, value))
        .map(|option| format!(" \\\n    {option}"))
        .collect();
    if call.is_the_vendors() {
        let heading = call.heading("#", "pip install tccli");
        let action = call.action();
        let (endpoint, region) = target(call);
        format!("{heading}tccli cdb {action} --endpoint {endpoint} --region {region}{options}\n")
    } else {
        own_command(call, &options)
    }
}

/// Secrets come through a pipe, where `ps` does not show them.
fn own_command(call: &Call<'_>, options: &str) -> String {
    let secrets: Vec<_> = call
        .secrets()
        .iter()
        .map(|(name, variable)| format!("{name}: env.{variable}"))
        .collect();
    let (needs, pipe, json) = if secrets.is_empty() {
        ("signet", String::new(), "")
    } else {
        let pipe = format!("jq -n '{{{}}}' |\n  ", secrets.join(", "));
        ("signet, jq", pipe, " \\\n    --json -")
    };
    let needs = format!("{needs}; tccli has no model of this action");
    let heading = call.heading("#", &needs);
    let action = call.action();
    let (endpoint, region) = target(call);
    format!(
        "{heading}export SIGNET_ENDPOINT={endpoint} TENCENTCLOUD_REGION={region}\n{pipe}signet call signet {action}{options}{json}\n"
    )
}

/// Endpoint and region as words.
fn target(call: &Call<'_>) -> (String, String) {
    (word(&call.endpoint.to_string()), word(call.region.as_str()))
}

/// One parameter, unless it is a secret.
fn option(name: &str, value: &Literal) -> Option<String> {
    let value = match value {
        Literal::Text(text) => word(text),
        Literal::Secret(_) => return None,
        other => word(&json::line(other)),
    };
    // Else it would be taken for another option.
    let between = if value.starts_with('-') { '=' } else { ' ' };
    Some(format!("--{name}{between}{value}"))
}

/// A script that signs by itself.
pub(super) fn curl(call: &Call<'_>) -> String {
    let secrets = call.secrets();
    let needs = if secrets.is_empty() {
        "openssl, curl"
    } else {
        "openssl, curl, jq"
    };
    let heading = call.heading("#", needs);
    let (service, version, action) = (call.service(), call.version(), call.action());
    let (endpoint, region) = target(call);
    let body = json::without_secrets(&call.parameters).replace('\'', "'\\''");
    let secrets: String = secrets
        .iter()
        .map(|(name, variable)| format!("body=$(jq '.{name} = env.{variable}' <<<\"$body\")\n"))
        .collect();
    format!(
        "#!/usr/bin/env bash
{heading}set -euo pipefail

endpoint={endpoint} region={region} service={service} version={version} action={action}
body='{body}'
{secrets}{}",
        signing(call)
    )
}

/// The part that signs and sends. Actions of ours need action and version to be signed.
fn signing(call: &Call<'_>) -> String {
    if call.is_the_vendors() {
        return CURL.to_owned();
    }
    let headers =
        "host:$host\nx-tc-action:$(printf %s \"$action\" | tr A-Z a-z)\nx-tc-version:$version\n";
    CURL.replace("host:$host\n", headers).replace(
        "content-type;host",
        "content-type;host;x-tc-action;x-tc-version",
    )
}

/// The key never becomes an argument of a program, where `ps` would show it; so HMAC is put together from SHA-256.
const CURL: &str = r#"
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
"#;
