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

pub(super) fn sample(call: &Call<'_>) -> String {
    if call.is_the_vendors() {
        typed(call)
    } else {
        signed(call)
    }
}

fn typed(call: &Call<'_>) -> String {
    let heading = call.heading("//", "dotnet add package TencentCloudSDK");
    let body = body(call);
    let protocol = match call.endpoint.scheme() {
        Scheme::Http => "REQ_HTTP",
        Scheme::Https => "REQ_HTTPS",
    };
    let host = (MODELS.text)(call.endpoint.host());
    let body = indented(&body, "            ");
    format!(
        r#"{heading}using System;
using System.Threading.Tasks;
using TencentCloud.Cdb.V20170320;
using TencentCloud.Cdb.V20170320.Models;
using TencentCloud.Common;
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

fn body(call: &Call<'_>) -> String {
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

fn signed(call: &Call<'_>) -> String {
    let heading = call.heading("//", ".NET 6");
    let quote = |text: &str| (MODELS.text)(text);
    let (endpoint, region) = (
        quote(&call.endpoint.to_string()),
        quote(call.region.as_str()),
    );
    let (service, version, action) = (call.service(), call.version(), call.action());
    let parameters = indented(&DICTIONARIES.object("", &call.parameters), "    ");
    let parameters = parameters.trim_start();
    format!(
        r#"{heading}using System;
using System.Collections.Generic;
using System.Linq;
using System.Net.Http;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Threading.Tasks;

static class Sample
{{
    const string Endpoint = {endpoint}, Region = {region};
    const string Service = "{service}", Version = "{version}", Action = "{action}";
    static readonly Dictionary<string, object> Parameters = {parameters};
{SIGNED}"#
    )
}

const SIGNED: &str = r#"
    const string SignedHeaders = "content-type;host;x-tc-action;x-tc-version";

    static string Hex(byte[] bytes) => Convert.ToHexString(bytes).ToLowerInvariant();

    static string Sha256(string text) => Hex(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    static byte[] Mac(byte[] key, string text) => HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text));

    static string Authorization(string host, string body, DateTimeOffset now)
    {
        var date = now.UtcDateTime.ToString("yyyy-MM-dd");
        var scope = $"{date}/{Service}/tc3_request";
        var headers = $"content-type:application/json\nhost:{host}\n"
            + $"x-tc-action:{Action.ToLowerInvariant()}\nx-tc-version:{Version}\n";
        var canonicalRequest = $"POST\n/\n\n{headers}\n{SignedHeaders}\n{Sha256(body)}";
        var secret = "TC3" + Environment.GetEnvironmentVariable("TENCENTCLOUD_SECRET_KEY");
        var key = new[] { date, Service, "tc3_request" }.Aggregate(Encoding.UTF8.GetBytes(secret), Mac);
        var toSign = $"TC3-HMAC-SHA256\n{now.ToUnixTimeSeconds()}\n{scope}\n{Sha256(canonicalRequest)}";
        var credential = Environment.GetEnvironmentVariable("TENCENTCLOUD_SECRET_ID") + "/" + scope;
        return $"TC3-HMAC-SHA256 Credential={credential}, SignedHeaders={SignedHeaders}, Signature={Hex(Mac(key, toSign))}";
    }

    static async Task<int> Main()
    {
        var body = JsonSerializer.Serialize(Parameters);
        var now = DateTimeOffset.UtcNow;
        var uri = new Uri(Endpoint + "/");
        var request = new HttpRequestMessage(HttpMethod.Post, uri)
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)),
        };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        request.Headers.TryAddWithoutValidation("Authorization", Authorization(uri.Authority, body, now));
        request.Headers.Add("X-TC-Action", Action);
        request.Headers.Add("X-TC-Version", Version);
        request.Headers.Add("X-TC-Timestamp", now.ToUnixTimeSeconds().ToString());
        request.Headers.Add("X-TC-Region", Region);
        using var client = new HttpClient();
        using var answer = await client.SendAsync(request);
        using var envelope = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        var response = envelope.RootElement.GetProperty("Response");
        if (response.TryGetProperty("Error", out var error))
        {
            var (code, message) = (error.GetProperty("Code"), error.GetProperty("Message"));
            Console.Error.WriteLine($"{code}: {message} (RequestId {response.GetProperty("RequestId")})");
            return 1;
        }
        Console.WriteLine(response.GetRawText());
        return 0;
    }
}
"#;
