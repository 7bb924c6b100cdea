//! What an action is asked of: an instance or an RO group, named by exactly one of two parameters.

use std::sync::Arc;

use wire::Code;

use crate::ambient::UnixTime;
use crate::api::action::Context;
use crate::api::error::ApiError;
use crate::service::Service;
use crate::state::catalog::{Common, Instance, RoGroup};
use crate::state::ids::{Account, InstanceId, RoGroupId, RoInstanceId};
use crate::state::status::{self, Verdict};

/// An instance or an RO group of the caller's.
pub enum Subject {
    /// An instance.
    Instance(Arc<Instance>),
    /// An RO group.
    Group(Arc<RoGroup>),
}

impl Subject {
    /// Finds what the two parameters name. An empty text is the same as none.
    ///
    /// # Errors
    /// As design and vendor have it: neither, both, unknown, a read-only instance in the place of its group.
    pub fn find(
        context: &Context,
        instance_id: Option<&str>,
        ro_group_id: Option<&str>,
    ) -> Result<Self, ApiError> {
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
            (Some(id), None) => instance(context, &id).map(Self::Instance),
            (None, Some(id)) => group(&context.service, context.account, &id).map(Self::Group),
        }
    }

    /// What this ID names, whoever's it is. For links, which are their own permission.
    pub fn named(service: &Service, id: &str) -> Option<Self> {
        let instance = id
            .parse()
            .ok()
            .and_then(|id| service.catalog.instance(id))
            .map(Self::Instance);
        instance.or_else(|| {
            id.parse()
                .ok()
                .and_then(|id| service.catalog.group(id))
                .map(Self::Group)
        })
    }

    /// What instances and groups have in common.
    pub fn common(&self) -> &Common {
        match self {
            Self::Instance(instance) => &instance.common,
            Self::Group(group) => &group.common,
        }
    }

    /// Its ID as text.
    pub fn id(&self) -> String {
        match self {
            Self::Instance(instance) => instance.id.to_string(),
            Self::Group(group) => group.id.to_string(),
        }
    }

    /// Lets only those pass that have the SSL feature.
    ///
    /// # Errors
    /// The code that the vendor documents for "no such high-availability instance".
    pub fn require_ssl(&self) -> Result<(), ApiError> {
        match self {
            Self::Instance(instance) if !instance.architecture.has_ssl() => Err(ApiError::new(
                Code::ResourceNotFoundInstanceNotFoundError,
                format!(
                    "The instance `{}` has no SSL: its architecture is {}, and only two-node and three-node instances have it.",
                    instance.id,
                    instance.architecture.name()
                ),
            )),
            Self::Instance(_) | Self::Group(_) => Ok(()),
        }
    }

    /// What its nodes say.
    pub fn verdict(&self, service: &Service, now: UnixTime) -> Verdict<'_> {
        status::verdict(&self.common().nodes, now, service.stale_after())
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
