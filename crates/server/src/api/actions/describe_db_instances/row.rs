//! One of the instances that are filtered and ordered: as the catalog has it, before anything is written out.

use std::fmt;
use std::sync::Arc;

use crate::ambient::UnixTime;
use crate::api::vendor_view::{Address, PRIMARY, READ_ONLY, engine_version};
use crate::state::catalog::{Instance, RoGroup};
use crate::state::ids::{Account, InstanceId, RoInstanceId, SubjectId};
use crate::state::node::Node;
use crate::state::records::Tag;

/// An instance of either kind.
pub(super) enum Row {
    /// A primary instance.
    Primary(Arc<Instance>),
    /// A read-only instance: the one at this place in its group.
    ReadOnly(Arc<RoGroup>, usize),
}

/// Its ID. The order is that of the texts, since `-` comes before `r`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RowId {
    Primary(InstanceId),
    ReadOnly(RoInstanceId),
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Primary(id) => id.fmt(f),
            Self::ReadOnly(id) => id.fmt(f),
        }
    }
}

impl Row {
    /// Its ID.
    pub(super) fn id(&self) -> RowId {
        match self {
            Self::Primary(instance) => RowId::Primary(instance.id),
            Self::ReadOnly(group, place) => RowId::ReadOnly(group.members[*place]),
        }
    }

    /// What SSL is switched for when it is switched for this.
    pub(super) fn subject(&self) -> SubjectId {
        match self {
            Self::Primary(instance) => SubjectId::Instance(instance.id),
            Self::ReadOnly(group, _) => SubjectId::Group(group.id),
        }
    }

    /// Its name. A read-only instance was given none, and has its ID, as the vendor's have until they are renamed.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Primary(instance) => instance.common.name.to_string(),
            Self::ReadOnly(..) => self.id().to_string(),
        }
    }

    /// `InstanceType`.
    pub(super) fn kind(&self) -> i64 {
        match self {
            Self::Primary(_) => PRIMARY,
            Self::ReadOnly(..) => READ_ONLY,
        }
    }

    /// Whose it is.
    pub(super) fn account(&self) -> Account {
        match self {
            Self::Primary(instance) => instance.common.account,
            Self::ReadOnly(group, _) => group.common.account,
        }
    }

    /// When it was registered.
    pub(super) fn created(&self) -> UnixTime {
        match self {
            Self::Primary(instance) => instance.common.created,
            Self::ReadOnly(group, _) => group.common.created,
        }
    }

    /// Its nodes, the primary first.
    pub(super) fn nodes(&self) -> &[Arc<Node>] {
        match self {
            Self::Primary(instance) => &instance.common.nodes,
            Self::ReadOnly(group, place) => std::slice::from_ref(&group.common.nodes[*place]),
        }
    }

    /// Its tags; a read-only instance has none.
    pub(super) fn tags(&self) -> &[Tag] {
        match self {
            Self::Primary(instance) => &instance.tags,
            Self::ReadOnly(..) => &[],
        }
    }

    /// Where clients connect to.
    pub(super) fn address(&self) -> Address {
        match self {
            Self::Primary(instance) => Address::of(&instance.common),
            Self::ReadOnly(group, place) => Address::of_node(&group.common.nodes[*place]),
        }
    }

    /// The release that it runs.
    pub(super) fn engine_version(&self) -> String {
        engine_version(self.nodes())
    }
}
