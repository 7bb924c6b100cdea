//! What an action is asked of: an instance or an RO group, named by exactly one of two parameters.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use wire::Code;

use crate::api::action::Context;
use crate::api::error::ApiError;
use crate::service::Service;
use crate::state::catalog::{Instance, RoGroup};
use crate::state::ids::{Account, InstanceId, RoGroupId, RoInstanceId, SubjectId};
use crate::state::subject::Subject;

/// The two parameters that name what an action is asked of. Exactly one of the two is needed.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Named {
    /// A two-node or three-node instance, like `cdb-c1nl9rpv`.
    #[schemars(example = &"cdb-c1nl9rpv")]
    instance_id: Option<String>,
    /// A read-only group, like `cdbrg-k9a6gup3`, with all its read-only instances.
    #[schemars(example = &"cdbrg-k9a6gup3")]
    ro_group_id: Option<String>,
}

impl Named {
    /// The parameters that name this.
    pub fn of(id: SubjectId) -> Self {
        let (instance_id, ro_group_id) = match id {
            SubjectId::Instance(id) => (Some(id.to_string()), None),
            SubjectId::Group(id) => (None, Some(id.to_string())),
        };
        Self {
            instance_id,
            ro_group_id,
        }
    }

    /// Finds what it names.
    ///
    /// # Errors
    /// See [`find`].
    pub fn find(&self, context: &Context) -> Result<Subject, ApiError> {
        find(
            context,
            self.instance_id.as_deref(),
            self.ro_group_id.as_deref(),
        )
    }
}

/// Finds what the two parameters name. An empty text is the same as none.
///
/// # Errors
/// As design and vendor have it: neither, both, unknown, a read-only instance in the place of its group.
pub fn find(
    context: &Context,
    instance_id: Option<&str>,
    ro_group_id: Option<&str>,
) -> Result<Subject, ApiError> {
    let given = |id: Option<&str>| id.filter(|id| !id.is_empty()).map(str::to_owned);
    match (given(instance_id), given(ro_group_id)) {
        (None, None) => Err(ApiError::new(
            Code::MissingParameterMissingParamError,
            "Specify `InstanceId` or `RoGroupId`.",
        )),
        (Some(_), Some(_)) => Err(ApiError::new(
            Code::InvalidParameter,
            "Specify either `InstanceId` or `RoGroupId`, not both.",
        )),
        (Some(id), None) => instance(context, &id).map(Subject::Instance),
        (None, Some(id)) => group(&context.service, context.account, &id).map(Subject::Group),
    }
}

/// Lets only those pass that have the SSL feature.
///
/// # Errors
/// The code that the vendor documents for "no such high-availability instance".
pub fn require_ssl(subject: &Subject) -> Result<(), ApiError> {
    match subject {
        Subject::Instance(instance) if !instance.architecture.has_ssl() => Err(ApiError::new(
            Code::ResourceNotFoundInstanceNotFoundError,
            format!(
                "The instance `{}` has no SSL: its architecture is {}, and only two-node and three-node instances have it.",
                instance.id,
                instance.architecture.name()
            ),
        )),
        Subject::Instance(_) | Subject::Group(_) => Ok(()),
    }
}

/// Lets only those pass that no task changes at the moment.
///
/// # Errors
/// `OperationDenied.InstanceLockerConflict`, naming the task.
pub fn require_unlocked(context: &Context, id: SubjectId) -> Result<(), ApiError> {
    match context.service.catalog.tasks.running(id) {
        None => Ok(()),
        Some(task) => Err(ApiError::new(
            Code::OperationDeniedInstanceLockerConflict,
            format!(
                "`{id}` is being changed by the task `{}`. Wait until it has ended, then call again.",
                task.id
            ),
        )),
    }
}

/// The caller's instance with this ID. Somebody else's is as if it did not exist.
///
/// # Errors
/// `ResourceNotFound.InstanceNotFoundError`.
pub fn instance(context: &Context, id: &str) -> Result<Arc<Instance>, ApiError> {
    let known = id
        .parse::<InstanceId>()
        .ok()
        .and_then(|id| context.service.catalog.instance(id));
    known
        .filter(|instance| instance.common.account == context.account)
        .ok_or_else(|| no_such_instance(context, id))
}

fn no_such_instance(context: &Context, id: &str) -> ApiError {
    let mut message = format!("The instance `{id}` does not exist.");
    if id.starts_with(RoInstanceId::PREFIX) {
        let of = id
            .parse()
            .ok()
            .and_then(|id| context.service.catalog.group_of(id))
            .filter(|group| group.common.account == context.account);
        message = match of {
            Some(group) => format!(
                "`{id}` is a read-only instance. Ask for its RO group: `RoGroupId` = `{}`.",
                group.id
            ),
            None => format!(
                "`{id}` names a read-only instance, and none is known by it. Read-only instances are asked for by their RO group, in `RoGroupId`."
            ),
        };
    }
    ApiError::new(Code::ResourceNotFoundInstanceNotFoundError, message)
}

/// The account's RO group with this ID.
///
/// # Errors
/// `InternalError.DBRecordNotExistError`, which the vendor documents for it.
pub fn group(service: &Service, account: Account, id: &str) -> Result<Arc<RoGroup>, ApiError> {
    let known = id
        .parse::<RoGroupId>()
        .ok()
        .and_then(|id| service.catalog.group(id));
    known
        .filter(|group| group.common.account == account)
        .ok_or_else(|| {
            ApiError::new(
                Code::InternalErrorDbRecordNotExistError,
                format!("The RO group `{id}` does not exist."),
            )
        })
}
