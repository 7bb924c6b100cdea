//! `DescribeRoGroups`: the read-only groups of an instance.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::api::ro_groups::{self, RoGroup};
use crate::state::catalog::Instance;
use crate::state::ids::{InstanceId, RoInstanceId};

/// The action.
pub struct DescribeRoGroups;

/// The instance.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Input {
    /// The primary instance, like `cdb-c1nl9rpv`.
    #[schemars(example = &"cdb-c1nl9rpv")]
    instance_id: String,
}

/// Its groups.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Output {
    /// The groups, the oldest first; none for an instance without read-only instances.
    ro_groups: Vec<RoGroup>,
}

impl Action for DescribeRoGroups {
    const SPEC: Spec = Spec {
        name: "DescribeRoGroups",
        product: Product::Cdb,
        summary: "Lists the read-only groups of an instance, each with its address and its read-only instances.",
        limit: 20,
        effect: Effect::Reads,
        errors: &[
            Code::CdbError,
            Code::InternalErrorDbError,
            Code::InternalErrorFtpError,
            Code::InternalErrorHttpError,
            Code::InternalErrorUndefinedError,
            Code::InternalErrorUnknownError,
            Code::InvalidParameter,
            Code::InvalidParameterControllerNotFoundError,
            Code::InvalidParameterInstanceNotFound,
            Code::OperationDeniedActionNotSupport,
        ],
    };
    type Input = Input;
    type Output = Output;

    async fn call(input: Input, context: &Context) -> Result<Output, ApiError> {
        let instance = instance(context, &input.instance_id)?;
        Ok(Output {
            ro_groups: ro_groups::of(&context.service, instance.id),
        })
    }
}

/// The caller's instance with this ID. Not [`subject::instance`](crate::api::subject::instance): the vendor documents
/// another code for this action.
fn instance(context: &Context, id: &str) -> Result<Arc<Instance>, ApiError> {
    let known = id
        .parse::<InstanceId>()
        .ok()
        .and_then(|id| context.service.catalog.instance(id));
    known
        .filter(|instance| instance.common.account == context.account)
        .ok_or_else(|| {
            ApiError::new(
                Code::InvalidParameterInstanceNotFound,
                why_none(context, id),
            )
        })
}

fn why_none(context: &Context, id: &str) -> String {
    let group = id
        .parse::<RoInstanceId>()
        .ok()
        .and_then(|id| context.service.catalog.group_of(id))
        .filter(|group| group.common.account == context.account);
    match group {
        Some(group) => format!(
            "`{id}` is a read-only instance. Ask for the groups of its primary: `InstanceId` = `{}`.",
            group.primary
        ),
        None => format!("The instance `{id}` does not exist."),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::api::testing::{Api, Group, NOW};

    #[tokio::test]
    async fn an_instance_without_read_only_instances_has_no_groups() {
        let api = Api::start().await;
        api.register_two_node("cdb-c1nl9rpv", "orders", 1).await;
        let answer = api
            .call("DescribeRoGroups", json!({ "InstanceId": "cdb-c1nl9rpv" }))
            .await;
        assert_eq!(answer.unwrap(), json!({ "RoGroups": [] }));
    }

    #[tokio::test]
    async fn a_group_is_shown_with_its_address_and_its_instances() {
        let api = Api::start().await;
        api.register_two_node("cdb-c1nl9rpv", "orders", 1).await;
        let Group { ids, .. } = api
            .register_group(json!({
                "InstanceId": "cdb-c1nl9rpv", "RoGroupId": "cdbrg-k9a6gup3", "RoGroupName": "reports",
                "Nodes": ["127.2.0.1:7"], "Vip": "192.0.2.11", "Vport": 3306,
            }))
            .await;
        api.observe("127.2.0.1:7", "MariaDB", "10.11.14-MariaDB")
            .await;

        let answer = api
            .call("DescribeRoGroups", json!({ "InstanceId": "cdb-c1nl9rpv" }))
            .await;

        let instance = json!({
            "MasterInstanceId": "cdb-c1nl9rpv", "RoStatus": "online", "OfflineTime": "0000-00-00 00:00:00", "Weight": 1,
            "Region": "ap-guangzhou", "Zone": "", "InstanceId": ids[0], "Status": 1, "InstanceType": 3,
            "InstanceName": ids[0], "HourFeeStatus": 1, "TaskStatus": 0, "Memory": 0, "Volume": 0, "Qps": 0,
            "Vip": "127.2.0.1", "Vport": 7, "VpcId": 0, "SubnetId": 0, "DeviceType": "CUSTOM", "EngineVersion": "10.11",
            "DeadlineTime": "0000-00-00 00:00:00", "PayType": 1, "ReplicationStatus": "",
        });
        let group = json!({
            "RoGroupMode": "", "RoGroupId": "cdbrg-k9a6gup3", "RoGroupName": "reports", "RoOfflineDelay": 0,
            "RoMaxDelayTime": 0, "MinRoInGroup": 0, "WeightMode": "system", "Weight": 0, "Vip": "192.0.2.11",
            "Vport": 3306, "UniqVpcId": "", "UniqSubnetId": "", "RoGroupRegion": "ap-guangzhou", "RoGroupZone": "",
            "DelayReplicationTime": 0, "RoInstances": [instance],
        });
        assert_eq!(answer.unwrap(), json!({ "RoGroups": [group] }));
    }

    #[tokio::test]
    async fn groups_come_oldest_first_and_one_without_a_virtual_address_has_its_first_instances() {
        let api = Api::start().await;
        api.register_two_node("cdb-c1nl9rpv", "orders", 1).await;
        for (id, node, age) in [
            ("cdbrg-00000002", "127.2.0.2:8", 10),
            ("cdbrg-00000003", "127.2.0.3:9", 20),
            ("cdbrg-00000001", "127.2.0.1:7", 10),
        ] {
            api.set_time(NOW - age);
            api.register_group(json!({
                "InstanceId": "cdb-c1nl9rpv", "RoGroupId": id, "RoGroupName": "reports", "Nodes": [node],
            }))
            .await;
        }

        let answer = api
            .call("DescribeRoGroups", json!({ "InstanceId": "cdb-c1nl9rpv" }))
            .await
            .unwrap();

        let groups = answer["RoGroups"].as_array().unwrap();
        let shown: Vec<_> = groups
            .iter()
            .map(|group| json!([group["RoGroupId"], group["Vip"], group["Vport"]]))
            .collect();
        assert_eq!(
            shown,
            [
                json!(["cdbrg-00000003", "127.2.0.3", 9]),
                json!(["cdbrg-00000001", "127.2.0.1", 7]),
                json!(["cdbrg-00000002", "127.2.0.2", 8]),
            ]
        );
    }

    #[tokio::test]
    async fn each_mistake_has_its_own_answer() {
        let api = Api::start().await;
        api.register_two_node("cdb-c1nl9rpv", "orders", 1).await;
        let group = json!({ "InstanceId": "cdb-c1nl9rpv", "RoGroupName": "reports", "Nodes": ["127.2.0.1:7"] });
        let Group { ids, .. } = api.register_group(group).await;
        let read_only = &ids[0];
        for (parameters, expected) in [
            (
                json!({}),
                "MissingParameter: The request is missing a required parameter `InstanceId`."
                    .to_owned(),
            ),
            (
                json!({ "InstanceId": "cdb-nobody00" }),
                "InvalidParameter.InstanceNotFound: The instance `cdb-nobody00` does not exist."
                    .to_owned(),
            ),
            (
                json!({ "InstanceId": "" }),
                "InvalidParameter.InstanceNotFound: The instance `` does not exist.".to_owned(),
            ),
            (
                json!({ "InstanceId": read_only }),
                format!(
                    "InvalidParameter.InstanceNotFound: `{read_only}` is a read-only instance. Ask for the groups of its \
                     primary: `InstanceId` = `cdb-c1nl9rpv`."
                ),
            ),
        ] {
            let error = api.call("DescribeRoGroups", parameters).await.unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    #[tokio::test]
    async fn somebody_elses_instance_is_as_if_it_did_not_exist() {
        let api = Api::start().await;
        api.register_two_node("cdb-c1nl9rpv", "orders", 1).await;
        let call = api
            .of_another_account()
            .call("DescribeRoGroups", json!({ "InstanceId": "cdb-c1nl9rpv" }))
            .await;
        assert_eq!(
            call.unwrap_err().to_string(),
            "InvalidParameter.InstanceNotFound: The instance `cdb-c1nl9rpv` does not exist."
        );
    }
}
