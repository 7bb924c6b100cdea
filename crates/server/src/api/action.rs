//! What an action is, and the table entry that is made of it.
//!
//! One action is one file in `actions/` and one line in [`ACTIONS`](super::actions::ACTIONS). Decoder, limit,
//! permission, audit, reference page and `contract/*.json` are all derived from the entry.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use wire::envelope::SERVICES;
use wire::{Code, Language, RequestId};

use crate::ambient::UnixTime;
use crate::api::error::ApiError;
use crate::api::shape;
use crate::service::Service;
use crate::state::ids::Account;
use crate::state::keys::AccessKey;

/// The services that share the endpoint. A request names one by its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Product {
    /// The vendor's TencentDB for MySQL.
    Cdb,
    /// Our own.
    Signet,
}

impl Product {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Cdb, Self::Signet];

    /// Its name, as in `cdb:DescribeSSLStatus`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cdb => SERVICES[0].0,
            Self::Signet => SERVICES[1].0,
        }
    }

    /// Its one version.
    pub const fn version(self) -> &'static str {
        match self {
            Self::Cdb => SERVICES[0].1,
            Self::Signet => SERVICES[1].1,
        }
    }
}

/// Whether an action changes anything. What writes is refused to read-only keys, and audited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It only reads.
    Reads,
    /// It changes something.
    Writes,
}

/// Everything about an action but what it does.
#[derive(Debug)]
pub struct Spec {
    /// Its name, as callers spell it.
    pub name: &'static str,
    /// The service that it belongs to.
    pub product: Product,
    /// What it does, in a sentence or two.
    pub summary: &'static str,
    /// Calls per second and key.
    pub limit: u32,
    /// Whether it changes anything.
    pub effect: Effect,
    /// The codes that it documents, beside the common ones.
    pub errors: &'static [Code],
}

/// Who calls, and what a handler may use.
#[derive(Clone)]
pub struct Context {
    /// The running service.
    pub service: Arc<Service>,
    /// The caller's account.
    pub account: Account,
    /// The key that signed.
    pub key: Arc<AccessKey>,
    /// The caller's address.
    pub from: SocketAddr,
    /// The request's ID.
    pub request_id: RequestId,
    /// The language that messages are wanted in.
    pub language: Language,
    /// When the request came.
    pub now: UnixTime,
}

/// The largest body of an action that takes no certificates, in bytes.
pub const LARGEST_BODY: usize = 256 << 10;
/// The largest body of an action that takes certificates, in bytes.
pub const LARGEST_BODY_WITH_CERTIFICATES: usize = 1 << 20;

/// One action.
pub trait Action {
    /// Everything about it but what it does.
    const SPEC: Spec;
    /// Whether its answer holds a secret. Such an answer is never repeated from memory.
    const ANSWERS_SECRET: bool = false;
    /// The largest body that is read for it, in bytes.
    const LARGEST_BODY: usize = LARGEST_BODY;
    /// Its parameters.
    type Input: DeserializeOwned + JsonSchema + Send;
    /// Its answer, without the RequestId.
    type Output: Serialize + JsonSchema;

    /// Does it.
    fn call(
        input: Self::Input,
        context: &Context,
    ) -> impl Future<Output = Result<Self::Output, ApiError>> + Send;
}

/// A call under way; it ends in the answer's fields as a JSON object.
pub type Running = Pin<Box<dyn Future<Output = Result<Vec<u8>, ApiError>> + Send>>;

/// An action with its types erased: what the table holds.
pub struct Entry {
    /// Everything about it but what it does.
    pub spec: &'static Spec,
    /// Whether its answer holds a secret.
    pub answers_secret: bool,
    /// The largest body that is read for it, in bytes.
    pub largest_body: usize,
    /// The schema of its parameters.
    pub input: fn() -> Schema,
    /// The schema of its answer.
    pub output: fn() -> Schema,
    /// Runs it on parameters that its shape has checked.
    pub run: fn(Map<String, Value>, Context) -> Running,
}

impl Entry {
    /// The entry of an action.
    pub const fn of<A: Action + 'static>() -> Self {
        Self {
            spec: &A::SPEC,
            answers_secret: A::ANSWERS_SECRET,
            largest_body: A::LARGEST_BODY,
            // What may be left out of an input is not required of it; what is always written in an output is.
            input: || {
                SchemaSettings::draft2020_12()
                    .for_deserialize()
                    .into_generator()
                    .into_root_schema_for::<A::Input>()
            },
            output: || {
                SchemaSettings::draft2020_12()
                    .for_serialize()
                    .into_generator()
                    .into_root_schema_for::<A::Output>()
            },
            run: |parameters, context| Box::pin(run::<A>(parameters, context)),
        }
    }
}

async fn run<A: Action>(
    parameters: Map<String, Value>,
    context: Context,
) -> Result<Vec<u8>, ApiError> {
    let input = shape::decode::<A::Input>(parameters)?;
    let output = A::call(input, &context).await?;
    serde_json::to_vec(&output).map_err(ApiError::internal)
}
