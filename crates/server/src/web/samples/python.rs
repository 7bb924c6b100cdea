use super::Call;
use super::setters::Setters;
use super::text::{Quoting, code_point, indented};
use super::tree::{Brackets, Syntax, digits};

const SYNTAX: Syntax = Syntax {
    text: |text| {
        const QUOTING: Quoting = Quoting {
            special: "",
            ascii: false,
            escape: code_point,
        };
        QUOTING.quote(text)
    },
    indent: "    ",
    secret: |variable| format!("os.environ[\"{variable}\"]"),
    integer: digits,
    boolean: |value| if value { "True" } else { "False" },
    list: |_| Brackets::tight("[", "]"),
    object: |_| Brackets::tight("{", "}"),
    pair: |name, value| format!("\"{name}\": {value}"),
    last_comma: true,
};

const SETTERS: Setters = Setters {
    syntax: &SYNTAX,
    declare: |model, variable| format!("{variable} = models.{model}()"),
    set: |variable, name, value| format!("{variable}.{name} = {value}"),
    sigil: "",
};

pub(super) fn sample(call: &Call<'_>) -> String {
    if call.is_the_vendors() {
        typed(call)
    } else {
        signed(call)
    }
}

fn typed(call: &Call<'_>) -> String {
    let heading = call.heading("#", "pip install tencentcloud-sdk-python");
    let scheme = call.endpoint.scheme().name();
    let quote = |text| (SYNTAX.text)(text);
    let (host, region) = (quote(call.endpoint.host()), quote(call.region.as_str()));
    let body = indented(&body(call, &region), "    ");
    format!(
        r#"{heading}import os
import sys

from tencentcloud.cdb.v20170320 import cdb_client, models
from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile


def main():
    key = credential.Credential(os.environ["TENCENTCLOUD_SECRET_ID"], os.environ["TENCENTCLOUD_SECRET_KEY"])
    profile = ClientProfile(httpProfile=HttpProfile(protocol="{scheme}", endpoint={host}))
{body}


try:
    main()
except TencentCloudSDKException as error:
    sys.exit(f"{{error.code}}: {{error.message}} (RequestId {{error.requestId}})")
"#
    )
}

fn body(call: &Call<'_>, region: &str) -> String {
    let action = call.action();
    let parameters = SETTERS.statements("request", &call.parameters);
    format!(
        "client = cdb_client.CdbClient(key, {region}, profile)

request = models.{action}Request()
{parameters}
response = client.{action}(request)
print(response.to_json_string())"
    )
}

fn signed(call: &Call<'_>) -> String {
    let heading = call.heading("#", "Python 3.6");
    let quote = |text: &str| (SYNTAX.text)(text);
    let (endpoint, region) = (
        quote(&call.endpoint.to_string()),
        quote(call.region.as_str()),
    );
    let (service, version, action) = (call.service(), call.version(), call.action());
    let parameters = SYNTAX.object("", &call.parameters);
    format!(
        r#"{heading}import hashlib
import hmac
import json
import os
import sys
import time
import urllib.request

ENDPOINT, REGION = {endpoint}, {region}
SERVICE, VERSION, ACTION = "{service}", "{version}", "{action}"
PARAMETERS = {parameters}
{SIGNED}"#
    )
}

const SIGNED: &str = r#"
SIGNED_HEADERS = "content-type;host;x-tc-action;x-tc-version"


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def authorization(host, body, timestamp):
    date = time.strftime("%Y-%m-%d", time.gmtime(timestamp))
    scope = f"{date}/{SERVICE}/tc3_request"
    headers = f"content-type:application/json\nhost:{host}\nx-tc-action:{ACTION.lower()}\nx-tc-version:{VERSION}\n"
    canonical_request = f"POST\n/\n\n{headers}\n{SIGNED_HEADERS}\n{hashlib.sha256(body).hexdigest()}"
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    key = b"TC3" + os.environ["TENCENTCLOUD_SECRET_KEY"].encode()
    for part in (date, SERVICE, "tc3_request"):
        key = mac(key, part)
    signature = mac(key, f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{digest}").hex()
    credential = f"{os.environ['TENCENTCLOUD_SECRET_ID']}/{scope}"
    return f"TC3-HMAC-SHA256 Credential={credential}, SignedHeaders={SIGNED_HEADERS}, Signature={signature}"


def main():
    body = json.dumps(PARAMETERS).encode()
    timestamp = int(time.time())
    headers = {
        "Authorization": authorization(ENDPOINT.split("://")[1], body, timestamp),
        "Content-Type": "application/json",
        "X-TC-Action": ACTION,
        "X-TC-Version": VERSION,
        "X-TC-Timestamp": str(timestamp),
        "X-TC-Region": REGION,
    }
    with urllib.request.urlopen(urllib.request.Request(f"{ENDPOINT}/", body, headers)) as answer:
        response = json.load(answer)["Response"]
    if "Error" in response:
        error = response["Error"]
        sys.exit(f"{error['Code']}: {error['Message']} (RequestId {response['RequestId']})")
    print(json.dumps(response))


main()
"#;
