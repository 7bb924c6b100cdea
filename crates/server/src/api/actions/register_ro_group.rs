//! `RegisterRoGroup`: tells Signet of a read-only group that is to be watched.

use std::net::IpAddr;

use ca::key::KeyKind;
use dbtls::Target;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::api::action::{self, Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::api::registration::{self, DnsName, Title};
use crate::api::subject;
use crate::state::credentials::{Destination, Field, Place};
use crate::state::ids::{RoGroupId, RoInstanceId};
use crate::state::records::{self, Driver, Member, NodeDriver, Registration, RoGroupRecord, V1};
use crate::state::store::{Error, Expect, Write};

/// How many read-only instances a group may have.
const MEMBERS: std::ops::RangeInclusive<usize> = 1..=32;

/// The action.
pub struct RegisterRoGroup;

/// The group.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Input {
    /// The instance that its read-only instances replicate from.
    #[schemars(example = &"cdb-c1nl9rpv")]
    instance_id: String,
    /// Its ID. A fresh one is made when none is given.
    ro_group_id: Option<RoGroupId>,
    /// Its name, for people.
    #[schemars(example = &"orders-reports")]
    ro_group_name: Title,
    /// The address of each read-only instance as `host:port`.
    #[schemars(with = "Vec<String>", example = &["ro1.example.com:3306"])]
    nodes: Vec<Target>,
    /// The virtual address that clients use.
    #[schemars(with = "Option<String>", example = &"192.0.2.11")]
    vip: Option<IpAddr>,
    /// The port of the virtual address.
    #[schemars(example = 3306)]
    vport: Option<u16>,
    /// Further names that clients use; a certificate has to cover them too.
    #[serde(default)]
    #[schemars(example = &["orders-ro.db.example.com"])]
    dns_names: Vec<DnsName>,
    /// Whether certificates may cover `DnsNames` and `Vip` that were not proven to lead to one of its nodes. Names of the control plane are
    /// refused all the same.
    #[serde(default)]
    #[schemars(example = false)]
    accept_unproven_names: bool,
    /// How its nodes are changed: `observe` (never), `sql`, or `agent`.
    #[serde(default)]
    driver: Driver,
    /// The nodes that are changed in another way than `Driver` says.
    #[serde(default)]
    node_drivers: Vec<NodeDriver>,
    /// What the keys of the certificates are that its servers get: `ecdsa-p256`, or `rsa-2048` for old clients.
    #[serde(default)]
    #[schemars(schema_with = "registration::key_types")]
    key_type: KeyKind,
    /// The account that probes log in with; it needs no privilege.
    #[schemars(example = &"signet_probe")]
    probe_user: Option<String>,
    /// The probe account's password.
    #[schemars(example = &"********", extend("writeOnly" = true))]
    probe_password: Option<String>,
    /// The account of the `sql` driver.
    #[schemars(example = &"signet")]
    sql_user: Option<String>,
    /// The `sql` driver account's password.
    #[schemars(example = &"********", extend("writeOnly" = true))]
    sql_password: Option<String>,
    /// The CA certificates, in PEM, that its servers' certificates are expected to be issued by.
    #[schemars(example = &"-----BEGIN CERTIFICATE-----\n…")]
    ca_certificates: Option<String>,
}

/// What was registered.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Output {
    /// The ID of the group.
    ro_group_id: RoGroupId,
    /// The IDs of its read-only instances, in the order of the nodes.
    ro_instance_ids: Vec<RoInstanceId>,
}

impl Action for RegisterRoGroup {
    const SPEC: Spec = Spec {
        name: "RegisterRoGroup",
        product: Product::Signet,
        summary: "Registers a read-only group of an instance. Its nodes are probed at once, and from then on regularly.",
        limit: 100,
        effect: Effect::Writes,
        errors: &[
            Code::InvalidParameter,
            Code::InvalidParameterValue,
            Code::ResourceInUse,
            Code::ResourceNotFoundInstanceNotFoundError,
        ],
    };
    const LARGEST_BODY: usize = action::LARGEST_BODY_WITH_CERTIFICATES;
    type Input = Input;
    type Output = Output;

    async fn call(input: Input, context: &Context) -> Result<Output, ApiError> {
        let nodes = input.nodes.clone();
        let record = record(input, context)?;
        registration::check_targets(context, &nodes).await?;
        let (id, members) = (
            record.id,
            record.members.iter().map(|member| member.id).collect(),
        );
        let write = Write::put(
            RoGroupRecord::key(id),
            records::encode(&record),
            Expect::Absent,
        );
        match context.service.catalog.commit(vec![write]).await {
            Ok(_) => Ok(Output {
                ro_group_id: id,
                ro_instance_ids: members,
            }),
            Err(Error::Conflict { .. }) => Err(ApiError::new(
                Code::ResourceInUse,
                format!("An RO group with the ID `{id}` is registered already."),
            )),
            Err(error) => Err(error.into()),
        }
    }
}

fn record(input: Input, context: &Context) -> Result<RoGroupRecord, ApiError> {
    let entropy = &context.service.entropy;
    let primary = subject::instance(context, &input.instance_id)?.id;
    registration::check_nodes(&input.nodes, MEMBERS, "an RO group")?;
    let id = input
        .ro_group_id
        .unwrap_or_else(|| RoGroupId::fresh(entropy));
    let document = RoGroupRecord::key(id);
    let ca = registration::ca(input.ca_certificates)?;
    let place = |field| Place {
        document: &document,
        field,
        destination: Destination::of(&input.nodes, ca.as_deref()),
    };
    let registration = Registration {
        account: context.account,
        name: input.ro_group_name.into(),
        vip: input.vip,
        vport: input.vport.unwrap_or_default(),
        dns: input.dns_names.into_iter().map(Into::into).collect(),
        accept_unproven_names: input.accept_unproven_names,
        driver: input.driver,
        node_drivers: input.node_drivers,
        key_kind: input.key_type,
        created: context.now,
        probe: registration::login(
            context,
            &place(Field::Probe),
            registration::PROBE,
            input.probe_user,
            input.probe_password,
        )?,
        sql: registration::login(
            context,
            &place(Field::Sql),
            registration::SQL,
            input.sql_user,
            input.sql_password,
        )?,
        ca,
    };
    registration::check_drivers(&registration, &input.nodes)?;
    let members = input
        .nodes
        .into_iter()
        .map(|node| Member {
            id: RoInstanceId::fresh(entropy),
            node,
        })
        .collect();
    Ok(RoGroupRecord {
        v: V1,
        id,
        primary,
        members,
        registration,
    })
}
