//! The names of things: instances, read-only instances, RO groups, accounts.
//!
//! An ID is a prefix and eight characters of `[a-z0-9]`, so what follows the prefix fits one machine word.
//! That word is what the catalog looks things up by.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The eight characters behind the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tail([u8; 8]);

impl Tail {
    fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 8] = text.as_bytes().try_into().ok()?;
        bytes
            .iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            .then_some(Self(bytes))
    }

    /// The word that indexes use.
    pub fn word(self) -> u64 {
        u64::from_be_bytes(self.0)
    }
}

/// Says that a text is no ID of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{expected}")]
pub struct BadId {
    expected: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $prefix:literal, $example:literal, $expected:literal;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
        #[serde(try_from = "Cow<'_, str>", into = "String")]
        pub struct $name(Tail);

        impl $name {
            /// What every ID of this kind starts with.
            pub const PREFIX: &str = $prefix;

            /// The part that tells one from the others.
            pub fn tail(self) -> Tail {
                self.0
            }

            /// Makes an ID of fresh random characters.
            pub fn fresh(entropy: &crate::ambient::Entropy) -> Self {
                let name = entropy.name(8);
                Self(Tail::parse(&name).expect("eight characters of [a-z0-9]"))
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                text.strip_prefix($prefix).and_then(Tail::parse).map(Self).ok_or(BadId { expected: $expected })
            }
        }

        impl TryFrom<Cow<'_, str>> for $name {
            type Error = BadId;

            fn try_from(text: Cow<'_, str>) -> Result<Self, BadId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                f.write_str(std::str::from_utf8(&self.0.0).expect("a-z0-9"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": concat!("^", $prefix, "[a-z0-9]{8}$"), "examples": [$example] })
            }
        }
    )+ };
}

ids! {
    /// The ID of an instance, like `cdb-c1nl9rpv`.
    InstanceId, "cdb-", "cdb-c1nl9rpv", "an instance ID is `cdb-` and eight of a-z0-9, like `cdb-c1nl9rpv`";
    /// The ID of a read-only instance, like `cdbro-c1nl9rpv`.
    RoInstanceId, "cdbro-", "cdbro-c1nl9rpv", "a read-only instance ID is `cdbro-` and eight of a-z0-9, like `cdbro-c1nl9rpv`";
    /// The ID of a read-only group, like `cdbrg-k9a6gup3`.
    RoGroupId, "cdbrg-", "cdbrg-k9a6gup3", "an RO group ID is `cdbrg-` and eight of a-z0-9, like `cdbrg-k9a6gup3`";
    /// The ID of an agent, like `agent-7d20kfp1`.
    AgentId, "agent-", "agent-7d20kfp1", "an agent ID is `agent-` and eight of a-z0-9, like `agent-7d20kfp1`";
}

/// What SSL is switched for: an instance, or the read-only instances of a group together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(untagged)]
pub enum SubjectId {
    /// An instance.
    Instance(InstanceId),
    /// An RO group.
    Group(RoGroupId),
}

impl SubjectId {
    /// The word that indexes use. Letters and digits leave the highest bit free; it tells groups from instances.
    pub fn word(self) -> u64 {
        match self {
            Self::Instance(id) => id.tail().word(),
            Self::Group(id) => id.tail().word() | 1 << 63,
        }
    }
}

impl std::str::FromStr for SubjectId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        text.parse()
            .map(Self::Instance)
            .or_else(|_| text.parse().map(Self::Group))
    }
}

impl fmt::Display for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance(id) => id.fmt(f),
            Self::Group(id) => id.fmt(f),
        }
    }
}

/// The ID of a task, the vendor's `AsyncRequestId`: four groups of eight hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "Cow<'_, str>", into = "String")]
pub struct TaskId([u32; 4]);

impl TaskId {
    /// Makes an ID of fresh random bytes.
    pub fn fresh(entropy: &crate::ambient::Entropy) -> Self {
        Self([(); 4].map(|()| u32::from_be_bytes(entropy.bytes())))
    }

    /// The word that indexes use.
    pub fn word(self) -> u64 {
        u64::from(self.0[0]) << 32 | u64::from(self.0[1])
    }
}

impl std::str::FromStr for TaskId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        const EXPECTED: BadId = BadId {
            expected: "a task ID is four groups of eight hexadecimal digits, like `f96e4f3c-8fc96c86-2ec79ac8-cb63a7a7`",
        };
        let mut groups = text.split('-');
        let mut id = [0; 4];
        for word in &mut id {
            let group = groups.next().filter(|group| {
                group.len() == 8
                    && group
                        .bytes()
                        .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            });
            *word = u32::from_str_radix(group.ok_or(EXPECTED)?, 16).map_err(|_| EXPECTED)?;
        }
        groups.next().is_none().then_some(Self(id)).ok_or(EXPECTED)
    }
}

impl TryFrom<Cow<'_, str>> for TaskId {
    type Error = BadId;

    fn try_from(text: Cow<'_, str>) -> Result<Self, BadId> {
        text.parse()
    }
}

impl From<TaskId> for String {
    fn from(id: TaskId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0;
        write!(f, "{a:08x}-{b:08x}-{c:08x}-{d:08x}")
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The number of an account, the vendor's `Uin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
pub struct Account(pub u64);

impl Account {
    /// The one account there is.
    pub const FIRST: Self = Self(100_000_000_001);
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_and_prints() {
        let id: InstanceId = "cdb-c1nl9rpv".parse().unwrap();
        assert_eq!(id.to_string(), "cdb-c1nl9rpv");
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"cdb-c1nl9rpv\"");
        assert_eq!(
            serde_json::from_str::<InstanceId>("\"cdb-c1nl9rpv\"").unwrap(),
            id
        );
    }

    #[test]
    fn a_task_id_reads_and_prints() {
        let text = "f96e4f3c-8fc96c86-2ec79ac8-cb63a7a7";
        assert_eq!(text.parse::<TaskId>().unwrap().to_string(), text);
        for bad in [
            "",
            "f96e4f3c",
            &text.to_uppercase(),
            &format!("{text}-"),
            &text.replace("8f", "+f"),
        ] {
            let error = bad.parse::<TaskId>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("a task ID is four groups of eight hexadecimal digits, like `{text}`"),
                "{bad}"
            );
        }
    }

    #[test]
    fn an_instance_and_a_group_of_one_name_are_two_subjects() {
        let subject = |text: &str| serde_json::from_value::<SubjectId>(text.into()).unwrap();
        let (instance, group) = (subject("cdb-c1nl9rpv"), subject("cdbrg-c1nl9rpv"));
        assert_ne!(instance.word(), group.word());
        assert_eq!(
            (instance.to_string(), group.to_string()),
            ("cdb-c1nl9rpv".to_owned(), "cdbrg-c1nl9rpv".to_owned())
        );
    }

    #[test]
    fn what_is_no_id_says_what_one_looks_like() {
        for text in [
            "",
            "cdb-",
            "cdb-test",
            "cdb-C1NL9RPV",
            "cdb-c1nl9rpvx",
            "cdbro-c1nl9rpv",
            "c1nl9rpv",
        ] {
            let error = text.parse::<InstanceId>().unwrap_err();
            assert_eq!(
                error.to_string(),
                "an instance ID is `cdb-` and eight of a-z0-9, like `cdb-c1nl9rpv`",
                "{text}"
            );
        }
    }
}
