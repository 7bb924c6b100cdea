//! `OrderBy` and `OrderDirection`.

use std::cmp::Reverse;

use super::invalid;
use super::row::{Row, RowId};
use crate::ambient::UnixTime;
use crate::api::error::ApiError;

/// The order of the list.
pub(super) struct Order {
    by: By,
    ascending: bool,
}

#[derive(Clone, Copy)]
enum By {
    InstanceId,
    InstanceName,
    CreateTime,
    DeadlineTime,
}

/// What is compared; one order makes keys of one variant only.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Ascending(Value),
    Descending(Reverse<Value>),
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Id(RowId),
    Name(String),
    Time(UnixTime),
    Same,
}

impl Order {
    /// Reads the two parameters. An empty one is the same as none.
    ///
    /// The vendor documents the default direction, `DESC`, but not what is ordered by then: here it is the time of creation.
    ///
    /// # Errors
    /// `InvalidParameterValue.InvalidParameterValueError` for any other than the documented words.
    pub(super) fn parse(by: &str, direction: &str) -> Result<Self, ApiError> {
        let by = match by {
            "instanceId" => By::InstanceId,
            "instanceName" => By::InstanceName,
            "createTime" | "" => By::CreateTime,
            "deadlineTime" => By::DeadlineTime,
            _ => {
                let words = "it must be instanceId, instanceName, createTime or deadlineTime";
                return Err(invalid("OrderBy", words));
            }
        };
        let ascending = match direction {
            "ASC" => true,
            "DESC" | "" => false,
            _ => return Err(invalid("OrderDirection", "it must be ASC or DESC")),
        };
        Ok(Self { by, ascending })
    }

    /// Sorts. What is equal is ordered by ID, ascending, so that pages neither repeat nor lose an instance.
    pub(super) fn sort(&self, rows: &mut [Row]) {
        rows.sort_by_cached_key(|row| (self.key(row), row.id()));
    }

    fn key(&self, row: &Row) -> Key {
        let value = match self.by {
            By::InstanceId => Value::Id(row.id()),
            By::InstanceName => Value::Name(row.name()),
            By::CreateTime => Value::Time(row.created()),
            By::DeadlineTime => Value::Same, // none ever ends
        };
        if self.ascending {
            Key::Ascending(value)
        } else {
            Key::Descending(Reverse(value))
        }
    }
}
