use super::literal::{Kind, Literal};
use super::text::{Quoting, code_point, indented};
use super::tree::{Brackets, Syntax, digits, lower_case};
use super::{Call, Scheme};

const MODULE: &str = "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud";

/// Values as they are, for the generic client.
const PLAIN: Syntax = Syntax {
    text: |text| {
        const QUOTING: Quoting = Quoting {
            special: "",
            ascii: false,
            escape: code_point,
        };
        QUOTING.quote(text)
    },
    indent: "\t",
    secret: |variable| format!("os.Getenv(\"{variable}\")"),
    integer: digits,
    boolean: lower_case,
    list: |kind| Brackets::tight(format!("[]{}{{", plain_type(kind)), "}"),
    object: |_| Brackets::tight("map[string]interface{}{", "}"),
    pair: |name, value| format!("\"{name}\": {value}"),
    last_comma: true,
};

/// Models, in which everything is a pointer. Scalars in them are written by [`pointer`].
const MODELS: Syntax = Syntax {
    list: |kind| match kind {
        Kind::Object(model) => Brackets::tight(format!("[]*cdb.{model}{{"), "}"),
        other => Brackets::tight(format!("[]*{}{{", plain_type(other)), "}"),
    },
    object: |model| Brackets::tight(format!("&cdb.{model}{{"), "}"),
    pair: |name, value| format!("{name}: {value}"),
    ..PLAIN
};

fn plain_type(kind: &Kind) -> &'static str {
    match kind {
        Kind::Text => "string",
        Kind::Integer { signed: true } => "int64",
        Kind::Integer { signed: false } => "uint64",
        Kind::Number => "float64",
        Kind::Boolean => "bool",
        Kind::List | Kind::Object(_) => "interface{}",
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
    let heading = call.heading("//", &format!("go get {MODULE}/cdb {MODULE}/common"));
    let scheme = match call.endpoint.scheme() {
        Scheme::Http => "HTTP",
        Scheme::Https => "HTTPS",
    };
    let host = (PLAIN.text)(call.endpoint.host());
    let body = indented(&body(call), "\t");
    format!(
        r#"{heading}package main

import (
	"errors"
	"fmt"
	"os"

	cdb "{MODULE}/cdb/v20170320"
	"{MODULE}/common"
	sdkerrors "{MODULE}/common/errors"
	"{MODULE}/common/profile"
)

func main() {{
	credential := common.NewCredential(os.Getenv("TENCENTCLOUD_SECRET_ID"), os.Getenv("TENCENTCLOUD_SECRET_KEY"))
	clientProfile := profile.NewClientProfile()
	clientProfile.HttpProfile.Scheme = "{scheme}"
	clientProfile.HttpProfile.Endpoint = {host}
{body}
}}

func check(err error) {{
	var refused *sdkerrors.TencentCloudSDKError
	if errors.As(err, &refused) {{
		fmt.Fprintf(os.Stderr, "%s: %s (RequestId %s)\n", refused.Code, refused.Message, refused.RequestId)
		os.Exit(1)
	}}
	if err != nil {{
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}}
}}
"#
    )
}

fn body(call: &Call<'_>) -> String {
    let action = call.action();
    let region = (PLAIN.text)(call.region.as_str());
    let parameters: String = call
        .parameters
        .iter()
        .map(|(name, value)| format!("request.{name} = {}\n", pointer(value)))
        .collect();
    format!(
        "client, err := cdb.NewClient(credential, {region}, clientProfile)
check(err)

request := cdb.New{action}Request()
{parameters}
response, err := client.{action}(request)
check(err)
fmt.Println(response.ToJsonString())"
    )
}

/// A value as the models have it.
fn pointer(literal: &Literal) -> String {
    let plain = || PLAIN.value(literal);
    match literal {
        Literal::Text(_) | Literal::Secret(_) => format!("common.StringPtr({})", plain()),
        Literal::Integer { signed: true, .. } => format!("common.Int64Ptr({})", plain()),
        Literal::Integer { signed: false, .. } => format!("common.Uint64Ptr({})", plain()),
        Literal::Number(_) => format!("common.Float64Ptr({})", plain()),
        Literal::Boolean(_) => format!("common.BoolPtr({})", plain()),
        Literal::List(kind, values) => match pointers(kind) {
            Some(function) => format!("common.{function}({})", plain()),
            None => {
                let values = values.iter().map(pointer).collect();
                MODELS.group(&(MODELS.list)(kind), values)
            }
        },
        Literal::Object(model, fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (MODELS.pair)(name, &pointer(value)));
            MODELS.group(&(MODELS.object)(model), fields.collect())
        }
    }
}

/// The SDK's function that makes pointers of a list.
fn pointers(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Text => Some("StringPtrs"),
        Kind::Integer { signed: true } => Some("Int64Ptrs"),
        Kind::Integer { signed: false } => Some("Uint64Ptrs"),
        Kind::Number => Some("Float64Ptrs"),
        Kind::Boolean => Some("BoolPtrs"),
        Kind::List | Kind::Object(_) => None,
    }
}

fn signed(call: &Call<'_>) -> String {
    let heading = call.heading("//", "Go 1.18");
    let quote = |text: &str| (PLAIN.text)(text);
    let (endpoint, region) = (
        quote(&call.endpoint.to_string()),
        quote(call.region.as_str()),
    );
    let (service, version, action) = (call.service(), call.version(), call.action());
    let parameters = PLAIN.object("", &call.parameters);
    format!(
        r#"{heading}package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	endpoint = {endpoint}
	region   = {region}
	service  = "{service}"
	version  = "{version}"
	action   = "{action}"
)

var parameters = {parameters}
{SIGNED}"#
    )
}

const SIGNED: &str = r#"
const signedHeaders = "content-type;host;x-tc-action;x-tc-version"

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	hash := hmac.New(sha256.New, key)
	hash.Write([]byte(text))
	return hash.Sum(nil)
}

func authorization(host string, body []byte, now time.Time) string {
	date := now.UTC().Format("2006-01-02")
	scope := date + "/" + service + "/tc3_request"
	headers := "content-type:application/json\nhost:" + host +
		"\nx-tc-action:" + strings.ToLower(action) + "\nx-tc-version:" + version + "\n"
	canonicalRequest := "POST\n/\n\n" + headers + "\n" + signedHeaders + "\n" + digest(body)
	key := []byte("TC3" + os.Getenv("TENCENTCLOUD_SECRET_KEY"))
	for _, part := range []string{date, service, "tc3_request"} {
		key = mac(key, part)
	}
	toSign := fmt.Sprintf("TC3-HMAC-SHA256\n%d\n%s\n%s", now.Unix(), scope, digest([]byte(canonicalRequest)))
	return "TC3-HMAC-SHA256 Credential=" + os.Getenv("TENCENTCLOUD_SECRET_ID") + "/" + scope +
		", SignedHeaders=" + signedHeaders + ", Signature=" + hex.EncodeToString(mac(key, toSign))
}

func main() {
	body, err := json.Marshal(parameters)
	check(err)
	request, err := http.NewRequest("POST", endpoint+"/", bytes.NewReader(body))
	check(err)
	now := time.Now()
	request.Header.Set("Authorization", authorization(request.Host, body, now))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-TC-Action", action)
	request.Header.Set("X-TC-Version", version)
	request.Header.Set("X-TC-Timestamp", fmt.Sprint(now.Unix()))
	request.Header.Set("X-TC-Region", region)
	answer, err := http.DefaultClient.Do(request)
	check(err)
	defer answer.Body.Close()
	var envelope struct{ Response json.RawMessage }
	check(json.NewDecoder(answer.Body).Decode(&envelope))
	var refused struct {
		Error     *struct{ Code, Message string }
		RequestId string
	}
	check(json.Unmarshal(envelope.Response, &refused))
	if refused.Error != nil {
		check(fmt.Errorf("%s: %s (RequestId %s)", refused.Error.Code, refused.Error.Message, refused.RequestId))
	}
	fmt.Println(string(envelope.Response))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
"#;
