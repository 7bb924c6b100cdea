use super::Call;
use super::setters::Setters;
use super::text::{Quoting, braced, indented};
use super::tree::{Brackets, Syntax, digits, lower_case};

const SYNTAX: Syntax = Syntax {
    text: |text| {
        const QUOTING: Quoting = Quoting {
            special: "#",
            ascii: false,
            escape: braced,
        };
        QUOTING.quote(text)
    },
    indent: "  ",
    secret: |variable| format!("ENV.fetch(\"{variable}\")"),
    integer: digits,
    boolean: lower_case,
    list: |_| Brackets::tight("[", "]"),
    object: |_| Brackets::spaced("{", "}"),
    pair: |name, value| format!("\"{name}\" => {value}"),
    last_comma: true,
};

const SETTERS: Setters = Setters {
    syntax: &SYNTAX,
    declare: |model, variable| format!("{variable} = TencentCloud::Cdb::V20170320::{model}.new"),
    set: |variable, name, value| format!("{variable}.{name} = {value}"),
    sigil: "",
};

pub(super) fn sample(call: &Call<'_>) -> String {
    let (gems, head, body) = if call.is_the_vendors() {
        (
            "tencentcloud-sdk-common tencentcloud-sdk-cdb",
            "require \"tencentcloud-sdk-cdb\"\n".to_owned(),
            typed(call),
        )
    } else {
        ("tencentcloud-sdk-common", client_class(call), generic(call))
    };
    let heading = call.heading("#", &format!("gem install {gems}"));
    let host = (SYNTAX.text)(call.endpoint.host());
    let scheme = call.endpoint.scheme().name();
    let body = indented(&body, "  ");
    format!(
        r##"{heading}require "json"
require "tencentcloud-sdk-common"
{head}
begin
  credential = TencentCloud::Common::Credential.new(
    ENV.fetch("TENCENTCLOUD_SECRET_ID"), ENV.fetch("TENCENTCLOUD_SECRET_KEY")
  )
  profile = TencentCloud::Common::ClientProfile.new
  profile.sign_method = "TC3-HMAC-SHA256"
  profile.http_profile = TencentCloud::Common::HttpProfile.new("{scheme}", {host})
{body}
rescue TencentCloud::Common::TencentCloudSDKException => e
  warn "#{{e.code}}: #{{e.message}} (RequestId #{{e.request_id}})"
  exit 1
end
"##
    )
}

fn typed(call: &Call<'_>) -> String {
    let action = call.action();
    let region = (SYNTAX.text)(call.region.as_str());
    let parameters = SETTERS.statements("request", &call.parameters);
    format!(
        "client = TencentCloud::Cdb::V20170320::Client.new(credential, {region}, profile)

request = TencentCloud::Cdb::V20170320::{action}Request.new
{parameters}
response = client.{action}(request)
puts JSON.generate(response.serialize)"
    )
}

/// The SDK has no generic client, but one that every client is made of.
fn client_class(call: &Call<'_>) -> String {
    let version = call.version();
    format!(
        r#"
class SignetClient < TencentCloud::Common::AbstractClient
  @@api_version = "{version}"

  def call(action, parameters)
    response = JSON.parse(send_request(action, parameters))["Response"]
    error = response["Error"]
    return response unless error

    raise TencentCloud::Common::TencentCloudSDKException.new(error["Code"], error["Message"], response["RequestId"])
  end
end
"#
    )
}

fn generic(call: &Call<'_>) -> String {
    let action = call.action();
    let region = (SYNTAX.text)(call.region.as_str());
    let parameters = SYNTAX.object("", &call.parameters);
    format!(
        "client = SignetClient.new(credential, {region}, profile)

parameters = {parameters}
puts JSON.generate(client.call(\"{action}\", parameters))"
    )
}
