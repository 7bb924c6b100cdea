use std::collections::BTreeSet;

use super::literal::Kind;
use super::setters::Setters;
use super::text::{Quoting, indented, java};
use super::tree::{Brackets, Syntax, lower_case};
use super::{Call, Scheme};

/// For the models of the SDK.
const ARRAYS: Syntax = Syntax {
    text: |text| {
        const QUOTING: Quoting = Quoting {
            special: "",
            // Before Java 18, the source's encoding is what the system has.
            ascii: true,
            escape: java,
        };
        QUOTING.quote(text)
    },
    indent: "    ",
    secret: |variable| format!("System.getenv(\"{variable}\")"),
    integer: |value| format!("{value}L"),
    boolean: lower_case,
    list: |kind| Brackets::tight(format!("new {}[] {{", type_of(kind)), "}"),
    object: |_| Brackets::tight("Map.of(", ")"),
    pair: |name, value| format!("\"{name}\", {value}"),
    last_comma: false,
};

/// For the generic client.
const COLLECTIONS: Syntax = Syntax {
    list: |_| Brackets::tight("List.of(", ")"),
    ..ARRAYS
};

const SETTERS: Setters = Setters {
    syntax: &ARRAYS,
    declare: |model, variable| format!("{model} {variable} = new {model}();"),
    set: |variable, name, value| format!("{variable}.set{name}({value});"),
    sigil: "",
};

const PUTS: Setters = Setters {
    syntax: &COLLECTIONS,
    set: |variable, name, value| format!("{variable}.put(\"{name}\", {value});"),
    ..SETTERS
};

fn type_of(kind: &Kind) -> &str {
    match kind {
        Kind::Text => "String",
        Kind::Integer { .. } => "Long",
        Kind::Number => "Float",
        Kind::Boolean => "Boolean",
        Kind::List => "Object",
        Kind::Object(model) => model,
    }
}

pub(super) fn sample(call: &Call<'_>) -> String {
    let heading = call.heading("//", "com.tencentcloudapi:tencentcloud-sdk-java");
    let (imports, body) = if call.is_the_vendors() {
        (typed_imports(call), typed(call))
    } else {
        (generic_imports(), generic(call))
    };
    let imports: String = imports
        .iter()
        .map(|name| format!("import {name};\n"))
        .collect();
    let protocol = match call.endpoint.scheme() {
        Scheme::Http => "REQ_HTTP",
        Scheme::Https => "REQ_HTTPS",
    };
    let host = (ARRAYS.text)(call.endpoint.host());
    let body = indented(&body, "            ");
    format!(
        r#"{heading}{imports}
public final class Sample {{
    public static void main(String[] arguments) {{
        Credential credential =
                new Credential(System.getenv("TENCENTCLOUD_SECRET_ID"), System.getenv("TENCENTCLOUD_SECRET_KEY"));
        HttpProfile http = new HttpProfile();
        http.setProtocol(HttpProfile.{protocol});
        http.setEndpoint({host});
        ClientProfile profile = new ClientProfile();
        profile.setHttpProfile(http);
        try {{
{body}
        }} catch (TencentCloudSDKException error) {{
            System.err.printf(
                    "%s: %s (RequestId %s)%n", error.getErrorCode(), error.getMessage(), error.getRequestId());
            System.exit(1);
        }}
    }}
}}
"#
    )
}

fn imports(more: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    let common = [
        "Credential",
        "exception.TencentCloudSDKException",
        "profile.ClientProfile",
        "profile.HttpProfile",
    ]
    .map(|name| format!("com.tencentcloudapi.common.{name}"));
    common.into_iter().chain(more).collect()
}

fn typed_imports(call: &Call<'_>) -> BTreeSet<String> {
    let models = call.models();
    let models = models
        .into_iter()
        .map(|model| format!("com.tencentcloudapi.cdb.v20170320.models.{model}"));
    let others = ["cdb.v20170320.CdbClient", "common.AbstractModel"];
    imports(models.chain(others.map(|name| format!("com.tencentcloudapi.{name}"))))
}

fn typed(call: &Call<'_>) -> String {
    let action = call.action();
    let region = (ARRAYS.text)(call.region.as_str());
    let parameters = SETTERS.statements("request", &call.parameters);
    format!(
        "CdbClient client = new CdbClient(credential, {region}, profile);

{action}Request request = new {action}Request();
{parameters}
System.out.println(AbstractModel.toJsonString(client.{action}(request)));"
    )
}

fn generic_imports() -> BTreeSet<String> {
    let names = [
        "com.google.gson.Gson",
        "com.tencentcloudapi.common.CommonClient",
        "com.tencentcloudapi.common.CommonRequest",
        "java.util.LinkedHashMap",
        "java.util.List",
        "java.util.Map",
    ];
    imports(names.map(str::to_owned))
}

fn generic(call: &Call<'_>) -> String {
    let (service, version, action) = (call.service(), call.version(), call.action());
    let region = (ARRAYS.text)(call.region.as_str());
    // Maps of `Map.of` have ten entries at most.
    let parameters: String = call
        .parameters
        .iter()
        .map(|(name, value)| (PUTS.set)("parameters", name, &COLLECTIONS.value(value)) + "\n")
        .collect();
    format!(
        "CommonClient client = new CommonClient(\"{service}\", \"{version}\", credential, {region}, profile);

Map<String, Object> parameters = new LinkedHashMap<>();
{parameters}
CommonRequest request = new CommonRequest(new Gson().toJson(parameters));
System.out.println(client.commonRequest(request, \"{action}\"));"
    )
}
