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

const MODELS: &str = "from tencentcloud.cdb.v20170320 import cdb_client, models\n";
const COMMON_CLIENT: &str = "from tencentcloud.common.common_client import CommonClient\n";

pub(super) fn sample(call: &Call<'_>) -> String {
    let heading = call.heading("#", "pip install tencentcloud-sdk-python");
    let scheme = call.endpoint.scheme().name();
    let quote = |text| (SYNTAX.text)(text);
    let (host, region) = (quote(call.endpoint.host()), quote(call.region.as_str()));
    let (json, models, common_client, body) = if call.is_the_vendors() {
        ("", MODELS, "", typed(call, &region))
    } else {
        ("import json\n", "", COMMON_CLIENT, generic(call, &region))
    };
    let body = indented(&body, "    ");
    format!(
        r#"{heading}{json}import os
import sys

{models}from tencentcloud.common import credential
{common_client}from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
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

fn typed(call: &Call<'_>, region: &str) -> String {
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

fn generic(call: &Call<'_>, region: &str) -> String {
    let (service, version, action) = (call.service(), call.version(), call.action());
    let parameters = SYNTAX.object("", &call.parameters);
    format!(
        "client = CommonClient(\"{service}\", \"{version}\", key, {region}, profile)

parameters = {parameters}
response = client.call_json(\"{action}\", parameters)
print(json.dumps(response[\"Response\"]))"
    )
}
