//! What the registering actions have in common: checked texts, accounts, and what a registration is made of.

use std::borrow::Cow;
use std::collections::HashSet;
use std::net::IpAddr;

use dbtls::{Target, Trust};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use wire::Code;

use crate::api::action::Context;
use crate::api::error::ApiError;
use crate::state::credentials::Place;
use crate::state::records::{Driver, Login, Registration, Tag};

/// A name that people gave: 1 to 60 characters, none of them a control character.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "Cow<'_, str>")]
#[schemars(inline, extend("minLength" = 1, "maxLength" = 60))]
pub struct Title(String);

impl TryFrom<Cow<'_, str>> for Title {
    type Error = &'static str;

    fn try_from(text: Cow<'_, str>) -> Result<Self, Self::Error> {
        let fits = (1..=60).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if fits {
            Ok(Self(text.into_owned()))
        } else {
            Err("a name has 1 to 60 characters, none of them a control character")
        }
    }
}

impl From<Title> for String {
    fn from(title: Title) -> Self {
        title.0
    }
}

/// A DNS name that clients use.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "Cow<'_, str>")]
#[schemars(inline)]
pub struct DnsName(String);

impl TryFrom<Cow<'_, str>> for DnsName {
    type Error = &'static str;

    fn try_from(text: Cow<'_, str>) -> Result<Self, Self::Error> {
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let is_name =
            text.len() <= 253 && text.split('.').all(label) && text.parse::<IpAddr>().is_err();
        if is_name {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err("a DNS name is letters, digits and hyphens between dots, like db.example.com")
        }
    }
}

impl From<DnsName> for String {
    fn from(name: DnsName) -> Self {
        name.0
    }
}

/// The kinds of keys, as callers spell them: the authority itself knows no schemas.
pub fn key_types(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ["ecdsa-p256", "rsa-2048"], "examples": ["ecdsa-p256"] })
}

/// What tags look like, for the reference.
pub fn example_tags() -> [Tag; 1] {
    [Tag {
        key: "env".into(),
        value: "production".into(),
    }]
}

/// The parameters of the probe account.
pub const PROBE: (&str, &str) = ("ProbeUser", "ProbePassword");
/// The parameters of the `sql` driver's account.
pub const SQL: (&str, &str) = ("SqlUser", "SqlPassword");

/// A database account as callers give it: a name and a password, both or neither. The password is sealed for `place`.
///
/// # Errors
/// `InvalidParameter` when only one of the two is there.
pub fn login(
    context: &Context,
    place: &Place<'_>,
    names: (&str, &str),
    user: Option<String>,
    password: Option<String>,
) -> Result<Option<Login>, ApiError> {
    match (user.filter(|user| !user.is_empty()), password) {
        (None, None) => Ok(None),
        (Some(user), Some(password)) => Ok(Some(Login {
            user,
            password: place.seal(
                &context.service.vault,
                zeroize::Zeroizing::new(password).as_bytes(),
            )?,
        })),
        _ => Err(ApiError::new(
            Code::InvalidParameter,
            format!(
                "Specify `{}` and `{}` together, or neither.",
                names.0, names.1
            ),
        )),
    }
}

/// CA certificates in PEM, checked.
///
/// # Errors
/// `InvalidParameterValue` when there is no certificate in the text.
pub fn ca(pem: Option<String>) -> Result<Option<String>, ApiError> {
    let Some(pem) = pem.filter(|pem| !pem.is_empty()) else {
        return Ok(None);
    };
    match Trust::from_pem(pem.as_bytes()) {
        Ok(_) => Ok(Some(pem)),
        Err(error) => Err(ApiError::invalid_value("CaCertificates", error)),
    }
}

/// Checks the nodes of one instance or group against each other.
///
/// # Errors
/// `InvalidParameterValue` for a wrong number of nodes, or for one that is there twice.
pub fn check_nodes(
    nodes: &[Target],
    count: std::ops::RangeInclusive<usize>,
    of: &str,
) -> Result<(), ApiError> {
    let invalid = |why: String| Err(ApiError::invalid_value("Nodes", why));
    if !count.contains(&nodes.len()) {
        let wanted = if count.start() == count.end() {
            count.start().to_string()
        } else {
            format!("{} to {}", count.start(), count.end())
        };
        return invalid(format!("{of} has {wanted} node(s), {} given", nodes.len()));
    }
    let mut seen = HashSet::new();
    match nodes.iter().find(|node| !seen.insert(*node)) {
        Some(twice) => invalid(format!("`{twice}` is there twice")),
        None => Ok(()),
    }
}

/// Refuses nodes that may not be connected to.
///
/// # Errors
/// `InvalidParameterValue`, naming the node, the reason and the option.
pub async fn check_targets(context: &Context, nodes: &[Target]) -> Result<(), ApiError> {
    for node in nodes {
        let checked = context.service.peers.targets.check(node).await;
        checked.map_err(|why| ApiError::invalid_value("Nodes", why))?;
    }
    Ok(())
}

/// Refuses a driver that could not do anything.
///
/// # Errors
/// `InvalidParameter` for `sql` without an account, `InvalidParameterValue` for a driver of a node that there is not.
pub fn check_drivers(of: &Registration, nodes: &[Target]) -> Result<(), ApiError> {
    if let Some(stray) = of.node_drivers.iter().find(|of| !nodes.contains(&of.node)) {
        let why = format!("`{}` is none of the nodes", stray.node);
        return Err(ApiError::invalid_value("NodeDrivers", why));
    }
    let needs_sql = nodes.iter().any(|node| of.driver_of(node) == Driver::Sql);
    if needs_sql && of.sql.is_none() {
        return Err(ApiError::new(
            Code::InvalidParameter,
            "The driver `sql` needs `SqlUser` and `SqlPassword`.",
        ));
    }
    Ok(())
}
