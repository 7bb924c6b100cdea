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
use crate::state::credentials::{Field, HasAccounts as _, Place};
use crate::state::ids::SubjectId;
use crate::state::records::{self, Driver, InstanceRecord, NodeDriver, Registration, Tag};
use crate::state::store::{Expect, Write};

/// The action.
pub struct ModifyInstance;

/// What is given replaces what was registered; what is left out stays as it is. A change of `Nodes` or `CaCertificates` removes the stored accounts
/// that are not given again in the same call.
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
    /// Whether certificates may cover `DnsNames` and `Vip` that were not proven to lead to one of its nodes. Names of the control plane are
    /// refused all the same.
    #[schemars(example = true)]
    accept_unproven_names: Option<bool>,
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

/// What went with the change.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Output {
    /// The accounts that were removed: the nodes or the CA certificates changed, and stored passwords are kept only for the servers that they
    /// were given for. Left out when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dropped_accounts: Vec<DroppedAccount>,
}

/// An account that was removed.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct DroppedAccount {
    /// Its name.
    user: String,
    /// The parameters that register it again.
    parameters: Vec<&'static str>,
}

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
        if let Some(nodes) = &input.nodes {
            registration::check_targets(context, nodes).await?;
        }
        let dropped_accounts = change(&mut record, input, context)?;
        let write = Write::put(key, records::encode(&record), Expect::At(revision));
        context.service.catalog.commit(vec![write]).await?;
        Ok(Output { dropped_accounts })
    }
}

/// Changes the document. Answers the accounts whose passwords went.
fn change(
    record: &mut InstanceRecord,
    mut input: Input,
    context: &Context,
) -> Result<Vec<DroppedAccount>, ApiError> {
    let before = record.destination();
    if let Some(nodes) = input.nodes.take() {
        registration::check_nodes(
            &nodes,
            record.architecture.nodes(),
            record.architecture.name(),
        )?;
        record.nodes = nodes;
    }
    if let Some(ca) = input.ca_certificates.take() {
        record.registration.ca = registration::ca(Some(ca))?;
    }
    let dropped = if record.destination() == before {
        Vec::new()
    } else {
        drop_accounts(&mut record.registration, &input)
    };
    set_accounts(record, &mut input, context)?;
    describe(record, input);
    check_dropped(record, &dropped)?;
    registration::check_drivers(&record.registration, &record.nodes)?;
    Ok(dropped)
}

/// Drops the accounts that are not given again: their passwords were given for other servers, or other CA certificates.
fn drop_accounts(of: &mut Registration, input: &Input) -> Vec<DroppedAccount> {
    let probe = (
        &mut of.probe,
        input.probe_user.is_some(),
        registration::PROBE,
    );
    let sql = (&mut of.sql, input.sql_user.is_some(), registration::SQL);
    let stored = [probe, sql].into_iter();
    let dropped = stored.filter(|(_, is_given, _)| !is_given);
    dropped
        .filter_map(|(stored, _, (user, password))| {
            Some(DroppedAccount {
                user: stored.take()?.user,
                parameters: vec![user, password],
            })
        })
        .collect()
}

/// Refuses to take away the account that the driver needs.
fn check_dropped(record: &InstanceRecord, dropped: &[DroppedAccount]) -> Result<(), ApiError> {
    let of = &record.registration;
    let needs_sql = |node| of.driver_of(node) == Driver::Sql;
    let sql = dropped
        .iter()
        .find(|dropped| dropped.parameters[0] == registration::SQL.0);
    match sql {
        Some(account) if record.nodes.iter().any(needs_sql) => Err(ApiError::new(
            Code::InvalidParameter,
            format!(
                "The nodes or the CA certificates change, and the stored password of `{}` was given for those before. The driver `sql` needs it: specify `SqlUser` and `SqlPassword` in this call, too.",
                account.user
            ),
        )),
        _ => Ok(()),
    }
}

fn set_accounts(
    record: &mut InstanceRecord,
    input: &mut Input,
    context: &Context,
) -> Result<(), ApiError> {
    let (document, destination) = (record.document(), record.destination());
    let place = |field| Place {
        document: &document,
        field,
        destination,
    };
    let of = &mut record.registration;
    if input.probe_user.is_some() || input.probe_password.is_some() {
        let (user, password) = (input.probe_user.take(), input.probe_password.take());
        let place = place(Field::Probe);
        of.probe = account(context, &place, registration::PROBE, user, password)?;
    }
    if input.sql_user.is_some() || input.sql_password.is_some() {
        let (user, password) = (input.sql_user.take(), input.sql_password.take());
        let place = place(Field::Sql);
        of.sql = account(context, &place, registration::SQL, user, password)?;
    }
    Ok(())
}

/// Everything that says nothing about where the servers are.
fn describe(record: &mut InstanceRecord, input: Input) {
    let of = &mut record.registration;
    replace(&mut of.name, input.instance_name.map(Into::into));
    replace(&mut of.vport, input.vport);
    let names = input.dns_names;
    let names = names.map(|names| names.into_iter().map(Into::into).collect());
    replace(&mut of.dns, names);
    replace(&mut of.accept_unproven_names, input.accept_unproven_names);
    replace(&mut of.driver, input.driver);
    replace(&mut of.node_drivers, input.node_drivers);
    replace(&mut of.key_kind, input.key_type);
    replace(&mut record.tags, input.tags);
    of.vip = input.vip.or(of.vip);
}

/// An empty name alone takes the account away.
fn account(
    context: &Context,
    place: &Place<'_>,
    names: (&str, &str),
    user: Option<String>,
    password: Option<String>,
) -> Result<Option<records::Login>, ApiError> {
    let is_removal =
        user.as_deref() == Some("") && password.as_deref().unwrap_or_default().is_empty();
    if is_removal {
        Ok(None)
    } else {
        registration::login(context, place, names, user, password)
    }
}

fn replace<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}
