use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::api::actions::ACTIONS;

fn entry(action: &str) -> &'static Entry {
    ACTIONS
        .iter()
        .find(|entry| entry.spec.name == action)
        .expect("an action")
}

fn try_sample(language: Language, action: &str, parameters: Value) -> Result<String, String> {
    let endpoint = "http://127.0.0.1:7780".parse().unwrap();
    let region = "ap-guangzhou".parse().unwrap();
    let parameters = parameters.as_object().unwrap();
    let call = Call::new(&endpoint, &region, entry(action), parameters);
    call.map(|call| sample(language, &call))
        .map_err(|refusal| refusal.to_string())
}

#[track_caller]
fn shows(language: Language, action: &str, parameters: Value, expected: &str) {
    let sample = try_sample(language, action, parameters).unwrap();
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat(&sample).contains(&flat(expected)),
        "{expected}\nis not in\n{sample}"
    );
}

#[test]
fn a_sample_is_a_whole_program() {
    for (language, expected) in [
        (Language::Python, include_str!("expected/sample.py")),
        (Language::Go, include_str!("expected/main.go")),
        (Language::Java, include_str!("expected/Sample.java")),
        (Language::NodeJs, include_str!("expected/sample.js")),
        (Language::Php, include_str!("expected/sample.php")),
        (Language::CSharp, include_str!("expected/Sample.cs")),
        (Language::Cpp, include_str!("expected/sample.cpp")),
        (Language::Ruby, include_str!("expected/sample.rb")),
        (Language::Tccli, include_str!("expected/tccli.sh")),
        (Language::Curl, include_str!("expected/curl.sh")),
        (Language::Rust, include_str!("expected/main.rs")),
    ] {
        let parameters = json!({ "InstanceId": "cdb-c1nl9rpv" });
        let sample = try_sample(language, "DescribeSSLStatus", parameters).unwrap();
        assert_eq!(sample, expected, "{language:?}");
    }
}

#[test]
fn names_and_file_names_are_unique() {
    let count = Language::ALL.len();
    let distinct = |of: fn(Language) -> &'static str| {
        Language::ALL
            .map(of)
            .into_iter()
            .collect::<BTreeSet<_>>()
            .len()
    };
    assert_eq!(distinct(Language::name), count);
    assert_eq!(distinct(Language::label), count);
    assert_eq!(distinct(Language::file_name), count);
}

/// A list of texts, unsigned and signed numbers, a boolean, a list of structures.
fn typed() -> Value {
    json!({
        "InstanceIds": ["cdb-1", "cdb-2"], "InstanceTypes": [1, 3], "CdbErrors": [], "Limit": 5, "WithRo": 1,
        "QueryClusterInfo": true, "Tags": [{ "Key": "env", "Value": "a" }, { "Key": "env", "Value": "b" }],
    })
}

#[test]
fn parameters_have_the_types_of_the_sdk() {
    for (language, expected) in [
        (
            Language::Python,
            r#"request.CdbErrors = []
               request.InstanceIds = ["cdb-1", "cdb-2"]
               request.InstanceTypes = [1, 3]
               request.Limit = 5
               request.QueryClusterInfo = True
               tag = models.Tag()
               tag.Key = "env"
               tag.Value = "a"
               tag2 = models.Tag()
               tag2.Key = "env"
               tag2.Value = "b"
               request.Tags = [tag, tag2]
               request.WithRo = 1"#,
        ),
        (
            Language::Go,
            r#"request.CdbErrors = common.Int64Ptrs([]int64{})
               request.InstanceIds = common.StringPtrs([]string{"cdb-1", "cdb-2"})
               request.InstanceTypes = common.Uint64Ptrs([]uint64{1, 3})
               request.Limit = common.Uint64Ptr(5)
               request.QueryClusterInfo = common.BoolPtr(true)
               request.Tags = []*cdb.Tag{
                 &cdb.Tag{Key: common.StringPtr("env"), Value: common.StringPtr("a")},
                 &cdb.Tag{Key: common.StringPtr("env"), Value: common.StringPtr("b")},
               }
               request.WithRo = common.Int64Ptr(1)"#,
        ),
        (
            Language::Java,
            r#"request.setCdbErrors(new Long[] {});
               request.setInstanceIds(new String[] {"cdb-1", "cdb-2"});
               request.setInstanceTypes(new Long[] {1L, 3L});
               request.setLimit(5L);
               request.setQueryClusterInfo(true);
               Tag tag = new Tag();
               tag.setKey("env");
               tag.setValue("a");
               Tag tag2 = new Tag();
               tag2.setKey("env");
               tag2.setValue("b");
               request.setTags(new Tag[] {tag, tag2});
               request.setWithRo(1L);"#,
        ),
        (
            Language::NodeJs,
            r#"client.DescribeDBInstances({
                 CdbErrors: [],
                 InstanceIds: ["cdb-1", "cdb-2"],
                 InstanceTypes: [1, 3],
                 Limit: 5,
                 QueryClusterInfo: true,
                 Tags: [{ Key: "env", Value: "a" }, { Key: "env", Value: "b" }],
                 WithRo: 1,
               });"#,
        ),
        (
            Language::Php,
            r#"$request->InstanceTypes = [1, 3];
               $request->Limit = 5;
               $request->QueryClusterInfo = true;
               $tag = new Tag();
               $tag->Key = "env";
               $tag->Value = "a";
               $tag2 = new Tag();
               $tag2->Key = "env";
               $tag2->Value = "b";
               $request->Tags = [$tag, $tag2];"#,
        ),
        (
            Language::CSharp,
            r#"new DescribeDBInstancesRequest {
                 CdbErrors = new long?[] {},
                 InstanceIds = new string[] { "cdb-1", "cdb-2" },
                 InstanceTypes = new ulong?[] { 1, 3 },
                 Limit = 5,
                 QueryClusterInfo = true,
                 Tags = new Tag[] { new Tag { Key = "env", Value = "a" }, new Tag { Key = "env", Value = "b" } },
                 WithRo = 1,
               };"#,
        ),
        (
            Language::Cpp,
            r#"request.SetCdbErrors({});
               request.SetInstanceIds({"cdb-1", "cdb-2"});
               request.SetInstanceTypes({1, 3});
               request.SetLimit(5);
               request.SetQueryClusterInfo(true);
               Tag tag;
               tag.SetKey("env");
               tag.SetValue("a");
               Tag tag2;
               tag2.SetKey("env");
               tag2.SetValue("b");
               request.SetTags({tag, tag2});
               request.SetWithRo(1);"#,
        ),
        (
            Language::Ruby,
            r#"request.InstanceTypes = [1, 3]
               request.Limit = 5
               request.QueryClusterInfo = true
               tag = TencentCloud::Cdb::V20170320::Tag.new
               tag.Key = "env"
               tag.Value = "a""#,
        ),
        (
            Language::Tccli,
            r#"--InstanceIds '["cdb-1", "cdb-2"]' \
               --InstanceTypes '[1, 3]' \
               --Limit 5 \
               --QueryClusterInfo true \
               --Tags '[{"Key": "env", "Value": "a"}, {"Key": "env", "Value": "b"}]' \
               --WithRo 1"#,
        ),
        (
            Language::Curl,
            r#"body='{
                 "CdbErrors": [],
                 "InstanceIds": ["cdb-1", "cdb-2"],
                 "InstanceTypes": [1, 3],
                 "Limit": 5,
                 "QueryClusterInfo": true,
                 "Tags": [{"Key": "env", "Value": "a"}, {"Key": "env", "Value": "b"}],
                 "WithRo": 1
               }'"#,
        ),
    ] {
        shows(language, "DescribeDBInstances", typed(), expected);
    }
}

#[test]
fn models_are_named_at_the_top_where_the_language_asks_for_it() {
    let java = "import com.tencentcloudapi.cdb.v20170320.models.Tag;";
    shows(Language::Java, "DescribeDBInstances", typed(), java);
    let php = "use TencentCloud\\Cdb\\V20170320\\Models\\Tag;";
    shows(Language::Php, "DescribeDBInstances", typed(), php);
    let cpp = "#include <tencentcloud/cdb/v20170320/model/Tag.h>";
    shows(Language::Cpp, "DescribeDBInstances", typed(), cpp);
}

/// What has no model in any SDK, and needs more to be signed than SDKs sign.
#[test]
fn calls_of_our_own_actions_sign_by_themselves() {
    let parameters = json!({ "Search": "orders", "Limit": 5 });
    for (language, expected) in [
        (
            Language::Python,
            r#"SERVICE, VERSION, ACTION = "signet", "2026-11-24", "DescribeFleet"
               PARAMETERS = {"Limit": 5, "Search": "orders"}"#,
        ),
        (
            Language::Go,
            r#"var parameters = map[string]interface{}{"Limit": 5, "Search": "orders"}"#,
        ),
        (
            Language::Java,
            r#"static final String BODY = "{\"Limit\": 5, \"Search\": \"orders\"}";"#,
        ),
        (
            Language::NodeJs,
            r#"const [service, version, action] = ["signet", "2026-11-24", "DescribeFleet"];
               const parameters = { Limit: 5, Search: "orders" };"#,
        ),
        (
            Language::Php,
            r#"$parameters = ["Limit" => 5, "Search" => "orders"];"#,
        ),
        (
            Language::CSharp,
            r#"static readonly Dictionary<string, object> Parameters = new Dictionary<string, object> { ["Limit"] = 5, ["Search"] = "orders" };"#,
        ),
        (
            Language::Cpp,
            r#"return std::string(R"json({"Limit": 5, "Search": "orders"})json");"#,
        ),
        (
            Language::Ruby,
            r#"parameters = { "Limit" => 5, "Search" => "orders" }"#,
        ),
        (
            Language::Tccli,
            r#"export SIGNET_ENDPOINT=http://127.0.0.1:7780 TENCENTCLOUD_REGION=ap-guangzhou
               signet call signet DescribeFleet \
               --Limit 5 \
               --Search orders"#,
        ),
        (
            Language::Curl,
            r#"service=signet version=2026-11-24 action=DescribeFleet
               body='{"Limit": 5, "Search": "orders"}'"#,
        ),
        (
            Language::Rust,
            r#"headers: &[("x-tc-action", "DescribeFleet"), ("x-tc-version", "2026-11-24")],"#,
        ),
    ] {
        shows(language, "DescribeFleet", parameters.clone(), expected);
    }
    for language in Language::ALL {
        let sample = try_sample(language, "DescribeFleet", parameters.clone()).unwrap();
        let signs = sample.contains("content-type;host;x-tc-action;x-tc-version");
        assert!(
            signs || matches!(language, Language::Tccli | Language::Rust),
            "{sample}"
        );
        assert!(!sample.to_lowercase().contains("commonclient"), "{sample}");
    }
}

#[test]
fn a_secret_is_put_into_json_that_is_text() {
    let parameters =
        json!({ "InstanceId": "cdb-c1nl9rpv", "SqlUser": "signet", "SqlPassword": "hunter2" });
    let java = r#"BODY = "{\"SqlPassword\": " + json(System.getenv("SIGNET_SQL_PASSWORD")) + ", \"InstanceId\": \"cdb-c1nl9rpv\", \"SqlUser\": \"signet\"}";"#;
    shows(Language::Java, "ModifyInstance", parameters.clone(), java);
    let alone =
        r#"BODY = "{\"SqlPassword\": " + json(System.getenv("SIGNET_SQL_PASSWORD")) + "}";"#;
    shows(
        Language::Java,
        "ModifyInstance",
        json!({ "SqlPassword": "hunter2" }),
        alone,
    );
}

/// Quotes, a backslash, what starts an expression in some language, an end of line, what closes a raw literal or an element of
/// a page, and letters beyond ASCII.
const HOSTILE: &str = "'\"\\u0041 $x ${x} #{x} `x` %s {x} ??/\n)json\" </script>é数";

#[test]
fn texts_arrive_as_they_are() {
    let parameters = json!({ "InstanceId": HOSTILE });
    for (language, literal) in [
        (
            Language::Python,
            r##""'\"\\u0041 $x ${x} #{x} `x` %s {x} ??/\n)json\" </script>é数""##,
        ),
        (
            Language::Go,
            r##""'\"\\u0041 $x ${x} #{x} `x` %s {x} ??/\n)json\" </script>é数""##,
        ),
        (
            Language::Java,
            r##""'\"\\u0041 $x ${x} #{x} `x` %s {x} ??/\n)json\" </script>\u00e9\u6570""##,
        ),
        (
            Language::NodeJs,
            r##""'\"\\u0041 $x ${x} #{x} `x` %s {x} ??/\n)json\" </script>é数""##,
        ),
        (
            Language::Php,
            r##""'\"\\u0041 \$x \${x} #{x} `x` %s {x} ??/\n)json\" </script>é数""##,
        ),
        (
            Language::CSharp,
            r##""'\"\\u0041 $x ${x} #{x} `x` %s {x} ??/\n)json\" </script>é数""##,
        ),
        (
            Language::Cpp,
            r##""'\"\\u0041 $x ${x} #{x} `x` %s {x} \?\?/\n)json\" </script>é数""##,
        ),
        (
            Language::Ruby,
            r##""'\"\\u0041 $x ${x} \#{x} `x` %s {x} ??/\n)json\" </script>é数""##,
        ),
        (
            Language::Tccli,
            r##"$'\'"\\u0041 $x ${x} #{x} `x` %s {x} ??/\n)json" </script>é数'"##,
        ),
        (
            Language::Curl,
            r##""'\''\"\\u0041 $x ${x} #{x} `x` %s {x} ??/\n)json\" </script>é数""##,
        ),
        (
            Language::Rust,
            r##""'\"\\u0041 $x ${x} #{x} `x` %s {x} ??/\n)json\" </script>é数""##,
        ),
    ] {
        let sample = try_sample(language, "DescribeSSLStatus", parameters.clone()).unwrap();
        assert!(sample.contains(literal), "{literal}\nis not in\n{sample}");
    }
}

#[test]
fn a_raw_literal_cannot_be_closed_from_inside() {
    let search = |text| json!({ "Search": text });
    let raw = r#"R"json({"Search": "a\"b)jso"})json""#;
    shows(Language::Cpp, "DescribeFleet", search("a\"b)jso"), raw);
    let quoted = r#"std::string("{\"Search\": \"a)json\"}");"#;
    shows(Language::Cpp, "DescribeFleet", search("a)json"), quoted);
}

#[test]
fn a_byte_of_nothing_does_not_end_a_text_in_cpp() {
    let expected = r#"request.SetInstanceId(std::string("a\000b", 3));"#;
    shows(
        Language::Cpp,
        "DescribeSSLStatus",
        json!({ "InstanceId": "a\0b" }),
        expected,
    );
}

#[test]
fn a_value_that_looks_like_an_option_is_none() {
    let parameters = json!({ "InstanceId": "--help" });
    shows(
        Language::Tccli,
        "DescribeSSLStatus",
        parameters,
        "--InstanceId=--help",
    );
}

#[test]
fn no_secret_is_in_a_sample() {
    for language in Language::ALL {
        let parameters =
            json!({ "InstanceId": "cdb-c1nl9rpv", "SqlUser": "signet", "SqlPassword": "hunter2" });
        let sample = try_sample(language, "ModifyInstance", parameters).unwrap();
        assert!(!sample.contains("hunter2"), "{sample}");
        // Once where it is said what the program needs, once where it is read.
        assert_eq!(sample.matches("SIGNET_SQL_PASSWORD").count(), 2, "{sample}");
    }
}

#[test]
fn a_parameter_that_does_not_fit_is_refused() {
    for (action, parameters, refusal) in [
        (
            "DescribeSSLStatus",
            json!({ "Instance": "x" }),
            "UnknownParameter: The parameter `Instance` is not recognized.",
        ),
        (
            "DescribeDBInstances",
            json!({ "Tags": [{ "Name": "x" }] }),
            "UnknownParameter: The parameter `Tags.0.Name` is not recognized.",
        ),
        (
            "DescribeDBInstances",
            json!({ "Limit": "5" }),
            "InvalidParameter.JsonUnmarshalError: The value type of parameter `Limit` is not valid: an integer was expected.",
        ),
        (
            "DescribeDBInstances",
            json!({ "VpcIds": [0, -1] }),
            "InvalidParameterValue: The value of parameter `VpcIds.1` is not valid: it cannot be negative.",
        ),
        (
            "DescribeDBInstances",
            json!({ "VpcIds": [u64::MAX] }),
            "InvalidParameterValue: The value of parameter `VpcIds.0` is not valid: it is too large.",
        ),
    ] {
        let refused = try_sample(Language::Python, action, parameters);
        assert_eq!(refused, Err(refusal.to_owned()));
    }
}

#[test]
fn a_form_that_is_half_filled_in_has_a_sample() {
    let expected =
        "request = models.DescribeRoGroupsRequest() response = client.DescribeRoGroups(request)";
    shows(
        Language::Python,
        "DescribeRoGroups",
        json!({ "InstanceId": null }),
        expected,
    );
}
