//! What bad requests get: each its code and its message, in the caller's language.

use serde_json::{Value, json};

use crate::support::{Answer, Request, SECRET_ID, SECRET_KEY, TestServer};

const ACTION: &str = "DescribeSSLStatus";
const VERSION: &str = "2017-03-20";

/// Sends a good request after `spoil` changed it before, and `spoil_signed` after it was signed.
fn send(
    server: &TestServer,
    body: &str,
    spoil: impl FnOnce(&mut Request),
    spoil_signed: impl FnOnce(&mut Request),
) -> Answer {
    let mut request = Request::post(server, ACTION, VERSION, body);
    spoil(&mut request);
    request.sign(SECRET_ID, SECRET_KEY);
    spoil_signed(&mut request);
    Answer::of(&request.send(server))
}

const SIGNATURE_FAILURE: (&str, &str) = (
    "AuthFailure.SignatureFailure",
    "The provided credentials could not be validated. Please check your signature is correct.",
);

#[test]
fn who_does_not_sign_is_refused() {
    let server = TestServer::start();
    send(
        &server,
        "{}",
        |_| {},
        |request| request.set("Authorization", ""),
    )
    .fails(
        "AuthFailure.InvalidAuthorization",
        "The request `Authorization` header does not conform to tencentcloud standards: the header is missing.",
    );
    let answer = send(
        &server,
        "{}",
        |_| {},
        |request| request.set("Authorization", "Bearer 123"),
    );
    assert_eq!(
        answer.fields["Error"]["Code"],
        "AuthFailure.InvalidAuthorization"
    );
    send(&server, "{}", |_| {}, |request| request.set("Authorization", "SKIP")).fails(
        "AuthFailure.InvalidAuthorization",
        "The request `Authorization` header does not conform to tencentcloud standards: this action must be signed.",
    );
}

#[test]
fn a_wrong_key_is_refused() {
    let server = TestServer::start();
    let (code, message) = SIGNATURE_FAILURE;
    server
        .call_with(SECRET_ID, "another secret", ACTION, json!({}))
        .fails(code, message);
    server
        .call_with("AKIDNOBODY", SECRET_KEY, ACTION, json!({}))
        .fails(
            "AuthFailure.SecretIdNotFound",
            "The SecretId is not found, please ensure that your SecretId is correct.",
        );
}

#[test]
fn a_timestamp_may_be_five_minutes_off_either_way() {
    let server = TestServer::start();
    let now = server.clock.now();
    for skew in [-300, 300] {
        send(
            &server,
            "{}",
            |request| request.set("X-TC-Timestamp", &(now + skew).to_string()),
            |_| {},
        )
        .fails(
            "MissingParameter.MissingParamError",
            "Specify `InstanceId` or `RoGroupId`.",
        );
    }
    for skew in [-360, -301, 301, 360] {
        send(&server, "{}", |request| request.set("X-TC-Timestamp", &(now + skew).to_string()), |_| {}).fails(
            "AuthFailure.SignatureExpire",
            &format!("Signature expired. Please use local time and enable NTP service for time synchronization to avoid a deviation between `Timestamp` and the server time {now}."),
        );
    }
}

#[test]
fn a_date_that_disagrees_with_the_timestamp_is_refused() {
    let server = TestServer::start();
    let (code, message) = SIGNATURE_FAILURE;
    let other_day = |request: &mut Request| {
        let mut elsewhere = Request::post(&server, ACTION, VERSION, "{}");
        elsewhere.set("X-TC-Timestamp", &(server.clock.now() - 86_400).to_string());
        elsewhere.sign(SECRET_ID, SECRET_KEY);
        request.set("Authorization", &elsewhere.header("Authorization"));
    };
    send(&server, "{}", |_| {}, other_day).fails(code, message);
}

#[test]
fn whatever_is_changed_after_signing_is_found() {
    let server = TestServer::start();
    let (code, message) = SIGNATURE_FAILURE;
    send(
        &server,
        r#"{"InstanceId":"a"}"#,
        |_| {},
        |request| request.body = br#"{"InstanceId":"b"}"#.to_vec(),
    )
    .fails(code, message);
    let timestamp = (server.clock.now() + 1).to_string();
    send(
        &server,
        "{}",
        |_| {},
        |request| request.set("X-TC-Timestamp", &timestamp),
    )
    .fails(code, message);
    send(
        &server,
        "{}",
        |_| {},
        |request| request.set("Host", "elsewhere.example.com"),
    )
    .fails(code, message);
    send(
        &server,
        "{}",
        |_| {},
        |request| {
            let last = request.header("Authorization");
            let flipped = if last.ends_with('0') { '1' } else { '0' };
            request.set(
                "Authorization",
                &format!("{}{flipped}", &last[..last.len() - 1]),
            );
        },
    )
    .fails(code, message);
}

#[test]
fn a_token_with_a_long_term_key_is_refused() {
    let server = TestServer::start();
    send(
        &server,
        "{}",
        |_| {},
        |request| request.set("X-TC-Token", "t"),
    )
    .fails(
        "AuthFailure.TokenFailure",
        "Token verification failed, please check if your Token is correct.",
    );
}

#[test]
fn unknown_action_version_and_region() {
    let server = TestServer::start();
    let set = |name: &'static str, value: &'static str| {
        move |request: &mut Request| request.set(name, value)
    };
    send(&server, "{}", |_| {}, set("X-TC-Action", "DescribeNothing")).fails(
        "InvalidAction",
        "The request `Action` is invalid or not found.",
    );
    send(
        &server,
        "{}",
        |_| {},
        set("X-TC-Action", "RegisterInstance"),
    )
    .fails(
        "InvalidAction",
        "The request `Action` is invalid or not found.",
    );
    send(&server, "{}", |_| {}, set("X-TC-Version", "2020-01-01")).fails(
        "NoSuchVersion",
        "The request `Version` is invalid or not found.",
    );
    send(&server, "{}", |_| {}, set("X-TC-Action", "")).fails(
        "MissingParameter",
        "The request is missing a required parameter `Action`.",
    );
    send(&server, "{}", |_| {}, set("X-TC-Version", "")).fails(
        "MissingParameter",
        "The request is missing a required parameter `Version`.",
    );
    send(&server, "{}", |_| {}, set("X-TC-Timestamp", "")).fails(
        "MissingParameter",
        "The request is missing a required parameter `Timestamp`.",
    );
    send(&server, "{}", |_| {}, set("X-TC-Region", "mars-north")).fails(
        "InvalidParameterValue",
        "A value specified in `X-TC-Region` is not valid, is unsupported, or cannot be used.",
    );
    send(&server, "{}", |_| {}, set("X-TC-Region", "ap-guangzhou")).fails(
        "MissingParameter.MissingParamError",
        "Specify `InstanceId` or `RoGroupId`.",
    );
}

#[test]
fn configured_regions_are_the_only_ones_served() {
    let server =
        TestServer::configured(|config| config.regions = vec!["dc-east".into(), "ap-tokyo".into()]);
    let region = |value: &'static str| {
        send(
            &server,
            "{}",
            |_| {},
            move |request| request.set("X-TC-Region", value),
        )
    };
    for served in ["dc-east", "ap-tokyo", ""] {
        region(served).fails(
            "MissingParameter.MissingParamError",
            "Specify `InstanceId` or `RoGroupId`.",
        );
    }
    region("ap-guangzhou").fails("UnsupportedRegion", "The action not support this region.");
    region("dc-west").fails(
        "InvalidParameterValue",
        "A value specified in `X-TC-Region` is not valid, is unsupported, or cannot be used.",
    );
}

#[test]
fn parameters_of_the_wrong_kind() {
    let server = TestServer::start();
    let post = |body: &str| send(&server, body, |_| {}, |_| {});
    post(r#"{"InstanceId":"cdb-c1nl9rpv","Colour":1}"#).fails(
        "UnknownParameter",
        "The parameter `Colour` is not recognized.",
    );
    post(r#"{"InstanceId":7}"#).fails(
        "InvalidParameter.JsonUnmarshalError",
        "The value type of parameter `InstanceId` is not valid: a string was expected.",
    );
    for body in ["[]", "7", "\"x\"", "{", "{\"InstanceId\":}", "\u{feff}{}"] {
        let answer = post(body);
        assert_eq!(
            answer.fields["Error"]["Code"], "InvalidParameter.JsonUnmarshalError",
            "{body}"
        );
    }
}

#[test]
fn the_common_codes_come_in_chinese_too() {
    let server = TestServer::start();
    let chinese = |request: &mut Request| request.set("X-TC-Language", "zh-CN");
    send(&server, "{}", chinese, |request| {
        request.body = b"{ }".to_vec()
    })
    .fails(
        "AuthFailure.SignatureFailure",
        "请求签名验证失败，请检查您的签名计算是否正确。",
    );
    send(&server, "{}", chinese, |request| {
        request.set("X-TC-Timestamp", "")
    })
    .fails("MissingParameter", "请求缺少必要参数 `Timestamp`。");
    send(&server, r#"{"A":1}"#, chinese, |_| {}).fails(
        "UnknownParameter",
        "未知参数 `A`，用户多传未定义的参数会导致错误",
    );
}

#[test]
fn the_21st_call_in_a_second_is_refused() {
    let server = TestServer::configured(|config| config.rates.clear());
    for _ in 0..20 {
        server.call(ACTION, json!({})).fails(
            "MissingParameter.MissingParamError",
            "Specify `InstanceId` or `RoGroupId`.",
        );
    }
    server.call(ACTION, json!({})).fails(
        "RequestLimitExceeded",
        "Your current request times equals to `21` in a second, which exceeds the frequency limit `20` for a second. Please reduce the frequency of calls.",
    );
    server.pass(1);
    server.call(ACTION, json!({})).fails(
        "MissingParameter.MissingParamError",
        "Specify `InstanceId` or `RoGroupId`.",
    );
}

#[test]
fn a_read_only_key_changes_nothing() {
    let server = TestServer::start();
    let key = server.call("CreateAccessKey", json!({ "Access": "ReadOnly" }));
    let (id, secret) = (key.text("SecretId"), key.text("SecretKey"));
    server
        .call_with(&id, &secret, "DescribeFleet", json!({}))
        .answers(json!({ "TotalCount": 0, "Items": [] }));
    let answer = server.call_with(&id, &secret, "CreateAccessKey", json!({}));
    let Value::String(message) = &answer.fields["Error"]["Message"] else {
        panic!("no message")
    };
    assert_eq!(
        answer.fields["Error"]["Code"],
        "AuthFailure.UnauthorizedOperation"
    );
    assert!(message.contains("you are not authorized to perform operation (signet:CreateAccessKey)\nresource (*) has no permission\n"), "{message}");
}

#[test]
fn a_body_that_is_not_signed_can_be_forbidden() {
    let unsigned = |request: &mut Request| {
        // The SDK signs the hash of this literal in place of the body's.
        let body = std::mem::replace(&mut request.body, b"UNSIGNED-PAYLOAD".to_vec());
        request.sign(SECRET_ID, SECRET_KEY);
        request.body = body;
        request.set("X-TC-Content-SHA256", "UNSIGNED-PAYLOAD");
    };
    let server = TestServer::start();
    send(&server, "{}", |_| {}, unsigned).fails(
        "MissingParameter.MissingParamError",
        "Specify `InstanceId` or `RoGroupId`.",
    );
    let server = TestServer::configured(|config| config.allow_unsigned_payload = false);
    send(&server, "{}", |_| {}, unsigned).fails(
        "AuthFailure.InvalidAuthorization",
        "The request `Authorization` header does not conform to tencentcloud standards: this server does not accept `UNSIGNED-PAYLOAD`.",
    );
}

#[test]
fn every_refusal_is_audited_without_secrets() {
    let server = TestServer::start();
    server.call_with(
        SECRET_ID,
        "another secret",
        "RegisterInstance",
        json!({ "InstanceName": "x" }),
    );
    let line = server.audited(|line| line["outcome"] == "refused");
    assert_eq!(
        (&line["code"], &line["action"], &line["secret_id"]),
        (
            &json!("AuthFailure.SignatureFailure"),
            &json!("RegisterInstance"),
            &json!(SECRET_ID)
        )
    );
    assert!(line["from"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!(line["request_id"].as_str().unwrap().len(), 36);
    let text = std::fs::read_to_string(server.data().join("audit.jsonl")).unwrap();
    assert!(
        !text.contains("another secret") && !text.contains("Signature="),
        "{text}"
    );
}
