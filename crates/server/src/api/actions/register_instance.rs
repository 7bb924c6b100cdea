//! `RegisterInstance`: tells Signet of an instance that is to be watched.

use std::net::IpAddr;

use ca::key::KeyKind;
use dbtls::Target;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::api::action::{self, Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::api::registration::{self, DnsName, Title, example_tags};
use crate::state::credentials::{Destination, Field, Place};
use crate::state::ids::InstanceId;
use crate::state::records::{
    self, Architecture, Driver, InstanceRecord, NodeDriver, Registration, Tag, V1,
};
use crate::state::store::{Error, Expect, Write};

/// The action.
pub struct RegisterInstance;

/// The instance.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Input {
    /// Its ID. A fresh one is made when none is given.
    instance_id: Option<InstanceId>,
    /// Its name, for people.
    #[schemars(example = &"orders")]
    instance_name: Title,
    /// How it is built. `two-node` and `three-node` have the SSL feature.
    architecture: Architecture,
    /// The address of each node as `host:port`, the primary first. IPv6 addresses stand in brackets; `unix:/path` is a Unix socket.
    #[schemars(with = "Vec<String>", example = &["db1.example.com:3306", "db2.example.com:3306"])]
    nodes: Vec<Target>,
    /// The virtual address that clients use.
    #[schemars(with = "Option<String>", example = &"192.0.2.10")]
    vip: Option<IpAddr>,
    /// The port of the virtual address.
    #[schemars(example = 3306)]
    vport: Option<u16>,
    /// Further names that clients use; a certificate has to cover them too.
    #[serde(default)]
    #[schemars(example = &["orders.db.example.com"])]
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
    /// Its tags.
    #[serde(default)]
    #[schemars(example = example_tags())]
    tags: Vec<Tag>,
    /// The account that probes log in with; it needs no privilege. Without one, probes end as a user that does not exist.
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
    /// The CA certificates, in PEM, that its servers' certificates are expected to be issued by. A probe sends its password in full only to a server that they vouch for.
    #[schemars(example = &"-----BEGIN CERTIFICATE-----\n…")]
    ca_certificates: Option<String>,
}

/// What was registered.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Output {
    /// The ID of the instance.
    instance_id: InstanceId,
}

impl Action for RegisterInstance {
    const SPEC: Spec = Spec {
        name: "RegisterInstance",
        product: Product::Signet,
        summary: "Registers an instance that runs on servers of your own. Its nodes are probed at once, and from then on regularly.",
        limit: 100,
        effect: Effect::Writes,
        errors: &[
            Code::InvalidParameter,
            Code::InvalidParameterValue,
            Code::ResourceInUse,
        ],
    };
    const LARGEST_BODY: usize = action::LARGEST_BODY_WITH_CERTIFICATES;
    type Input = Input;
    type Output = Output;

    async fn call(input: Input, context: &Context) -> Result<Output, ApiError> {
        let id = input
            .instance_id
            .unwrap_or_else(|| InstanceId::fresh(&context.service.entropy));
        let record = record(id, input, context)?;
        registration::check_targets(context, &record.nodes).await?;
        let write = Write::put(
            InstanceRecord::key(id),
            records::encode(&record),
            Expect::Absent,
        );
        match context.service.catalog.commit(vec![write]).await {
            Ok(_) => Ok(Output { instance_id: id }),
            Err(Error::Conflict { .. }) => Err(ApiError::new(
                Code::ResourceInUse,
                format!("An instance with the ID `{id}` is registered already."),
            )),
            Err(error) => Err(error.into()),
        }
    }
}

fn record(id: InstanceId, input: Input, context: &Context) -> Result<InstanceRecord, ApiError> {
    let architecture = input.architecture;
    registration::check_nodes(&input.nodes, architecture.nodes(), architecture.name())?;
    let document = InstanceRecord::key(id);
    let ca = registration::ca(input.ca_certificates)?;
    let place = |field| Place {
        document: &document,
        field,
        destination: Destination::of(&input.nodes, ca.as_deref()),
    };
    let registration = Registration {
        account: context.account,
        name: input.instance_name.into(),
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
    Ok(InstanceRecord {
        v: V1,
        id,
        architecture,
        nodes: input.nodes,
        tags: input.tags,
        registration,
    })
}
