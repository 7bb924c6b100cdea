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
    if call.is_the_vendors() {
        typed(call)
    } else {
        signed(call)
    }
}

fn typed(call: &Call<'_>) -> String {
    let needs =
        "tencentcloud-sdk-cpp, linked with -ltencentcloud-sdk-cpp-cdb -ltencentcloud-sdk-cpp-core";
    let heading = call.heading("//", needs);
    let (includes, body) = (typed_includes(call), body(call));
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
using namespace TencentCloud::Cdb::V20170320;
using namespace TencentCloud::Cdb::V20170320::Model;

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

fn typed_includes(call: &Call<'_>) -> BTreeSet<String> {
    let models = call.models();
    let models = models
        .iter()
        .map(|model| format!("cdb/v20170320/model/{model}.h"));
    models
        .chain(["cdb/v20170320/CdbClient.h".to_owned()])
        .collect()
}

fn body(call: &Call<'_>) -> String {
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

fn signed(call: &Call<'_>) -> String {
    let heading = call.heading("//", "C++17, linked with -lcurl -lcrypto");
    let (endpoint, region) = (
        quote(&call.endpoint.to_string()),
        quote(call.region.as_str()),
    );
    let (service, version, action) = (call.service(), call.version(), call.action());
    let secret = |variable: &str| format!("Json(Environment(\"{variable}\"))");
    // Two literals cannot be added.
    let body = json::expression(call, |text| format!("std::string({})", raw(text)), secret);
    format!(
        r#"{heading}#include <cstdlib>
#include <ctime>
#include <initializer_list>
#include <iostream>
#include <string>

#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace {{

const std::string kEndpoint = {endpoint};
const std::string kRegion = {region};
const std::string kService = "{service}";
const std::string kVersion = "{version}";
const std::string kAction = "{action}";

std::string Environment(const char *name) {{
    const char *value = std::getenv(name);
    return value ? value : "";
}}
{JSON}
std::string Body() {{
    return {body};
}}
{SIGNED}"#
    )
}

const JSON: &str = r#"
// A text as JSON has it.
std::string Json(const std::string &text) {
    static const char *digits = "0123456789abcdef";
    std::string quoted = "\"";
    for (const unsigned char letter : text) {
        if (letter < ' ' || letter == '"' || letter == '\\') {
            quoted += std::string("\\u00") + digits[letter >> 4] + digits[letter & 15];
        } else {
            quoted += static_cast<char>(letter);
        }
    }
    return quoted + "\"";
}
"#;

const SIGNED: &str = r#"
const std::string kSignedHeaders = "content-type;host;x-tc-action;x-tc-version";

std::string Hex(const std::string &bytes) {
    static const char *digits = "0123456789abcdef";
    std::string text;
    for (const unsigned char byte : bytes) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

std::string Sha256(const std::string &text) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    EVP_Digest(text.data(), text.size(), digest, &length, EVP_sha256(), nullptr);
    return Hex(std::string(reinterpret_cast<char *>(digest), length));
}

std::string Mac(const std::string &key, const std::string &text) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    const auto *bytes = reinterpret_cast<const unsigned char *>(text.data());
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, text.size(), digest, &length);
    return std::string(reinterpret_cast<char *>(digest), length);
}

std::string LowerCase(std::string text) {
    for (char &letter : text) {
        letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
    }
    return text;
}

std::string Authorization(const std::string &host, const std::string &body, std::time_t now) {
    char date[11];
    std::strftime(date, sizeof date, "%Y-%m-%d", std::gmtime(&now));
    const std::string scope = std::string(date) + "/" + kService + "/tc3_request";
    const std::string headers = "content-type:application/json\nhost:" + host + "\nx-tc-action:" + LowerCase(kAction) +
                                "\nx-tc-version:" + kVersion + "\n";
    const std::string canonicalRequest = "POST\n/\n\n" + headers + "\n" + kSignedHeaders + "\n" + Sha256(body);
    std::string key = "TC3" + Environment("TENCENTCLOUD_SECRET_KEY");
    for (const std::string &part : {std::string(date), kService, std::string("tc3_request")}) {
        key = Mac(key, part);
    }
    const std::string toSign =
        "TC3-HMAC-SHA256\n" + std::to_string(now) + "\n" + scope + "\n" + Sha256(canonicalRequest);
    return "TC3-HMAC-SHA256 Credential=" + Environment("TENCENTCLOUD_SECRET_ID") + "/" + scope +
           ", SignedHeaders=" + kSignedHeaders + ", Signature=" + Hex(Mac(key, toSign));
}

size_t Append(char *bytes, size_t size, size_t count, void *answer) {
    static_cast<std::string *>(answer)->append(bytes, size * count);
    return size * count;
}

int Call() {
    const std::string body = Body();
    const std::string host = kEndpoint.substr(kEndpoint.find("://") + 3);
    const std::time_t now = std::time(nullptr);
    curl_slist *headers = nullptr;
    for (const std::string &header : {
             "Authorization: " + Authorization(host, body, now), std::string("Content-Type: application/json"),
             "X-TC-Action: " + kAction, "X-TC-Version: " + kVersion, "X-TC-Timestamp: " + std::to_string(now),
             "X-TC-Region: " + kRegion}) {
        headers = curl_slist_append(headers, header.c_str());
    }
    std::string answer;
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, (kEndpoint + "/").c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, Append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    const CURLcode code = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    if (code != CURLE_OK) {
        std::cerr << curl_easy_strerror(code) << std::endl;
        return 1;
    }
    // A call that is refused is answered with HTTP 200 as well.
    const bool refused = answer.rfind("{\"Response\":{\"Error\":", 0) == 0;
    (refused ? std::cerr : std::cout) << answer << std::endl;
    return refused ? 1 : 0;
}

}  // namespace

int main() {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const int status = Call();
    curl_global_cleanup();
    return status;
}
"#;

/// A raw literal, unless the text has what would end it.
fn raw(text: &str) -> String {
    if text.contains(")json\"") {
        quote(text)
    } else {
        format!("R\"json({text})json\"")
    }
}
