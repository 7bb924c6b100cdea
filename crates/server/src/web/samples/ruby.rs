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
    if call.is_the_vendors() {
        typed(call)
    } else {
        signed(call)
    }
}

fn typed(call: &Call<'_>) -> String {
    let heading = call.heading(
        "#",
        "gem install tencentcloud-sdk-common tencentcloud-sdk-cdb",
    );
    let host = (SYNTAX.text)(call.endpoint.host());
    let scheme = call.endpoint.scheme().name();
    let body = indented(&body(call), "  ");
    format!(
        r##"{heading}require "json"
require "tencentcloud-sdk-common"
require "tencentcloud-sdk-cdb"

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

fn body(call: &Call<'_>) -> String {
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

fn signed(call: &Call<'_>) -> String {
    let heading = call.heading("#", "Ruby 2.6");
    let quote = |text: &str| (SYNTAX.text)(text);
    let (endpoint, region) = (
        quote(&call.endpoint.to_string()),
        quote(call.region.as_str()),
    );
    let (service, version, action) = (call.service(), call.version(), call.action());
    let parameters = SYNTAX.object("", &call.parameters);
    format!(
        r#"{heading}require "json"
require "net/http"
require "openssl"

endpoint = {endpoint}
region = {region}
service = "{service}"
version = "{version}"
action = "{action}"
parameters = {parameters}
{SIGNED}"#
    )
}

const SIGNED: &str = r##"
sha256 = ->(text) { OpenSSL::Digest::SHA256.hexdigest(text) }
mac = ->(key, text) { OpenSSL::HMAC.digest("SHA256", key, text) }

body = JSON.generate(parameters)
time = Time.now.utc
date = time.strftime("%Y-%m-%d")
host = endpoint.split("://")[1]

names = "content-type;host;x-tc-action;x-tc-version"
headers = "content-type:application/json\nhost:#{host}\nx-tc-action:#{action.downcase}\nx-tc-version:#{version}\n"
canonical_request = "POST\n/\n\n#{headers}\n#{names}\n#{sha256.call(body)}"
scope = "#{date}/#{service}/tc3_request"
string_to_sign = "TC3-HMAC-SHA256\n#{time.to_i}\n#{scope}\n#{sha256.call(canonical_request)}"
key = [date, service, "tc3_request"].reduce("TC3#{ENV.fetch("TENCENTCLOUD_SECRET_KEY")}", &mac)
signature = mac.call(key, string_to_sign).unpack1("H*")
credential = "#{ENV.fetch("TENCENTCLOUD_SECRET_ID")}/#{scope}"

answer = Net::HTTP.post(
  URI("#{endpoint}/"),
  body,
  "Authorization" => "TC3-HMAC-SHA256 Credential=#{credential}, SignedHeaders=#{names}, Signature=#{signature}",
  "Content-Type" => "application/json",
  "Host" => host,
  "X-TC-Action" => action,
  "X-TC-Version" => version,
  "X-TC-Timestamp" => time.to_i.to_s,
  "X-TC-Region" => region
)
response = JSON.parse(answer.body)["Response"]
if (error = response["Error"])
  warn "#{error["Code"]}: #{error["Message"]} (RequestId #{response["RequestId"]})"
  exit 1
end
puts JSON.generate(response)
"##;
