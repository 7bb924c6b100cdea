//! The users and groups of this host, as its files name them.

use std::fs;

/// A user of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) id: u32,
    /// The groups that the user is in, the own one first.
    pub(crate) groups: Vec<u32>,
}

/// A name or number that nobody on this host has.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no {kind} `{name}` in {file}; a number can be given instead of a name")]
pub(crate) struct UnknownAccount {
    kind: &'static str,
    name: String,
    file: &'static str,
}

/// `/etc/passwd` and `/etc/group`. Accounts that only a directory service knows are given by number.
pub(crate) struct Accounts {
    passwd: String,
    group: String,
}

impl Accounts {
    /// Those of this host.
    pub(crate) fn of_this_host() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self {
            passwd: read("/etc/passwd"),
            group: read("/etc/group"),
        }
    }

    /// The user with this name or number.
    ///
    /// # Errors
    /// When there is none. A number needs no entry.
    pub(crate) fn user(&self, name: &str) -> Result<User, UnknownAccount> {
        let number = name.parse().ok();
        let entry = entries(&self.passwd).find(|fields| {
            fields.first() == Some(&name) || number.is_some() && number_at(fields, 2) == number
        });
        if let Some(fields) = entry
            && let (Some(id), Some(own)) = (number_at(&fields, 2), number_at(&fields, 3))
        {
            return Ok(User {
                name: fields[0].to_owned(),
                id,
                groups: self.groups(fields[0], own),
            });
        }
        match number {
            Some(id) => Ok(User {
                name: name.to_owned(),
                id,
                groups: Vec::new(),
            }),
            None => Err(UnknownAccount {
                kind: "user",
                name: name.to_owned(),
                file: "/etc/passwd",
            }),
        }
    }

    /// The number of the group with this name or number.
    ///
    /// # Errors
    /// When there is none. A number needs no entry.
    pub(crate) fn group(&self, name: &str) -> Result<u32, UnknownAccount> {
        let entry = entries(&self.group).find(|fields| fields.first() == Some(&name));
        entry
            .and_then(|fields| number_at(&fields, 2))
            .or_else(|| name.parse().ok())
            .ok_or_else(|| UnknownAccount {
                kind: "group",
                name: name.to_owned(),
                file: "/etc/group",
            })
    }

    fn groups(&self, user: &str, own: u32) -> Vec<u32> {
        let others = entries(&self.group).filter(|fields| {
            fields
                .get(3)
                .is_some_and(|members| members.split(',').any(|member| member == user))
        });
        std::iter::once(own)
            .chain(others.filter_map(|fields| number_at(&fields, 2)))
            .collect()
    }
}

fn entries(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.split(':').collect())
}

fn number_at(fields: &[&str], index: usize) -> Option<u32> {
    fields.get(index)?.parse().ok()
}

#[cfg(test)]
impl Accounts {
    /// Made up.
    pub(crate) fn fake() -> Self {
        Self {
            passwd: "root:x:0:0:root:/root:/bin/sh\nmysql:x:105:113:MySQL:/nonexistent:/bin/false\nbroken\n".into(),
            group: "root:x:0:\nssl-cert:x:112:postgres,mysql\nmysql:x:113:\nbroken\n".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name_and_by_number() {
        let mysql = User {
            name: "mysql".into(),
            id: 105,
            groups: vec![113, 112],
        };
        assert_eq!(Accounts::fake().user("mysql"), Ok(mysql.clone()));
        assert_eq!(Accounts::fake().user("105"), Ok(mysql));
        let unlisted = User {
            name: "4711".into(),
            id: 4711,
            groups: vec![],
        };
        assert_eq!(Accounts::fake().user("4711"), Ok(unlisted));
        assert_eq!(
            Accounts::fake().user("mysqld").unwrap_err().to_string(),
            "there is no user `mysqld` in /etc/passwd; a number can be given instead of a name"
        );
    }

    #[test]
    fn a_group_is_found_by_name_and_by_number() {
        assert_eq!(Accounts::fake().group("mysql"), Ok(113));
        assert_eq!(Accounts::fake().group("4711"), Ok(4711));
        assert_eq!(
            Accounts::fake().group("db").unwrap_err().to_string(),
            "there is no group `db` in /etc/group; a number can be given instead of a name"
        );
    }
}
