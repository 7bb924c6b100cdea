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
    if call.is_the_vendors() {
        typed(call)
    } else {
        signed(call)
    }
}

fn typed(call: &Call<'_>) -> String {
    let heading = call.heading("//", "npm install tencentcloud-sdk-nodejs");
    let quote = |text| (SYNTAX.text)(text);
    let (host, region) = (quote(call.endpoint.host()), quote(call.region.as_str()));
    let (scheme, action) = (call.endpoint.scheme().name(), call.action());
    let parameters = SYNTAX.object("", &call.parameters);
    let request = indented(
        &format!("const response = await client.{action}({parameters});"),
        "  ",
    );
    format!(
        r#"{heading}"use strict";

const {{ cdb }} = require("tencentcloud-sdk-nodejs/tencentcloud/services/cdb");
const SdkException =
  require("tencentcloud-sdk-nodejs/tencentcloud/common/exception/tencent_cloud_sdk_exception").default;

const client = new cdb.v20170320.Client({{
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

fn signed(call: &Call<'_>) -> String {
    let heading = call.heading("//", "Node.js 18");
    let quote = |text: &str| (SYNTAX.text)(text);
    let (endpoint, region) = (
        quote(&call.endpoint.to_string()),
        quote(call.region.as_str()),
    );
    let (service, version, action) = (call.service(), call.version(), call.action());
    let parameters = SYNTAX.object("", &call.parameters);
    format!(
        r#"{heading}"use strict";

const crypto = require("node:crypto");

const [endpoint, region] = [{endpoint}, {region}];
const [service, version, action] = ["{service}", "{version}", "{action}"];
const parameters = {parameters};
{SIGNED}"#
    )
}

const SIGNED: &str = r#"
const signedHeaders = "content-type;host;x-tc-action;x-tc-version";
const sha256 = (text) => crypto.createHash("sha256").update(text).digest("hex");
const mac = (key, text) => crypto.createHmac("sha256", key).update(text).digest();

function authorization(host, body, timestamp) {
  const date = new Date(timestamp * 1000).toISOString().slice(0, 10);
  const scope = `${date}/${service}/tc3_request`;
  const headers =
    `content-type:application/json\nhost:${host}\nx-tc-action:${action.toLowerCase()}\nx-tc-version:${version}\n`;
  const canonicalRequest = `POST\n/\n\n${headers}\n${signedHeaders}\n${sha256(body)}`;
  const key = [date, service, "tc3_request"].reduce(mac, `TC3${process.env.TENCENTCLOUD_SECRET_KEY}`);
  const signature = mac(key, `TC3-HMAC-SHA256\n${timestamp}\n${scope}\n${sha256(canonicalRequest)}`).toString("hex");
  const credential = `${process.env.TENCENTCLOUD_SECRET_ID}/${scope}`;
  return `TC3-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signedHeaders}, Signature=${signature}`;
}

async function main() {
  const body = JSON.stringify(parameters);
  const timestamp = Math.floor(Date.now() / 1000);
  const headers = {
    Authorization: authorization(endpoint.split("://")[1], body, timestamp),
    "Content-Type": "application/json",
    "X-TC-Action": action,
    "X-TC-Version": version,
    "X-TC-Timestamp": String(timestamp),
    "X-TC-Region": region,
  };
  const answer = await fetch(`${endpoint}/`, { method: "POST", headers, body });
  const { Response: response } = await answer.json();
  if (response.Error) {
    console.error(`${response.Error.Code}: ${response.Error.Message} (RequestId ${response.RequestId})`);
    process.exitCode = 1;
  } else {
    console.log(JSON.stringify(response));
  }
}

main();
"#;
