//! Requests of the official Python and Node SDKs and of tccli, bytes as received: each parses and verifies at its own time.

use crate::received::{Received, testdata, verify};
use serde_json::{Value, json};
use wire::{Parameters, Proof};

const KEY: &str = "EXAMPLEKEYEXAMPLEKEYEXAMPLEKEYEX";

fn capture(name: &str) -> Received {
    Received::from_bytes(&std::fs::read(testdata(&format!("captures/{name}.txt"))).unwrap())
}

#[test]
fn every_capture_verifies() {
    let files = std::fs::read_dir(testdata("captures")).unwrap();
    let names: Vec<_> = files
        .map(|file| {
            file.unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(names.len(), 56);
    for name in names {
        let received = capture(&name);
        received.parsed(|envelope| {
            let skips = name.contains("skipsign");
            assert_eq!(verify(envelope, KEY), !skips, "{name}");
            assert!(!verify(envelope, "ANOTHERKEY"), "{name}");
            assert_eq!(matches!(envelope.proof, Proof::Skip), skips, "{name}");
            let secret_id = "AKIDEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE";
            assert_eq!(
                envelope.secret_id(),
                (!skips).then_some(secret_id),
                "{name}"
            );
            assert!(
                envelope.client.as_deref().unwrap().starts_with("SDK_"),
                "{name}"
            );
            assert_eq!(envelope.check_time(envelope.timestamp), Ok(()), "{name}");
        });
    }
}

#[test]
fn every_capture_is_void_once_its_parameters_change() {
    for name in [
        "py_tc3_post_nested",
        "py_tc3_get_nested",
        "node_hmacsha256_post_nested",
        "py_hmacsha1_get_DescribeSSLStatus",
    ] {
        let mut received = capture(name);
        let changed = |text: &str| {
            text.replace("cdb-je5dfmdl", "cdb-je5dfmdX")
                .replace("25", "26")
                .replace("GoodsNum", "GoodsNun")
        };
        received.query = changed(&received.query);
        received.body = changed(str::from_utf8(&received.body).unwrap()).into_bytes();
        received.parsed(|envelope| assert!(!verify(envelope, KEY), "{name}"));
    }
}

/// The parameters of a capture.
fn parameters(name: &str) -> (Value, bool) {
    let Parameters { map, text } = capture(name).parsed(|envelope| envelope.parameters().unwrap());
    (Value::Object(map), text)
}

#[test]
fn nested_parameters_are_the_same_whatever_carried_them() {
    let expected = json!({
        "DryRun": "False",
        "EngineVersion": "8.0",
        "GoodsNum": "1",
        "InstanceName": "名 a+b&c=~*'\"/",
        "Memory": "1000",
        "ParamList": [{ "Name": "character_set_server", "Value": "utf8" }],
        "ResourceTags": [{ "TagKey": "k", "TagValue": ["v1", "v2"] }],
        "SecurityGroup": ["sg-1", "sg-2"],
        "Volume": "25",
    });
    for name in [
        "py_tc3_get_nested",
        "py_hmacsha256_get_nested",
        "py_hmacsha256_post_nested",
    ] {
        assert_eq!(parameters(name), (expected.clone(), true), "{name}");
    }
    let (mut json, text) = parameters("py_tc3_post_nested");
    assert!(!text);
    assert_eq!(
        (&json["GoodsNum"], &json["DryRun"]),
        (&json!(1), &json!(false))
    );
    for name in ["DryRun", "GoodsNum", "Memory", "Volume"] {
        json[name] = expected[name].clone();
    }
    assert_eq!(json, expected);
}

#[test]
fn a_parameterless_call_has_no_parameters() {
    for (name, text) in [
        ("py_common_empty_params_get", true),
        ("py_common_empty_params_post", false),
        ("tccli_noparams", false),
    ] {
        assert_eq!(parameters(name), (json!({}), text), "{name}");
    }
}

#[test]
fn multipart_parts_are_read() {
    let expected = json!({ "InstanceId": "cdb-je5dfmdl", "File": "AAFiaW4=", "Obj": { "a": [1] } });
    assert_eq!(parameters("py_common_multipart"), (expected, true));
    assert_eq!(
        parameters("node_common_multipart"),
        (json!({ "File": "AAEC", "A": "b" }), true)
    );
}

#[test]
fn common_fields_come_from_headers_or_parameters() {
    for name in ["py_tc3_post_token_en_US", "py_hmacsha256_post_token"] {
        capture(name).parsed(|envelope| {
            assert_eq!(envelope.token.as_deref(), Some("TOKENexample/+="), "{name}");
            assert_eq!(envelope.version, "2017-03-20", "{name}");
        });
    }
    capture("py_hmacsha256_post_DescribeSSLStatus").parsed(|envelope| {
        assert_eq!(envelope.action, "DescribeSSLStatus");
        assert_eq!(envelope.region.as_deref(), Some("ap-guangzhou"));
        assert_eq!(envelope.language.as_str(), "zh-CN");
        assert_eq!(envelope.client.as_deref(), Some("SDK_PYTHON_3.1.192"));
        assert_eq!(envelope.timestamp, 1_795_485_427);
    });
}
