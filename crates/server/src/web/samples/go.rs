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
    let install = if call.is_the_vendors() {
        format!("go get {MODULE}/cdb {MODULE}/common")
    } else {
        format!("go get {MODULE}/common")
    };
    let heading = call.heading("//", &install);
    let (import, http, body) = if call.is_the_vendors() {
        (
            format!("\tcdb \"{MODULE}/cdb/v20170320\"\n"),
            String::new(),
            typed(call),
        )
    } else {
        (
            String::new(),
            format!("\ttchttp \"{MODULE}/common/http\"\n"),
            generic(call),
        )
    };
    let scheme = match call.endpoint.scheme() {
        Scheme::Http => "HTTP",
        Scheme::Https => "HTTPS",
    };
    let host = (PLAIN.text)(call.endpoint.host());
    let body = indented(&body, "\t");
    format!(
        r#"{heading}package main

import (
	"errors"
	"fmt"
	"os"

{import}	"{MODULE}/common"
	sdkerrors "{MODULE}/common/errors"
{http}	"{MODULE}/common/profile"
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

fn typed(call: &Call<'_>) -> String {
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

fn generic(call: &Call<'_>) -> String {
    let (service, version, action) = (call.service(), call.version(), call.action());
    let region = (PLAIN.text)(call.region.as_str());
    let parameters = PLAIN.object("", &call.parameters);
    format!(
        "client := common.NewCommonClient(credential, {region}, clientProfile)

request := tchttp.NewCommonRequest(\"{service}\", \"{version}\", \"{action}\")
check(request.SetActionParameters({parameters}))

response := tchttp.NewCommonResponse()
check(client.Send(request, response))
fmt.Println(string(response.GetBody()))"
    )
}
