use super::Call;
use super::text::{Quoting, braced, indented};
use super::tree::{Brackets, Syntax, digits, lower_case};

const SYNTAX: Syntax = Syntax {
    text: |text| {
        const QUOTING: Quoting = Quoting {
            special: "",
            ascii: false,
            escape: braced,
        };
        QUOTING.quote(text)
    },
    indent: "  ",
    secret: |variable| format!("process.env.{variable}"),
    integer: digits,
    boolean: lower_case,
    list: |_| Brackets::tight("[", "]"),
    object: |_| Brackets::spaced("{", "}"),
    pair: |name, value| format!("{name}: {value}"),
    last_comma: true,
};

pub(super) fn sample(call: &Call<'_>) -> String {
    let heading = call.heading("//", "npm install tencentcloud-sdk-nodejs");
    let quote = |text| (SYNTAX.text)(text);
    let (host, region) = (quote(call.endpoint.host()), quote(call.region.as_str()));
    let (scheme, action) = (call.endpoint.scheme().name(), call.action());
    let parameters = SYNTAX.object("", &call.parameters);
    let (import, client, request) = if call.is_the_vendors() {
        (
            "const { cdb } = require(\"tencentcloud-sdk-nodejs/tencentcloud/services/cdb\");",
            "cdb.v20170320.Client(".to_owned(),
            format!("{action}("),
        )
    } else {
        (
            "const { CommonClient } = require(\"tencentcloud-sdk-nodejs/tencentcloud/common\");",
            format!("CommonClient({host}, \"{}\", ", call.version()),
            format!("request(\"{action}\", "),
        )
    };
    let request = indented(
        &format!("const response = await client.{request}{parameters});"),
        "  ",
    );
    format!(
        r#"{heading}"use strict";

{import}
const SdkException =
  require("tencentcloud-sdk-nodejs/tencentcloud/common/exception/tencent_cloud_sdk_exception").default;

const client = new {client}{{
  credential: {{
    secretId: process.env.TENCENTCLOUD_SECRET_ID,
    secretKey: process.env.TENCENTCLOUD_SECRET_KEY,
  }},
  region: {region},
  profile: {{ httpProfile: {{ protocol: "{scheme}://", endpoint: {host} }} }},
}});

async function main() {{
{request}
  console.log(JSON.stringify(response));
}}

main().catch((error) => {{
  if (!(error instanceof SdkException)) throw error;
  console.error(`${{error.code}}: ${{error.message}} (RequestId ${{error.requestId}})`);
  process.exitCode = 1;
}});
"#
    )
}
