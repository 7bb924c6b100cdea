use std::collections::BTreeSet;

use super::setters::Setters;
use super::text::{Quoting, indented, octal_bytes};
use super::tree::{Brackets, Syntax, digits, lower_case};
use super::{Call, Scheme, json};

const SYNTAX: Syntax = Syntax {
    text: quote,
    indent: "    ",
    secret: |variable| format!("Environment(\"{variable}\")"),
    integer: digits,
    boolean: lower_case,
    list: |_| Brackets::tight("{", "}"),
    object: |_| Brackets::tight("{", "}"),
    pair: |_, value| value.to_owned(),
    last_comma: false,
};

const QUOTING: Quoting = Quoting {
    // `??/` is a backslash to compilers that still know trigraphs.
    special: "?",
    ascii: false,
    escape: octal_bytes,
};

/// A literal ends at its first byte of nothing, unless its length is given.
fn quote(text: &str) -> String {
    let quoted = QUOTING.quote(text);
    if text.contains('\0') {
        format!("std::string({quoted}, {})", text.len())
    } else {
        quoted
    }
}

const SETTERS: Setters = Setters {
    syntax: &SYNTAX,
    declare: |model, variable| format!("{model} {variable};"),
    set: |variable, name, value| format!("{variable}.Set{name}({value});"),
    sigil: "",
};

pub(super) fn sample(call: &Call<'_>) -> String {
    let heading = call.heading("//", needs(call));
    let (includes, uses, body) = if call.is_the_vendors() {
        (typed_includes(call), TYPED_USES, typed(call))
    } else {
        let includes = GENERIC_INCLUDES.map(str::to_owned);
        (BTreeSet::from(includes), "", generic(call))
    };
    let common = [
        "Credential.h",
        "TencentCloud.h",
        "profile/ClientProfile.h",
        "profile/HttpProfile.h",
    ];
    let common = common.map(|name| format!("core/{name}"));
    let includes: String = BTreeSet::from(common)
        .union(&includes)
        .map(|name| format!("#include <tencentcloud/{name}>\n"))
        .collect();
    let protocol = match call.endpoint.scheme() {
        Scheme::Http => "HTTP",
        Scheme::Https => "HTTPS",
    };
    let host = quote(call.endpoint.host());
    let body = indented(&body, "    ");
    format!(
        r#"{heading}#include <cstdlib>
#include <iostream>
#include <string>
{includes}
using namespace TencentCloud;
{uses}
namespace {{

std::string Environment(const char *name) {{
    const char *value = std::getenv(name);
    return value ? value : "";
}}

int Refused(const std::string &code, const std::string &message, const std::string &requestId) {{
    std::cerr << code << ": " << message << " (RequestId " << requestId << ")" << std::endl;
    return 1;
}}

int Call() {{
    const Credential credential(Environment("TENCENTCLOUD_SECRET_ID"), Environment("TENCENTCLOUD_SECRET_KEY"));
    HttpProfile http;
    http.SetProtocol(HttpProfile::Scheme::{protocol});
    http.SetEndpoint({host});
    const ClientProfile profile(http);
{body}
}}

}}  // namespace

int main() {{
    InitAPI();
    const int status = Call();
    ShutdownAPI();
    return status;
}}
"#
    )
}

fn needs(call: &Call<'_>) -> &'static str {
    if call.is_the_vendors() {
        "tencentcloud-sdk-cpp, linked with -ltencentcloud-sdk-cpp-cdb -ltencentcloud-sdk-cpp-core"
    } else {
        "tencentcloud-sdk-cpp, linked with -ltencentcloud-sdk-cpp-core"
    }
}

const GENERIC_INCLUDES: [&str; 4] = [
    "core/CommonClient.h",
    "core/utils/rapidjson/document.h",
    "core/utils/rapidjson/stringbuffer.h",
    "core/utils/rapidjson/writer.h",
];

const TYPED_USES: &str = "using namespace TencentCloud::Cdb::V20170320;\nusing namespace TencentCloud::Cdb::V20170320::Model;\n";

fn typed_includes(call: &Call<'_>) -> BTreeSet<String> {
    let models = call.models();
    let models = models
        .iter()
        .map(|model| format!("cdb/v20170320/model/{model}.h"));
    models
        .chain(["cdb/v20170320/CdbClient.h".to_owned()])
        .collect()
}

fn typed(call: &Call<'_>) -> String {
    let action = call.action();
    let region = quote(call.region.as_str());
    let parameters = SETTERS.statements("request", &call.parameters);
    format!(
        "CdbClient client(credential, {region}, profile);

{action}Request request;
{parameters}
auto outcome = client.{action}(request);
if (!outcome.IsSuccess()) {{
    const auto error = outcome.GetError();
    return Refused(error.GetErrorCode(), error.GetErrorMessage(), error.GetRequestId());
}}
std::cout << outcome.GetResult().ToJsonString() << std::endl;
return 0;"
    )
}

/// The generic client takes JSON and gives back the body as it came: errors are for its user to see.
fn generic(call: &Call<'_>) -> String {
    let (service, version, action) = (call.service(), call.version(), call.action());
    let region = quote(call.region.as_str());
    let (parameters, given) = json_parameters(call);
    format!(
        "CommonClient client(\"{service}\", \"{version}\", credential, {region}, profile);

{parameters}
auto outcome = client.MakeRequestJson(\"{action}\", {given});
if (!outcome.IsSuccess()) {{
    const auto error = outcome.GetError();
    return Refused(error.GetErrorCode(), error.GetErrorMessage(), error.GetRequestId());
}}
const std::string body(outcome.GetResult().Body(), outcome.GetResult().BodySize());
rapidjson::Document answer;
answer.Parse(body.c_str());
const auto &response = answer[\"Response\"];
if (response.HasMember(\"Error\")) {{
    const auto &error = response[\"Error\"];
    return Refused(error[\"Code\"].GetString(), error[\"Message\"].GetString(), response[\"RequestId\"].GetString());
}}
std::cout << body << std::endl;
return 0;"
    )
}

/// The statements that make the JSON, and the expression that it then is.
fn json_parameters(call: &Call<'_>) -> (String, &'static str) {
    let json = raw(&json::without_secrets(&call.parameters));
    let secrets = call.secrets();
    if secrets.is_empty() {
        return (
            format!("const std::string parameters = {json};"),
            "parameters",
        );
    }
    let mut lines = format!("rapidjson::Document parameters;\nparameters.Parse({json});\n");
    lines.push_str("auto &allocator = parameters.GetAllocator();\n");
    for (name, variable) in secrets {
        let value = format!("rapidjson::Value(Environment(\"{variable}\").c_str(), allocator)");
        lines.push_str(&format!(
            "parameters.AddMember(\"{name}\", {value}, allocator);\n"
        ));
    }
    lines.push_str(
        "rapidjson::StringBuffer json;\nrapidjson::Writer<rapidjson::StringBuffer> writer(json);\nparameters.Accept(writer);",
    );
    (lines, "json.GetString()")
}

/// A raw literal, unless the text has what would end it.
fn raw(text: &str) -> String {
    if text.contains(")json\"") {
        quote(text)
    } else {
        format!("R\"json({text})json\"")
    }
}
