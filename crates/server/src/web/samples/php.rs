use std::collections::BTreeSet;

use super::setters::Setters;
use super::text::{Quoting, braced, indented};
use super::tree::{Brackets, Syntax, digits, lower_case};
use super::{Call, Scheme};

const SYNTAX: Syntax = Syntax {
    text: |text| {
        const QUOTING: Quoting = Quoting {
            special: "$",
            ascii: false,
            escape: braced,
        };
        QUOTING.quote(text)
    },
    indent: "    ",
    secret: |variable| format!("getenv(\"{variable}\")"),
    integer: digits,
    boolean: lower_case,
    list: |_| Brackets::tight("[", "]"),
    object: |_| Brackets::tight("[", "]"),
    pair: |name, value| format!("\"{name}\" => {value}"),
    last_comma: true,
};

const SETTERS: Setters = Setters {
    syntax: &SYNTAX,
    declare: |model, variable| format!("{variable} = new {model}();"),
    set: |variable, name, value| format!("{variable}->{name} = {value};"),
    sigil: "$",
};

pub(super) fn sample(call: &Call<'_>) -> String {
    if call.is_the_vendors() {
        typed(call)
    } else {
        signed(call)
    }
}

fn typed(call: &Call<'_>) -> String {
    let heading = call.heading("//", "composer require tencentcloud/tencentcloud-sdk-php");
    let (uses, body) = (typed_uses(call), body(call));
    let common = [
        "Credential",
        "Exception\\TencentCloudSDKException",
        "Profile\\ClientProfile",
        "Profile\\HttpProfile",
    ];
    let common = common.map(|name| format!("Common\\{name}"));
    let uses: String = BTreeSet::from(common)
        .union(&uses)
        .map(|name| format!("use TencentCloud\\{name};\n"))
        .collect();
    let protocol = match call.endpoint.scheme() {
        Scheme::Http => "$REQ_HTTP",
        Scheme::Https => "$REQ_HTTPS",
    };
    let host = (SYNTAX.text)(call.endpoint.host());
    let body = indented(&body, "    ");
    format!(
        r#"<?php
{heading}
require_once __DIR__ . "/vendor/autoload.php";

{uses}
try {{
    $credential = new Credential(getenv("TENCENTCLOUD_SECRET_ID"), getenv("TENCENTCLOUD_SECRET_KEY"));
    $http = new HttpProfile();
    $http->setProtocol(HttpProfile::{protocol});
    $http->setEndpoint({host});
    $profile = new ClientProfile();
    $profile->setSignMethod("TC3-HMAC-SHA256");
    $profile->setHttpProfile($http);
{body}
}} catch (TencentCloudSDKException $error) {{
    $text = "%s: %s (RequestId %s)\n";
    fprintf(STDERR, $text, $error->getErrorCode(), $error->getMessage(), $error->getRequestId());
    exit(1);
}}
"#
    )
}

fn typed_uses(call: &Call<'_>) -> BTreeSet<String> {
    let models = call.models();
    let models = models
        .iter()
        .map(|model| format!("Cdb\\V20170320\\Models\\{model}"));
    models
        .chain(["Cdb\\V20170320\\CdbClient".to_owned()])
        .collect()
}

fn body(call: &Call<'_>) -> String {
    let action = call.action();
    let region = (SYNTAX.text)(call.region.as_str());
    let parameters = SETTERS.statements("$request", &call.parameters);
    format!(
        "$client = new CdbClient($credential, {region}, $profile);

$request = new {action}Request();
{parameters}
$response = $client->{action}($request);
echo $response->toJsonString(), PHP_EOL;"
    )
}

fn signed(call: &Call<'_>) -> String {
    let heading = call.heading("//", "PHP 7.4");
    let quote = |text: &str| (SYNTAX.text)(text);
    let (endpoint, region) = (
        quote(&call.endpoint.to_string()),
        quote(call.region.as_str()),
    );
    let (service, version, action) = (call.service(), call.version(), call.action());
    // An empty array would become a JSON list.
    let parameters = if call.parameters.is_empty() {
        "new stdClass()".to_owned()
    } else {
        SYNTAX.object("", &call.parameters)
    };
    format!(
        r#"<?php
{heading}
[$endpoint, $region] = [{endpoint}, {region}];
[$service, $version, $action] = ["{service}", "{version}", "{action}"];
$parameters = {parameters};
{SIGNED}"#
    )
}

const SIGNED: &str = r#"
$body = json_encode($parameters);
$timestamp = time();
$date = gmdate("Y-m-d", $timestamp);
$host = explode("://", $endpoint)[1];

$names = "content-type;host;x-tc-action;x-tc-version";
$headers = "content-type:application/json\nhost:$host\nx-tc-action:" . strtolower($action) . "\nx-tc-version:$version\n";
$canonicalRequest = "POST\n/\n\n$headers\n$names\n" . hash("sha256", $body);
$scope = "$date/$service/tc3_request";
$stringToSign = "TC3-HMAC-SHA256\n$timestamp\n$scope\n" . hash("sha256", $canonicalRequest);
$key = "TC3" . getenv("TENCENTCLOUD_SECRET_KEY");
foreach ([$date, $service, "tc3_request"] as $part) {
    $key = hash_hmac("sha256", $part, $key, true);
}
$credential = getenv("TENCENTCLOUD_SECRET_ID") . "/$scope";
$signature = hash_hmac("sha256", $stringToSign, $key);

$answer = file_get_contents("$endpoint/", false, stream_context_create(["http" => [
    "method" => "POST",
    "header" => [
        "Authorization: TC3-HMAC-SHA256 Credential=$credential, SignedHeaders=$names, Signature=$signature",
        "Content-Type: application/json",
        "X-TC-Action: $action",
        "X-TC-Version: $version",
        "X-TC-Timestamp: $timestamp",
        "X-TC-Region: $region",
    ],
    "content" => $body,
]]));
$response = json_decode($answer)->Response;
if (isset($response->Error)) {
    $error = $response->Error;
    fprintf(STDERR, "%s: %s (RequestId %s)\n", $error->Code, $error->Message, $response->RequestId);
    exit(1);
}
echo json_encode($response), PHP_EOL;
"#;
