//! What has SSL: an instance, or an RO group.

use std::sync::Arc;

use crate::state::catalog::{Catalog, Common, Instance, RoGroup};
use crate::state::ids::SubjectId;
use crate::state::records::{InstanceRecord, RoGroupRecord, Tag};

/// An instance or an RO group.
pub enum Subject {
    /// An instance.
    Instance(Arc<Instance>),
    /// An RO group.
    Group(Arc<RoGroup>),
}

impl Subject {
    /// What has this ID, whoever's it is.
    pub fn of(catalog: &Catalog, id: SubjectId) -> Option<Self> {
        match id {
            SubjectId::Instance(id) => catalog.instance(id).map(Self::Instance),
            SubjectId::Group(id) => catalog.group(id).map(Self::Group),
        }
    }

    /// What instances and groups have in common.
    pub fn common(&self) -> &Common {
        match self {
            Self::Instance(instance) => &instance.common,
            Self::Group(group) => &group.common,
        }
    }

    /// Its tags; a group has none.
    pub fn tags(&self) -> &[Tag] {
        match self {
            Self::Instance(instance) => &instance.tags,
            Self::Group(_) => &[],
        }
    }

    /// Its ID.
    pub fn id(&self) -> SubjectId {
        match self {
            Self::Instance(instance) => SubjectId::Instance(instance.id),
            Self::Group(group) => SubjectId::Group(group.id),
        }
    }

    /// The document that it was registered with; the passwords of its accounts are sealed for it.
    pub fn document(&self) -> String {
        match self {
            Self::Instance(instance) => InstanceRecord::key(instance.id),
            Self::Group(group) => RoGroupRecord::key(group.id),
        }
    }
}
