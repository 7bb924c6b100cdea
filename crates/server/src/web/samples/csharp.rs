use super::literal::Kind;
use super::text::{Quoting, code_point, indented};
use super::tree::{Brackets, Syntax, digits, lower_case};
use super::{Call, Scheme};

/// For the models of the SDK.
const MODELS: Syntax = Syntax {
    text: |text| {
        const QUOTING: Quoting = Quoting {
            special: "",
            ascii: false,
            escape: code_point,
        };
        QUOTING.quote(text)
    },
    indent: "    ",
    secret: |variable| format!("Environment.GetEnvironmentVariable(\"{variable}\")"),
    integer: digits,
    boolean: lower_case,
    list: |kind| Brackets::spaced(format!("new {}[] {{", type_of(kind)), "}"),
    object: |model| Brackets::spaced(format!("new {model} {{"), "}"),
    pair: |name, value| format!("{name} = {value}"),
    last_comma: true,
};

/// For the generic client.
const DICTIONARIES: Syntax = Syntax {
    list: |kind| match kind {
        Kind::Object(_) => Brackets::spaced("new object[] {", "}"),
        other => (MODELS.list)(other),
    },
    object: |_| Brackets::spaced("new Dictionary<string, object> {", "}"),
    pair: |name, value| format!("[\"{name}\"] = {value}"),
    ..MODELS
};

fn type_of(kind: &Kind) -> &str {
    match kind {
        Kind::Text => "string",
        Kind::Integer { signed: true } => "long?",
        Kind::Integer { signed: false } => "ulong?",
        Kind::Number => "float?",
        Kind::Boolean => "bool?",
        Kind::List => "object",
        Kind::Object(model) => model,
    }
}

const TYPED_USES: &str =
    "using TencentCloud.Cdb.V20170320;\nusing TencentCloud.Cdb.V20170320.Models;\n";

pub(super) fn sample(call: &Call<'_>) -> String {
    let heading = call.heading("//", "dotnet add package TencentCloudSDK");
    let (collections, uses, body) = if call.is_the_vendors() {
        ("", TYPED_USES, typed(call))
    } else {
        ("using System.Collections.Generic;\n", "", generic(call))
    };
    let protocol = match call.endpoint.scheme() {
        Scheme::Http => "REQ_HTTP",
        Scheme::Https => "REQ_HTTPS",
    };
    let host = (MODELS.text)(call.endpoint.host());
    let body = indented(&body, "            ");
    format!(
        r#"{heading}using System;
{collections}using System.Threading.Tasks;
{uses}using TencentCloud.Common;
using TencentCloud.Common.Profile;

static class Sample
{{
    static async Task<int> Main()
    {{
        var credential = new Credential
        {{
            SecretId = Environment.GetEnvironmentVariable("TENCENTCLOUD_SECRET_ID"),
            SecretKey = Environment.GetEnvironmentVariable("TENCENTCLOUD_SECRET_KEY"),
        }};
        var profile = new ClientProfile
        {{
            SignMethod = ClientProfile.SIGN_TC3SHA256,
            HttpProfile = new HttpProfile {{ Protocol = HttpProfile.{protocol}, Endpoint = {host} }},
        }};
        try
        {{
{body}
            return 0;
        }}
        catch (TencentCloudSDKException error)
        {{
            // The SDK puts the code into the message.
            Console.Error.WriteLine($"{{error.Message}} (RequestId {{error.RequestId}})");
            return 1;
        }}
    }}
}}
"#
    )
}

fn typed(call: &Call<'_>) -> String {
    let action = call.action();
    let region = (MODELS.text)(call.region.as_str());
    let request = MODELS.object(&format!("{action}Request"), &call.parameters);
    let request = if call.parameters.is_empty() {
        format!("new {action}Request()")
    } else {
        request
    };
    format!(
        "var client = new CdbClient(credential, {region}, profile);
var request = {request};
var response = await client.{action}(request);
Console.WriteLine(AbstractModel.ToJsonString(response));"
    )
}

fn generic(call: &Call<'_>) -> String {
    let (service, version, action) = (call.service(), call.version(), call.action());
    let region = (MODELS.text)(call.region.as_str());
    let parameters = DICTIONARIES.object("", &call.parameters);
    format!(
        "var client = new CommonClient(\"{service}\", \"{version}\", credential, {region}, profile);
var parameters = {parameters};
Console.WriteLine(await client.CallAsync(new CommonRequest(parameters), \"{action}\"));"
    )
}
