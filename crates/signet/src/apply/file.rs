use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use dbtls::Target;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use server::state::ids::{InstanceId, RoGroupId};
use server::state::records::{Architecture, Driver};
use toml::Spanned;

use crate::failure::Failure;
use crate::fleet::Tag;
use crate::profile::secret;
use crate::registration::certificates;

/// A fleet file that was checked as far as a file can be.
#[derive(Debug)]
pub(super) struct File {
    pub(super) instances: Vec<Entry>,
    pub(super) groups: Vec<Entry>,
}

/// One instance or RO group. What is `None` was left out.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: Option<String>,
    pub(super) name: String,
    /// Of an instance.
    pub(super) architecture: Option<Architecture>,
    /// Of an RO group: the ID or the name of its instance.
    pub(super) instance: Option<String>,
    pub(super) nodes: Vec<String>,
    pub(super) vip: Option<IpAddr>,
    pub(super) vport: Option<u16>,
    pub(super) dns: Option<Vec<String>>,
    pub(super) driver: Option<Driver>,
    pub(super) tags: Option<Vec<Tag>>,
    /// Accounts and CA certificates, as parameters of the registering actions.
    pub(super) accounts: Map<String, Value>,
    /// Like `fleet.toml:12`.
    pub(super) place: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    instance: Vec<RawInstance>,
    #[serde(default)]
    ro_group: Vec<RawGroup>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInstance {
    name: Spanned<String>,
    id: Option<Spanned<InstanceId>>,
    architecture: Spanned<Architecture>,
    nodes: Spanned<Vec<Spanned<String>>>,
    vip: Option<IpAddr>,
    vport: Option<u16>,
    dns: Option<Vec<String>>,
    driver: Option<Driver>,
    tags: Option<BTreeMap<String, String>>,
    probe_user: Option<Spanned<String>>,
    probe_password_file: Option<PathBuf>,
    sql_user: Option<Spanned<String>>,
    sql_password_file: Option<PathBuf>,
    ca: Option<Spanned<PathBuf>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGroup {
    instance: Spanned<String>,
    name: Spanned<String>,
    id: Option<Spanned<RoGroupId>>,
    nodes: Spanned<Vec<Spanned<String>>>,
    vip: Option<IpAddr>,
    vport: Option<u16>,
    dns: Option<Vec<String>>,
    driver: Option<Driver>,
    probe_user: Option<Spanned<String>>,
    probe_password_file: Option<PathBuf>,
    sql_user: Option<Spanned<String>>,
    sql_password_file: Option<PathBuf>,
    ca: Option<Spanned<PathBuf>>,
}

impl File {
    /// Reads and checks a file; a mistake is told with its line and field.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let failed = |why: String| Failure::failed(format!("{}: {why}", path.display()));
        let text = fs::read_to_string(path).map_err(|e| failed(e.to_string()))?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Failure> {
        let raw: Raw = toml::from_str(text).map_err(|e| {
            Failure::failed(format!("{}: {}", path.display(), e.to_string().trim_end()))
        })?;
        let reader = Reader { path, text };
        let file = Self {
            instances: raw
                .instance
                .into_iter()
                .map(|raw| reader.instance(raw))
                .collect::<Result<_, _>>()?,
            groups: raw
                .ro_group
                .into_iter()
                .map(|raw| reader.group(raw))
                .collect::<Result<_, _>>()?,
        };
        check_each_once(&file.instances)?;
        check_each_once(&file.groups)?;
        check_references(&file)?;
        Ok(file)
    }
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Reader<'_> {
    fn instance(&self, raw: RawInstance) -> Result<Entry, Failure> {
        let architecture = *raw.architecture.get_ref();
        let count = architecture.nodes();
        let accounts = self.accounts(
            (raw.probe_user, raw.probe_password_file),
            (raw.sql_user, raw.sql_password_file),
            raw.ca,
        )?;
        self.check_driver(&raw.name, raw.driver, &accounts)?;
        Ok(Entry {
            place: self.place(&raw.name),
            id: raw.id.map(|id| id.get_ref().to_string()),
            name: self.name(raw.name)?,
            architecture: Some(architecture),
            instance: None,
            nodes: self.nodes(&raw.nodes, &count, architecture.name())?,
            vip: raw.vip,
            vport: raw.vport,
            dns: raw.dns.as_deref().map(lower),
            driver: raw.driver,
            tags: raw.tags.map(|tags| {
                tags.into_iter()
                    .map(|(key, value)| Tag { key, value })
                    .collect()
            }),
            accounts,
        })
    }

    fn group(&self, raw: RawGroup) -> Result<Entry, Failure> {
        let accounts = self.accounts(
            (raw.probe_user, raw.probe_password_file),
            (raw.sql_user, raw.sql_password_file),
            raw.ca,
        )?;
        self.check_driver(&raw.name, raw.driver, &accounts)?;
        Ok(Entry {
            place: self.place(&raw.name),
            id: raw.id.map(|id| id.get_ref().to_string()),
            name: self.name(raw.name)?,
            architecture: None,
            instance: Some(raw.instance.into_inner()),
            nodes: self.nodes(&raw.nodes, &(1..=32), "an RO group")?,
            vip: raw.vip,
            vport: raw.vport,
            dns: raw.dns.as_deref().map(lower),
            driver: raw.driver,
            tags: None,
            accounts,
        })
    }

    fn name(&self, name: Spanned<String>) -> Result<String, Failure> {
        let fits = (1..=60).contains(&name.get_ref().chars().count());
        if fits {
            Ok(name.into_inner())
        } else {
            Err(self.mistake(&name, "name", "it has 1 to 60 characters"))
        }
    }

    /// As the service writes them, so that they can be compared.
    fn nodes(
        &self,
        nodes: &Spanned<Vec<Spanned<String>>>,
        count: &std::ops::RangeInclusive<usize>,
        of: &str,
    ) -> Result<Vec<String>, Failure> {
        let given = nodes.get_ref();
        if !count.contains(&given.len()) {
            let wanted = if count.start() == count.end() {
                count.start().to_string()
            } else {
                format!("{} to {}", count.start(), count.end())
            };
            let why = format!("{of} has {wanted} node(s), {} given", given.len());
            return Err(self.mistake(nodes, "nodes", &why));
        }
        let mut texts = Vec::with_capacity(given.len());
        for node in given {
            let target: Target = node
                .get_ref()
                .parse()
                .map_err(|e| self.mistake(node, "nodes", &format!("{e}")))?;
            let text = target.to_string();
            if texts.contains(&text) {
                return Err(self.mistake(node, "nodes", &format!("`{text}` is there twice")));
            }
            texts.push(text);
        }
        Ok(texts)
    }

    fn accounts(
        &self,
        probe: (Option<Spanned<String>>, Option<PathBuf>),
        sql: (Option<Spanned<String>>, Option<PathBuf>),
        ca: Option<Spanned<PathBuf>>,
    ) -> Result<Map<String, Value>, Failure> {
        let mut accounts = Map::new();
        for (prefix, field, account) in [("Probe", "probe_user", probe), ("Sql", "sql_user", sql)] {
            match account {
                (None, None) => {}
                (Some(user), Some(file)) => {
                    let password = secret(&self.beside(&file))?;
                    accounts.insert(format!("{prefix}User"), json!(user.get_ref()));
                    accounts.insert(format!("{prefix}Password"), json!(password));
                }
                (Some(user), None) => {
                    return Err(self.mistake(&user, field, "its password file is missing"));
                }
                (None, Some(_)) => {
                    return Err(Failure::failed(format!(
                        "{}: a password file is given without `{field}`",
                        self.path.display()
                    )));
                }
            }
        }
        if let Some(file) = ca {
            let pem = certificates(&self.beside(file.get_ref()))?;
            dbtls::Trust::from_pem(pem.as_bytes())
                .map_err(|e| self.mistake(&file, "ca", &e.to_string()))?;
            accounts.insert("CaCertificates".into(), json!(pem));
        }
        Ok(accounts)
    }

    fn check_driver(
        &self,
        name: &Spanned<String>,
        driver: Option<Driver>,
        accounts: &Map<String, Value>,
    ) -> Result<(), Failure> {
        if driver == Some(Driver::Sql) && !accounts.contains_key("SqlUser") {
            let why = "the driver `sql` needs sql_user and sql_password_file";
            return Err(self.mistake(name, "driver", why));
        }
        Ok(())
    }

    /// A relative path is meant from where the file is.
    fn beside(&self, path: &Path) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    fn mistake<T>(&self, at: &Spanned<T>, field: &str, why: &str) -> Failure {
        Failure::failed(format!("{}: `{field}`: {why}", self.place(at)))
    }

    fn place<T>(&self, at: &Spanned<T>) -> String {
        let before = &self.text.as_bytes()[..at.span().start];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        format!("{}:{line}", self.path.display())
    }
}

fn lower(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.to_ascii_lowercase()).collect()
}

/// Names and IDs are what entries are found by, so each is there once.
fn check_each_once(entries: &[Entry]) -> Result<(), Failure> {
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for entry in entries {
        for (field, text) in [("name", Some(&entry.name)), ("id", entry.id.as_ref())] {
            let Some(text) = text else { continue };
            if let Some(first) = seen.insert(text, &entry.place) {
                return Err(Failure::failed(format!(
                    "{}: `{field}`: `{text}` is there already, at {first}",
                    entry.place
                )));
            }
        }
    }
    Ok(())
}

/// A group names an instance of the file, by name or ID, or one that may be registered, by ID.
fn check_references(file: &File) -> Result<(), Failure> {
    for group in &file.groups {
        let wanted = group.instance.as_deref().unwrap_or_default();
        let is_known = file
            .instances
            .iter()
            .any(|instance| instance.name == wanted || instance.id.as_deref() == Some(wanted));
        if !is_known && wanted.parse::<InstanceId>().is_err() {
            return Err(Failure::failed(format!(
                "{}: `instance`: `{wanted}` is neither the name of an instance in this file nor an ID like cdb-c1nl9rpv",
                group.place
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"
[[instance]]
name = "orders"
id = "cdb-c1nl9rpv"
architecture = "two-node"
nodes = ["db1.example.com:3306", "[2001:db8::1]:3307"]
dns = ["orders.example.com"]
tags = { team = "payments" }

[[ro_group]]
instance = "orders"
name = "orders-ro"
nodes = ["192.0.2.3"]
"#;

    #[test]
    fn any_text_is_read_or_refused_with_the_name_of_the_file() {
        let corpus = [EXAMPLE.as_bytes().to_vec()];
        let mutations = fuzz::mutation::Mutations::new(&corpus, 1);
        let path = Path::new("/nowhere/fleet.toml");
        for number in 0..2_000 {
            let input = mutations.input(number);
            match File::parse(path, &String::from_utf8_lossy(&input)) {
                Ok(file) => assert!(file.instances.iter().all(|one| one.nodes.len() == 2)),
                Err(failure) => {
                    let text = failure.to_string();
                    assert!(text.contains("/nowhere/"), "{text}");
                }
            }
        }
    }
}
