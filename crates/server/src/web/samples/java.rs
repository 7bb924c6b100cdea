use std::collections::BTreeSet;

use super::literal::Kind;
use super::setters::Setters;
use super::text::{Quoting, indented, java};
use super::tree::{Brackets, Syntax, lower_case};
use super::{Call, Scheme, json};

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

const SETTERS: Setters = Setters {
    syntax: &ARRAYS,
    declare: |model, variable| format!("{model} {variable} = new {model}();"),
    set: |variable, name, value| format!("{variable}.set{name}({value});"),
    sigil: "",
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
    if call.is_the_vendors() {
        typed(call)
    } else {
        signed(call)
    }
}

fn typed(call: &Call<'_>) -> String {
    let heading = call.heading("//", "com.tencentcloudapi:tencentcloud-sdk-java");
    let (imports, body) = (typed_imports(call), body(call));
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

fn body(call: &Call<'_>) -> String {
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

fn signed(call: &Call<'_>) -> String {
    let heading = call.heading("//", "Java 11");
    let quote = |text: &str| (ARRAYS.text)(text);
    let (endpoint, region) = (
        quote(&call.endpoint.to_string()),
        quote(call.region.as_str()),
    );
    let (service, version, action) = (call.service(), call.version(), call.action());
    let secret = |variable: &str| format!("json({})", (ARRAYS.secret)(variable));
    let body = json::expression(call, quote, secret);
    format!(
        r#"{heading}import java.math.BigInteger;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.List;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public final class Sample {{
    static final String ENDPOINT = {endpoint};
    static final String REGION = {region};
    static final String SERVICE = "{service}";
    static final String VERSION = "{version}";
    static final String ACTION = "{action}";
    static final String BODY = {body};
{SIGNED}"#
    )
}

const SIGNED: &str = r#"
    static final String SIGNED_HEADERS = "content-type;host;x-tc-action;x-tc-version";

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static String hex(byte[] bytes) {
        return String.format("%064x", new BigInteger(1, bytes));
    }

    static String sha256(String text) throws Exception {
        return hex(MessageDigest.getInstance("SHA-256").digest(bytes(text)));
    }

    static byte[] mac(byte[] key, String text) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(bytes(text));
    }

    /** A text as JSON has it. */
    static String json(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char letter : text.toCharArray()) {
            boolean special = letter < ' ' || letter == '"' || letter == '\\';
            quoted.append(special ? String.format("\\u%04x", (int) letter) : String.valueOf(letter));
        }
        return quoted.append('"').toString();
    }

    static String authorization(String host, Instant now) throws Exception {
        String date = now.toString().substring(0, 10);
        String scope = date + "/" + SERVICE + "/tc3_request";
        String headers = "content-type:application/json\nhost:" + host
                + "\nx-tc-action:" + ACTION.toLowerCase() + "\nx-tc-version:" + VERSION + "\n";
        String canonicalRequest = "POST\n/\n\n" + headers + "\n" + SIGNED_HEADERS + "\n" + sha256(BODY);
        byte[] key = bytes("TC3" + System.getenv("TENCENTCLOUD_SECRET_KEY"));
        for (String part : List.of(date, SERVICE, "tc3_request")) {
            key = mac(key, part);
        }
        String toSign =
                "TC3-HMAC-SHA256\n" + now.getEpochSecond() + "\n" + scope + "\n" + sha256(canonicalRequest);
        return "TC3-HMAC-SHA256 Credential=" + System.getenv("TENCENTCLOUD_SECRET_ID") + "/" + scope
                + ", SignedHeaders=" + SIGNED_HEADERS + ", Signature=" + hex(mac(key, toSign));
    }

    public static void main(String[] arguments) throws Exception {
        URI uri = URI.create(ENDPOINT + "/");
        Instant now = Instant.now();
        HttpRequest request = HttpRequest.newBuilder(uri)
                .version(HttpClient.Version.HTTP_1_1)
                .header("Authorization", authorization(uri.getAuthority(), now))
                .header("Content-Type", "application/json")
                .header("X-TC-Action", ACTION)
                .header("X-TC-Version", VERSION)
                .header("X-TC-Timestamp", String.valueOf(now.getEpochSecond()))
                .header("X-TC-Region", REGION)
                .POST(HttpRequest.BodyPublishers.ofString(BODY))
                .build();
        String answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body();
        // A call that is refused is answered with HTTP 200 as well.
        if (answer.startsWith("{\"Response\":{\"Error\":")) {
            System.err.println(answer);
            System.exit(1);
        }
        System.out.println(answer);
    }
}
"#;
