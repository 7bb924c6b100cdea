//! The list as a caller sees it.

use serde_json::{Value, json};

use super::DescribeDbInstances;
use crate::api::action::Entry;
use crate::api::testing::{Api, Group, NOW};

/// The read-only instances of [`fleet`], by what they are called in expectations.
const READ_ONLY: [&str; 2] = ["ro-1", "ro-2"];

/// Three primaries and one group of two read-only instances, each registered a second after the one before.
async fn fleet() -> (Api, Group) {
    let api = Api::start().await;
    api.set_time(NOW);
    api.register_instance(json!({
        "InstanceId": "cdb-orders00", "InstanceName": "orders", "Architecture": "two-node",
        "Nodes": ["127.1.0.1:1", "127.1.0.1:2"], "Vip": "192.0.2.10", "Vport": 3306,
        "Tags": [{ "Key": "env", "Value": "prod" }, { "Key": "team", "Value": "shop" }],
    }))
    .await;
    api.set_time(NOW + 1);
    api.register_instance(json!({
        "InstanceId": "cdb-ledger00", "InstanceName": "ledger", "Architecture": "three-node",
        "Nodes": ["[::1]:1", "[::1]:2", "[::1]:3"], "Tags": [{ "Key": "env", "Value": "test" }],
    }))
    .await;
    api.set_time(NOW + 2);
    api.register_instance(json!({
        "InstanceId": "cdb-assets00", "InstanceName": "assets", "Architecture": "cluster",
        "Nodes": ["localhost:1", "localhost:2"],
    }))
    .await;
    api.set_time(NOW + 3);
    let group = json!({ "InstanceId": "cdb-orders00", "RoGroupName": "reports", "Nodes": ["127.2.0.1:7", "127.2.0.2:7"] });
    let group = api.register_group(group).await;
    api.observe("127.1.0.1:1", "MySQL", "9.7.4").await;
    api.observe("[::1]:2", "MariaDB", "10.11.14-MariaDB").await;
    api.observe("127.2.0.1:7", "MySQL", "9.7.4").await;
    (api, group)
}

/// The IDs of an answer's items, those of read-only instances replaced by their names in expectations.
fn shown(answer: &Value, group: &Group) -> Vec<String> {
    let name = |item: &Value| {
        let id = item["InstanceId"].as_str().unwrap();
        match group.ids.iter().position(|known| known == id) {
            Some(place) => READ_ONLY[place].to_owned(),
            None => id
                .trim_start_matches("cdb-")
                .trim_end_matches('0')
                .to_owned(),
        }
    };
    answer["Items"]
        .as_array()
        .unwrap()
        .iter()
        .map(name)
        .collect()
}

async fn list(api: &Api, parameters: Value) -> Value {
    api.call("DescribeDBInstances", parameters).await.unwrap()
}

/// Replaces the names of read-only instances in parameters by their IDs.
fn with_ids(parameters: &Value, group: &Group) -> Value {
    let mut text = parameters.to_string();
    for (name, id) in READ_ONLY.iter().zip(&group.ids) {
        text = text.replace(name, id);
    }
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_parameter_and_every_field_of_the_vendors_is_there() {
    let entry = Entry::of::<DescribeDbInstances>();
    let count = |schema: &Value, what: &str| match &schema[what] {
        Value::Object(fields) => fields.len(),
        Value::Array(names) => names.len(),
        _ => 0,
    };
    let (input, output) = ((entry.input)(), (entry.output)());
    let item = &output.as_value()["$defs"]["InstanceInfo"];
    assert_eq!(
        [
            count(input.as_value(), "properties"),
            count(input.as_value(), "required"),
            count(item, "properties"),
            count(item, "required"),
        ],
        [36, 0, 54, 54 - 8]
    );
}

#[tokio::test]
async fn a_primary_is_shown_with_all_its_fields() {
    let api = Api::start_in(&["ap-shanghai", "ap-beijing"]).await;
    api.register_instance(json!({
        "InstanceId": "cdb-c1nl9rpv", "InstanceName": "orders", "Architecture": "three-node",
        "Nodes": ["127.1.0.1:1", "127.1.0.2:2", "127.1.0.3:3"], "Vip": "192.0.2.10", "Vport": 3306,
        "Tags": [{ "Key": "env", "Value": "prod" }],
    }))
    .await;
    // The primary was not seen yet, one of its standbys was.
    api.observe("127.1.0.2:2", "MySQL", "9.7.4").await;

    let answer = list(&api, json!({})).await;

    // Too many fields for `json!` to expand.
    let expected: Value = serde_json::from_str(
        r#"{ "TotalCount": 1, "Items": [{
            "InstanceId": "cdb-c1nl9rpv", "InstanceName": "orders", "InstanceType": 1, "Status": 1, "TaskStatus": 0,
            "InitFlag": 1, "CdbError": 0, "EngineVersion": "9.7", "EngineType": "InnoDB", "DeviceType": "UNIVERSAL",
            "DeviceClass": "", "DiskType": "", "InstanceNodes": 3, "Vip": "192.0.2.10", "Vport": 3306,
            "WanStatus": 0, "WanDomain": "", "WanPort": 0,
            "RoVipInfo": { "RoVipStatus": 0, "RoSubnetId": 0, "RoVpcId": 0, "RoVport": 0, "RoVip": "" },
            "RoGroups": [], "DrInfo": [],
            "MasterInfo": {
                "InstanceId": "", "InstanceName": "", "InstanceType": 0, "Status": 0, "TaskStatus": 0, "DeviceType": "",
                "Region": "", "RegionId": 0, "Zone": "", "ZoneId": 0, "ResourceId": "", "Memory": 0, "Volume": 0,
                "Qps": 0, "VpcId": 0, "SubnetId": 0, "ExClusterId": "", "ExClusterName": ""
            },
            "SlaveInfo": {
                "First": { "Vip": "127.1.0.2", "Vport": 2, "Region": "ap-shanghai", "Zone": "" },
                "Second": { "Vip": "127.1.0.3", "Vport": 3, "Region": "ap-shanghai", "Zone": "" }
            },
            "Region": "ap-shanghai", "Zone": "", "ZoneId": 0, "ZoneName": "", "DeployMode": 0, "DeployGroupId": "",
            "ProtectMode": 0, "MaxDelayTime": 0, "ProjectId": 0, "TagList": [{ "TagKey": "env", "TagValue": "prod" }],
            "UniqVpcId": "", "UniqSubnetId": "", "VpcId": 0, "SubnetId": 0, "PayType": 1, "AutoRenew": 0,
            "CreateTime": "2026-11-24 11:13:20", "DeadlineTime": "0000-00-00 00:00:00",
            "Memory": 0, "Volume": 0, "Cpu": 0, "Qps": 0, "PhysicalId": ""
        }] }"#,
    )
    .unwrap();
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn a_read_only_instance_is_an_item_of_its_own_and_names_its_primary() {
    let (api, group) = fleet().await;

    let answer = list(&api, json!({ "InstanceIds": [group.ids[0]] })).await;

    let item = &answer["Items"][0];
    assert_eq!(answer["TotalCount"], 1);
    let master = json!({
        "InstanceId": "cdb-orders00", "InstanceName": "orders", "InstanceType": 1, "Status": 1, "TaskStatus": 0,
        "DeviceType": "UNIVERSAL", "Region": "ap-guangzhou", "RegionId": 0, "Zone": "", "ZoneId": 0, "ResourceId": "",
        "Memory": 0, "Volume": 0, "Qps": 0, "VpcId": 0, "SubnetId": 0, "ExClusterId": "", "ExClusterName": "",
    });
    for (field, expected) in [
        ("InstanceId", json!(group.ids[0])),
        ("InstanceName", json!(group.ids[0])),
        ("InstanceType", json!(3)),
        ("InstanceNodes", json!(1)),
        ("DeviceType", json!("UNIVERSAL")),
        ("DiskType", json!("")),
        ("EngineVersion", json!("9.7")),
        ("Vip", json!("127.2.0.1")),
        ("Vport", json!(7)),
        ("CreateTime", json!("2026-11-24 11:13:23")),
        ("RoGroups", json!([])),
        ("TagList", json!([])),
        ("MasterInfo", master),
    ] {
        assert_eq!(item[field], expected, "{field}");
    }
}

#[tokio::test]
async fn a_primary_names_its_groups_as_describe_ro_groups_does() {
    let (api, group) = fleet().await;
    let groups = api
        .call("DescribeRoGroups", json!({ "InstanceId": "cdb-orders00" }))
        .await
        .unwrap();
    let answer = list(
        &api,
        json!({ "InstanceIds": ["cdb-orders00"], "WithRo": 0 }),
    )
    .await;
    assert_eq!(answer["Items"][0]["RoGroups"], groups["RoGroups"]);
    assert_eq!(groups["RoGroups"][0]["RoGroupId"], group.id);
}

#[tokio::test]
async fn architectures_are_told_apart_as_with_the_vendor() {
    let (api, _) = fleet().await;
    api.register_instance(json!({
        "InstanceId": "cdb-single00", "InstanceName": "single", "Architecture": "single-node", "Nodes": ["127.1.0.9:1"],
    }))
    .await;
    for (id, expected) in [
        ("cdb-orders00", json!(["UNIVERSAL", 2, ""])),
        ("cdb-ledger00", json!(["UNIVERSAL", 3, ""])),
        (
            "cdb-single00",
            json!(["CLOUD_NATIVE_CLUSTER", 1, "CLOUD_SSD"]),
        ),
        (
            "cdb-assets00",
            json!(["CLOUD_NATIVE_CLUSTER", 2, "CLOUD_SSD"]),
        ),
    ] {
        let answer = list(&api, json!({ "InstanceIds": [id] })).await;
        let item = &answer["Items"][0];
        let told = json!([item["DeviceType"], item["InstanceNodes"], item["DiskType"]]);
        assert_eq!(told, expected, "{id}");
    }
}

#[tokio::test]
async fn the_nodes_of_a_cluster_are_shown_to_those_who_ask() {
    let (api, _) = fleet().await;
    let ask = async |id: &str, query: bool| {
        let answer = list(
            &api,
            json!({ "InstanceIds": [id], "QueryClusterInfo": query }),
        )
        .await;
        answer["Items"][0].get("ClusterInfo").cloned()
    };
    assert_eq!(
        ask("cdb-assets00", true).await,
        Some(json!([
            { "NodeId": "dbn-f3a9166e", "Role": "master" },
            { "NodeId": "dbn-a593c317", "Role": "slave" },
        ]))
    );
    assert_eq!(ask("cdb-assets00", false).await, None);
    assert_eq!(ask("cdb-orders00", true).await, None);
}

#[tokio::test]
async fn where_an_instance_is_reached() {
    let api = Api::start().await;
    for (id, more, expected) in [
        (
            "cdb-00000001",
            json!({ "Vip": "192.0.2.10", "Vport": 3306 }),
            json!(["192.0.2.10", 3306]),
        ),
        (
            "cdb-00000002",
            json!({ "Vip": "2001:db8::1" }),
            json!(["2001:db8::1", 1]),
        ),
        ("cdb-00000003", json!({}), json!(["127.1.0.1", 1])),
        (
            "cdb-00000004",
            json!({ "Nodes": ["localhost:5", "localhost:6"] }),
            json!(["localhost", 5]),
        ),
        (
            "cdb-00000005",
            json!({ "Nodes": ["unix:/run/mysqld/a.sock", "unix:/run/mysqld/b.sock"] }),
            json!(["", 0]),
        ),
    ] {
        let mut instance = json!({
            "InstanceId": id, "InstanceName": "orders", "Architecture": "two-node", "Nodes": ["127.1.0.1:1", "127.1.0.1:2"],
        });
        instance
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        api.register_instance(instance).await;
        let answer = list(&api, json!({ "InstanceIds": [id] })).await;
        let item = &answer["Items"][0];
        assert_eq!(json!([item["Vip"], item["Vport"]]), expected, "{id}");
    }
}

#[tokio::test]
async fn each_filter_lets_those_pass_that_fit() {
    let (api, group) = fleet().await;
    let everything = ["assets", "ledger", "orders", "ro-1", "ro-2"];
    let cases: &[(Value, &[&str])] = &[
        (json!({}), &everything),
        (
            json!({ "InstanceIds": [], "Status": [], "Tags": [], "SecurityGroupId": "", "ExClusterId": "" }),
            &everything,
        ),
        // By ID: in any number and kind, each once, without those that nobody has.
        (json!({ "InstanceIds": ["cdb-ledger00"] }), &["ledger"]),
        (
            json!({ "InstanceIds": ["ro-2", "cdb-orders00", "ro-2"] }),
            &["orders", "ro-2"],
        ),
        (
            json!({ "InstanceIds": ["cdb-nobody00", "cdbro-nobody00", "cdb-", "", "cdb-orders00"] }),
            &["orders"],
        ),
        (json!({ "InstanceIds": ["cdb-nobody00"] }), &[]),
        // By what they are.
        (
            json!({ "InstanceNames": ["orders", "assets", "nobody"] }),
            &["assets", "orders"],
        ),
        (json!({ "InstanceNames": ["order"] }), &[]),
        (json!({ "InstanceNames": ["ro-1"] }), &["ro-1"]),
        (
            json!({ "Vips": ["192.0.2.10", "127.2.0.2"] }),
            &["orders", "ro-2"],
        ),
        (
            json!({ "Vips": ["0:0:0:0:0:0:0:1", "LOCALHOST"] }),
            &["assets", "ledger"],
        ),
        (json!({ "Vips": ["127.1.0.1"] }), &[]), // the VIP stands before it
        (json!({ "Vips": ["no host"] }), &[]),
        (json!({ "EngineVersions": ["9.7"] }), &["orders", "ro-1"]),
        (json!({ "EngineVersions": ["10.11", "8.0"] }), &["ledger"]),
        (json!({ "EngineVersions": [""] }), &["assets", "ro-2"]),
        (json!({ "EngineTypes": ["RocksDB", "InnoDB"] }), &everything),
        (json!({ "EngineTypes": ["RocksDB"] }), &[]),
        // By kind.
        (
            json!({ "InstanceTypes": [1] }),
            &["assets", "ledger", "orders"],
        ),
        (json!({ "InstanceTypes": [3] }), &["ro-1", "ro-2"]),
        (json!({ "InstanceTypes": [1, 3] }), &everything),
        (json!({ "InstanceTypes": [2] }), &[]),
        (json!({ "WithRo": 0 }), &["assets", "ledger", "orders"]),
        (json!({ "WithMaster": 0 }), &["ro-1", "ro-2"]),
        (json!({ "WithMaster": 0, "WithRo": 0 }), &[]),
        (json!({ "WithRo": 0, "InstanceTypes": [3] }), &[]),
        (
            json!({ "WithRo": 1, "WithMaster": 1, "WithDr": 0, "WithExCluster": 1 }),
            &everything,
        ),
        // By tags.
        (
            json!({ "Tags": [{ "Key": "env", "Value": "prod" }] }),
            &["orders"],
        ),
        (
            json!({ "Tags": [{ "Key": "env", "Value": "prod" }, { "Key": "env", "Value": "test" }] }),
            &["ledger", "orders"],
        ),
        (json!({ "Tags": [{ "Key": "team", "Value": "prod" }] }), &[]),
        (
            json!({ "TagKeysForSearch": ["team", "owner"] }),
            &["orders"],
        ),
        (
            json!({ "TagValues": ["test", "shop"] }),
            &["ledger", "orders"],
        ),
        (
            json!({ "TagKeysForSearch": ["env"], "TagValues": ["shop"] }),
            &["orders"],
        ),
        // By state.
        (json!({ "Status": [0, 1] }), &everything),
        (json!({ "Status": [5] }), &[]),
        (json!({ "TaskStatus": [0] }), &everything),
        (json!({ "TaskStatus": [10] }), &[]),
        (json!({ "PayTypes": [1] }), &everything),
        (json!({ "PayTypes": [0] }), &[]),
        (json!({ "InitFlag": 1 }), &everything),
        (json!({ "InitFlag": 0 }), &[]),
        (json!({ "CdbErrors": [0] }), &everything),
        (json!({ "CdbErrors": [1] }), &[]),
        (json!({ "ProjectId": 0 }), &everything),
        (json!({ "ProjectId": 1 }), &[]),
        // By what none of them has.
        (
            json!({ "ZoneIds": [0], "VpcIds": [0], "SubnetIds": [0] }),
            &everything,
        ),
        (json!({ "ZoneIds": [100_003] }), &[]),
        (json!({ "VpcIds": [1] }), &[]),
        (json!({ "SubnetIds": [1] }), &[]),
        (
            json!({ "UniqueVpcIds": [""], "UniqSubnetIds": [""], "DeployGroupIds": [""] }),
            &everything,
        ),
        (json!({ "UniqueVpcIds": ["vpc-5v8wn9mg"] }), &[]),
        (json!({ "UniqSubnetIds": ["subnet-1typ0s7d"] }), &[]),
        (json!({ "DeployGroupIds": ["ps-7t11vrwf"] }), &[]),
        (json!({ "CageIds": ["cage-k9a6gup3"] }), &[]),
        (json!({ "ProxyVips": ["192.0.2.20"] }), &[]),
        (json!({ "ProxyIds": ["proxy-k9a6gup3"] }), &[]),
        (json!({ "ExClusterId": "cdb-g2ql0j11" }), &[]),
        (json!({ "SecurityGroupId": "sg-k9a6gup3" }), &everything), // has to be switched on
        (
            json!({ "SecurityGroupId": "sg-k9a6gup3", "WithSecurityGroup": 0 }),
            &everything,
        ),
        (
            json!({ "SecurityGroupId": "sg-k9a6gup3", "WithSecurityGroup": 1 }),
            &[],
        ),
        (json!({ "WithSecurityGroup": 1 }), &everything),
        // All must fit.
        (
            json!({ "InstanceNames": ["orders"], "EngineVersions": ["9.7"], "InstanceTypes": [1] }),
            &["orders"],
        ),
        (
            json!({ "InstanceNames": ["orders"], "EngineVersions": ["10.11"] }),
            &[],
        ),
        (
            json!({ "InstanceIds": ["cdb-orders00"], "InstanceNames": ["ledger"] }),
            &[],
        ),
    ];
    for (parameters, expected) in cases {
        let answer = list(&api, with_ids(parameters, &group)).await;
        let mut items = shown(&answer, &group);
        items.sort();
        assert_eq!(items, *expected, "{parameters}");
        assert_eq!(answer["TotalCount"], expected.len(), "{parameters}");
    }
}

#[tokio::test]
async fn the_list_has_an_order() {
    let (api, mut group) = fleet().await;
    group.ids.sort(); // both were registered in the same second, so that their IDs decide
    for (parameters, expected) in [
        // The newest first, if nothing is said.
        (json!({}), ["ro-1", "ro-2", "assets", "ledger", "orders"]),
        (
            json!({ "OrderBy": "", "OrderDirection": "" }),
            ["ro-1", "ro-2", "assets", "ledger", "orders"],
        ),
        (
            json!({ "OrderBy": "createTime", "OrderDirection": "ASC" }),
            ["orders", "ledger", "assets", "ro-1", "ro-2"],
        ),
        (
            json!({ "OrderBy": "instanceId", "OrderDirection": "ASC" }),
            ["assets", "ledger", "orders", "ro-1", "ro-2"],
        ),
        (
            json!({ "OrderBy": "instanceId" }),
            ["ro-2", "ro-1", "orders", "ledger", "assets"],
        ),
        // Read-only instances are called like their IDs, and `a` comes before `c`.
        (
            json!({ "OrderBy": "instanceName", "OrderDirection": "ASC" }),
            ["assets", "ro-1", "ro-2", "ledger", "orders"],
        ),
        (
            json!({ "OrderBy": "instanceName", "OrderDirection": "DESC" }),
            ["orders", "ledger", "ro-2", "ro-1", "assets"],
        ),
        // None ever ends, so their IDs decide.
        (
            json!({ "OrderBy": "deadlineTime", "OrderDirection": "DESC" }),
            ["assets", "ledger", "orders", "ro-1", "ro-2"],
        ),
    ] {
        let answer = list(&api, parameters.clone()).await;
        assert_eq!(shown(&answer, &group), expected, "{parameters}");
    }
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let (api, group) = fleet().await;
    for (offset, limit, expected) in [
        (0, 2, &["assets", "ledger"][..]),
        (2, 2, &["orders"]),
        (3, 2, &[]),
        (1_000_000, 2000, &[]),
    ] {
        let parameters = json!({
            "InstanceTypes": [1], "OrderBy": "instanceId", "OrderDirection": "ASC", "Offset": offset, "Limit": limit,
        });
        let answer = list(&api, parameters).await;
        assert_eq!(shown(&answer, &group), expected, "{offset}");
        assert_eq!(answer["TotalCount"], 3);
    }
}

#[tokio::test]
async fn a_page_has_20_instances_if_nothing_is_said() {
    let api = Api::start().await;
    for n in 1..=21 {
        api.register_two_node(&format!("cdb-000000{n:02}"), "orders", n)
            .await;
    }
    let answer = list(&api, json!({})).await;
    assert_eq!(answer["TotalCount"], 21);
    assert_eq!(answer["Items"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn each_account_sees_its_own() {
    let (api, group) = fleet().await;
    let other = api.of_another_account();
    let ids = json!({ "InstanceIds": ["cdb-orders00", group.ids[0]] });
    for parameters in [json!({}), ids] {
        assert_eq!(
            list(&other, parameters).await,
            json!({ "TotalCount": 0, "Items": [] })
        );
    }
}

#[tokio::test]
async fn each_mistake_has_its_own_answer() {
    let api = Api::start().await;
    let invalid = "InvalidParameterValue.InvalidParameterValueError: The value of parameter";
    for (parameters, expected) in [
        (json!({ "Limit": 0 }), format!("{invalid} `Limit` is not valid: it must be 1 to 2000.")),
        (json!({ "Limit": 2001 }), format!("{invalid} `Limit` is not valid: it must be 1 to 2000.")),
        (json!({ "Offset": -1 }), format!("{invalid} `Offset` is not valid: it must be 0 or more.")),
        (
            json!({ "OrderBy": "InstanceId" }),
            format!("{invalid} `OrderBy` is not valid: it must be instanceId, instanceName, createTime or deadlineTime."),
        ),
        (
            json!({ "OrderDirection": "up" }),
            format!("{invalid} `OrderDirection` is not valid: it must be ASC or DESC."),
        ),
        (
            json!({ "InstanceTypes": [1, 4] }),
            format!("{invalid} `InstanceTypes` is not valid: each must be 1 (primary), 2 (disaster recovery) or 3 (read-only)."),
        ),
        (json!({ "InitFlag": 2 }), format!("{invalid} `InitFlag` is not valid: it must be 0 or 1.")),
        (json!({ "WithRo": -1 }), format!("{invalid} `WithRo` is not valid: it must be 0 or 1.")),
        (json!({ "WithMaster": 2 }), format!("{invalid} `WithMaster` is not valid: it must be 0 or 1.")),
        (json!({ "PayTypes": [2] }), format!("{invalid} `PayTypes` is not valid: each must be 0 or 1.")),
        (json!({ "CdbErrors": [2] }), format!("{invalid} `CdbErrors` is not valid: each must be 0 or 1.")),
        (
            json!({ "InstanceId": "cdb-c1nl9rpv" }),
            "UnknownParameter: The parameter `InstanceId` is not recognized.".to_owned(),
        ),
        (
            json!({ "Tags": [{ "Key": "env" }] }),
            "MissingParameter: The request is missing a required parameter `Tags.0.Value`.".to_owned(),
        ),
        (
            json!({ "InstanceIds": "cdb-c1nl9rpv" }),
            "InvalidParameter.JsonUnmarshalError: The value type of parameter `InstanceIds` is not valid: an array was expected."
                .to_owned(),
        ),
    ] {
        let error = api.call("DescribeDBInstances", parameters).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}
