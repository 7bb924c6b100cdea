//! `ModifyInstance`: changes what was registered of an instance.

use std::net::IpAddr;

use ca::key::KeyKind;
use dbtls::Target;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Code;

use crate::api::action::{self, Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::api::registration::{self, DnsName, Title, example_tags};
use crate::api::subject;
use crate::state::ids::SubjectId;
use crate::state::records::{self, Driver, InstanceRecord, NodeDriver, Tag};
use crate::state::store::{Expect, Write};

/// The action.
pub struct ModifyInstance;

/// What is given replaces what was registered; what is left out stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Input {
    /// The instance to change.
    #[schemars(example = &"cdb-c1nl9rpv")]
    instance_id: String,
    /// Its new name.
    #[schemars(example = &"orders")]
    instance_name: Option<Title>,
    /// All its nodes, the primary first. Their number is fixed by the architecture.
    #[schemars(with = "Option<Vec<String>>", example = &["db1.example.com:3306", "db3.example.com:3306"])]
    nodes: Option<Vec<Target>>,
    /// The virtual address that clients use.
    #[schemars(with = "Option<String>", example = &"192.0.2.10")]
    vip: Option<IpAddr>,
    /// The port of the virtual address.
    #[schemars(example = 3306)]
    vport: Option<u16>,
    /// All further names that clients use.
    #[schemars(example = &["orders.db.example.com"])]
    dns_names: Option<Vec<DnsName>>,
    /// How its nodes are changed.
    driver: Option<Driver>,
    /// The nodes that are changed in another way than `Driver` says.
    node_drivers: Option<Vec<NodeDriver>>,
    /// What the keys of the certificates are that its servers get: `ecdsa-p256`, or `rsa-2048` for old clients.
    #[serde(default)]
    #[schemars(schema_with = "registration::key_types")]
    key_type: Option<KeyKind>,
    /// All its tags.
    #[schemars(example = example_tags())]
    tags: Option<Vec<Tag>>,
    /// The account that probes log in with. An empty name takes the account away.
    #[schemars(example = &"signet_probe")]
    probe_user: Option<String>,
    /// The probe account's password.
    #[schemars(example = &"********", extend("writeOnly" = true))]
    probe_password: Option<String>,
    /// The account of the `sql` driver. An empty name takes the account away.
    #[schemars(example = &"signet")]
    sql_user: Option<String>,
    /// The `sql` driver account's password.
    #[schemars(example = &"********", extend("writeOnly" = true))]
    sql_password: Option<String>,
    /// The CA certificates, in PEM, that its servers are expected to be issued by. An empty text takes them away.
    #[schemars(example = &"-----BEGIN CERTIFICATE-----\n…")]
    ca_certificates: Option<String>,
}

/// Nothing but the RequestId.
#[derive(Serialize, JsonSchema)]
pub struct Output {}

impl Action for ModifyInstance {
    const SPEC: Spec = Spec {
        name: "ModifyInstance",
        product: Product::Signet,
        summary: "Changes what was registered of an instance. It never changes a server.",
        limit: 100,
        effect: Effect::Writes,
        errors: &[
            Code::InvalidParameter,
            Code::InvalidParameterValue,
            Code::OperationDeniedInstanceLockerConflict,
            Code::ResourceNotFoundInstanceNotFoundError,
        ],
    };
    const LARGEST_BODY: usize = action::LARGEST_BODY_WITH_CERTIFICATES;
    type Input = Input;
    type Output = Output;

    async fn call(input: Input, context: &Context) -> Result<Output, ApiError> {
        let instance = subject::instance(context, &input.instance_id)?;
        subject::require_unlocked(context, SubjectId::Instance(instance.id))?;
        let key = InstanceRecord::key(instance.id);
        let found = context
            .service
            .catalog
            .document::<InstanceRecord>(&key)
            .await?;
        let (mut record, revision) = found.ok_or_else(|| {
            ApiError::internal(anyhow::anyhow!(
                "`{key}` is in the catalog but not in the store"
            ))
        })?;
        change(&mut record, input, &key, context)?;
        let write = Write::put(key, records::encode(&record), Expect::At(revision));
        context.service.catalog.commit(vec![write]).await?;
        Ok(Output {})
    }
}

fn change(
    record: &mut InstanceRecord,
    input: Input,
    key: &str,
    context: &Context,
) -> Result<(), ApiError> {
    let of = &mut record.registration;
    replace(&mut of.name, input.instance_name.map(Into::into));
    replace(&mut of.vport, input.vport);
    replace(
        &mut of.dns,
        input
            .dns_names
            .map(|names| names.into_iter().map(Into::into).collect()),
    );
    replace(&mut of.driver, input.driver);
    replace(&mut of.node_drivers, input.node_drivers);
    replace(&mut of.key_kind, input.key_type);
    replace(&mut record.tags, input.tags);
    of.vip = input.vip.or(of.vip);
    if input.probe_user.is_some() || input.probe_password.is_some() {
        of.probe = account(
            context,
            key,
            ("ProbeUser", "ProbePassword"),
            input.probe_user,
            input.probe_password,
        )?;
    }
    if input.sql_user.is_some() || input.sql_password.is_some() {
        of.sql = account(
            context,
            key,
            ("SqlUser", "SqlPassword"),
            input.sql_user,
            input.sql_password,
        )?;
    }
    if input.ca_certificates.is_some() {
        of.ca = registration::ca(input.ca_certificates)?;
    }
    if let Some(nodes) = input.nodes {
        registration::check_nodes(
            &nodes,
            record.architecture.nodes(),
            record.architecture.name(),
        )?;
        record.nodes = nodes;
    }
    registration::check_drivers(&record.registration, &record.nodes)
}

/// An empty name alone takes the account away.
fn account(
    context: &Context,
    key: &str,
    names: (&str, &str),
    user: Option<String>,
    password: Option<String>,
) -> Result<Option<records::Login>, ApiError> {
    let is_removal =
        user.as_deref() == Some("") && password.as_deref().unwrap_or_default().is_empty();
    if is_removal {
        Ok(None)
    } else {
        registration::login(context, key, names, user, password)
    }
}

fn replace<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}
