use super::Call;
use super::text::{Quoting, braced, indented};
use super::tree::{Brackets, Syntax, lower_case};

/// What stands in `json!`.
const SYNTAX: Syntax = Syntax {
    text: |text| {
        const QUOTING: Quoting = Quoting {
            special: "",
            ascii: false,
            escape: braced,
        };
        QUOTING.quote(text)
    },
    indent: "    ",
    secret: |variable| format!("env::var(\"{variable}\")?"),
    integer: |value| {
        // A number without a type is an `i32`.
        let suffix = i32::try_from(value).map_or("i64", |_| "");
        format!("{value}{suffix}")
    },
    boolean: lower_case,
    list: |_| Brackets::tight("[", "]"),
    object: |_| Brackets::spaced("{", "}"),
    pair: |name, value| format!("\"{name}\": {value}"),
    last_comma: true,
};

pub(super) fn sample(call: &Call<'_>) -> String {
    let (action, service, version) = (call.action(), call.service(), call.version());
    let environment = call.environment().join(", ");
    let quote = |text: &str| (SYNTAX.text)(text);
    let (host, region) = (quote(call.endpoint.host()), quote(call.region.as_str()));
    let url = quote(&format!("{}/", call.endpoint));
    let parameters = indented(&SYNTAX.object("", &call.parameters), "    ");
    let parameters = parameters.trim_start();
    let headers = if call.is_the_vendors() {
        "&[]".to_owned()
    } else {
        format!("&[(\"x-tc-action\", \"{action}\"), (\"x-tc-version\", \"{version}\")]")
    };
    format!(
        r#"//! {action} of {service} {version}.
//! Environment: {environment}
//!
//! The vendor has no SDK for Rust; `wire` is the crate of Signet's source that signs. In Cargo.toml:
//!
//! [dependencies]
//! serde_json = "1"
//! ureq = "3"
//! wire = {{ path = "crates/wire" }}

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::{{SystemTime, UNIX_EPOCH}};

use serde_json::{{Value, json}};
use ureq::http::Method;
use wire::tc3::{{Unsigned, authorization}};
use wire::{{SecretId, SecretKey}};

fn main() -> Result<ExitCode, Box<dyn Error>> {{
    let response = call()?;
    let Some(error) = response.get("Error") else {{
        println!("{{response}}");
        return Ok(ExitCode::SUCCESS);
    }};
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (code, message) = (text(&error["Code"]), text(&error["Message"]));
    eprintln!("{{code}}: {{message}} (RequestId {{}})", text(&response["RequestId"]));
    Ok(ExitCode::FAILURE)
}}

fn call() -> Result<Value, Box<dyn Error>> {{
    let parameters = json!({parameters});
    let body = parameters.to_string();
    let timestamp = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    let signature = authorization(
        &SecretId::new(env::var("TENCENTCLOUD_SECRET_ID")?)?,
        &SecretKey::new(env::var("TENCENTCLOUD_SECRET_KEY")?),
        &Unsigned {{
            method: &Method::POST,
            host: {host},
            content_type: "application/json",
            query: "",
            body: body.as_bytes(),
            service: "{service}",
            timestamp,
            headers: {headers},
        }},
    );
    let answer = ureq::post({url})
        .header("Authorization", signature)
        .header("Content-Type", "application/json")
        .header("X-TC-Action", "{action}")
        .header("X-TC-Version", "{version}")
        .header("X-TC-Timestamp", timestamp.to_string())
        .header("X-TC-Region", {region})
        .send(body)?
        .body_mut()
        .read_to_string()?;
    let mut answer: Value = serde_json::from_str(&answer)?;
    Ok(answer["Response"].take())
}}
"#
    )
}
