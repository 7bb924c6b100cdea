use std::collections::HashSet;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::file::{Entry, File};
use crate::failure::Failure;
use crate::fleet::Item;
use crate::show::list;

/// What has to be done, in this order: groups go before their instances, and come after them.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
}

/// One thing to do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Step {
    pub(super) deed: Deed,
    pub(super) kind: Kind,
    /// Empty until what is new has got one.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) changes: Vec<Change>,
    /// What the action is called with.
    #[serde(skip)]
    pub(super) parameters: Map<String, Value>,
    /// The name of a group's instance, when it gets its ID while the plan is carried out.
    #[serde(skip)]
    pub(super) instance_name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Deed {
    Add,
    Change,
    Same,
    Remove,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Kind {
    Instance,
    RoGroup,
}

/// One field that is not as the file says.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Change {
    field: &'static str,
    from: String,
    to: String,
}

impl Plan {
    /// Compares the file with what is registered.
    pub(super) fn of(
        file: &File,
        registered: &[Item],
        prune: bool,
        accounts: bool,
    ) -> Result<Self, Failure> {
        let (instances, groups): (Vec<_>, Vec<_>) =
            registered.iter().partition(|item| item.is_instance());
        let mut kept = HashSet::new();
        let mut steps = Vec::new();
        for entry in &file.instances {
            let known = find(entry, &instances)?;
            kept.extend(known.map(|item| item.id.clone()));
            steps.push(instance_step(entry, known, accounts)?);
        }
        for entry in &file.groups {
            let known = find(entry, &groups)?;
            kept.extend(known.map(|item| item.id.clone()));
            let primary = primary(entry, file, &instances)?;
            steps.push(group_step(entry, known, &primary, accounts)?);
        }
        if prune {
            let groups_first = groups.iter().chain(&instances);
            let removals = groups_first.filter(|item| !kept.contains(&item.id));
            let removals: Vec<_> = removals.map(|item| removal(item)).collect();
            check_prune(file, &removals)?;
            steps.splice(0..0, removals);
        }
        Ok(Self { steps })
    }
}

/// The registered one that an entry means: by ID if it has one, else by name.
fn find<'a>(entry: &Entry, among: &[&'a Item]) -> Result<Option<&'a Item>, Failure> {
    if let Some(id) = &entry.id {
        return Ok(among.iter().find(|item| item.id == *id).copied());
    }
    let named: Vec<_> = among
        .iter()
        .filter(|item| item.name == entry.name)
        .collect();
    match named.as_slice() {
        [] => Ok(None),
        [item] => Ok(Some(item)),
        several => {
            let ids: Vec<_> = several.iter().map(|item| item.id.clone()).collect();
            Err(Failure::failed(format!(
                "{}: `name`: several are registered as `{}` ({}): give the `id` of the one that is meant",
                entry.place,
                entry.name,
                list(&ids)
            )))
        }
    }
}

fn instance_step(entry: &Entry, known: Option<&Item>, accounts: bool) -> Result<Step, Failure> {
    let architecture = entry
        .architecture
        .map(server::state::records::Architecture::name)
        .unwrap_or_default();
    let mut parameters = Map::new();
    let Some(item) = known else {
        parameters.insert("InstanceName".into(), json!(entry.name));
        parameters.insert("Architecture".into(), json!(architecture));
        parameters.insert("Nodes".into(), json!(entry.nodes));
        insert(&mut parameters, "InstanceId", entry.id.as_ref());
        insert(&mut parameters, "Tags", entry.tags.as_ref());
        add_shared(&mut parameters, entry);
        parameters.extend(entry.accounts.clone());
        return Ok(step(Deed::Add, Kind::Instance, entry, known, parameters));
    };
    if item.architecture != architecture {
        return Err(Failure::failed(format!(
            "{}: `architecture`: {} is registered as {}, which cannot be changed: remove it first, or give another `id`",
            entry.place, item.id, item.architecture
        )));
    }
    let mut changes = shared_changes(entry, item);
    let mut tags = item.tags.clone();
    tags.sort();
    if let Some(wanted) = entry.tags.as_ref().filter(|wanted| **wanted != tags) {
        changes.push(change("tags", &tag_list(&tags), &tag_list(wanted)));
        parameters.insert("Tags".into(), json!(wanted));
    }
    for Change { field, .. } in &changes {
        match *field {
            "name" => insert(&mut parameters, "InstanceName", Some(&entry.name)),
            "nodes" => insert(&mut parameters, "Nodes", Some(&entry.nodes)),
            "vip" => insert(&mut parameters, "Vip", entry.vip),
            "vport" => insert(&mut parameters, "Vport", entry.vport),
            "dns" => insert(&mut parameters, "DnsNames", entry.dns.as_ref()),
            "driver" => insert(&mut parameters, "Driver", entry.driver),
            _ => {}
        }
    }
    // A driver that needs an account takes it along, whether it was there before or not; and stored passwords stay behind when nodes change.
    let takes_accounts = accounts
        || ["Driver", "Nodes"]
            .iter()
            .any(|name| parameters.contains_key(*name));
    if takes_accounts && !entry.accounts.is_empty() {
        parameters.extend(entry.accounts.clone());
        changes.push(change("accounts", "", "as in the file"));
    }
    if changes.is_empty() {
        return Ok(step(Deed::Same, Kind::Instance, entry, known, Map::new()));
    }
    parameters.insert("InstanceId".into(), json!(item.id));
    Ok(Step {
        changes,
        ..step(Deed::Change, Kind::Instance, entry, known, parameters)
    })
}

fn group_step(
    entry: &Entry,
    known: Option<&Item>,
    primary: &Primary,
    accounts: bool,
) -> Result<Step, Failure> {
    let mut parameters = Map::new();
    parameters.insert("RoGroupName".into(), json!(entry.name));
    parameters.insert("Nodes".into(), json!(entry.nodes));
    insert(&mut parameters, "RoGroupId", entry.id.as_ref());
    if let Primary::Known(id) = primary {
        parameters.insert("InstanceId".into(), json!(id));
    }
    add_shared(&mut parameters, entry);
    parameters.extend(entry.accounts.clone());
    let instance_name = match primary {
        Primary::Known(_) => None,
        Primary::New(name) => Some(name.clone()),
    };
    let Some(item) = known else {
        return Ok(Step {
            instance_name,
            ..step(Deed::Add, Kind::RoGroup, entry, known, parameters)
        });
    };
    let mut changes = shared_changes(entry, item);
    if *primary != Primary::Known(item.primary_instance_id.clone()) {
        changes.push(change(
            "instance",
            &item.primary_instance_id,
            primary.name(),
        ));
    }
    if accounts && !entry.accounts.is_empty() {
        changes.push(change("accounts", "", "as in the file"));
    }
    if changes.is_empty() {
        return Ok(step(Deed::Same, Kind::RoGroup, entry, known, Map::new()));
    }
    if item.driver == "sql" && entry.driver.is_none() {
        return Err(Failure::failed(format!(
            "{}: `driver`: {} has the driver `sql`, and to change a group is to register it anew: give driver, sql_user and sql_password_file",
            entry.place, item.id
        )));
    }
    keep_registered(&mut parameters, item);
    Ok(Step {
        changes,
        instance_name,
        ..step(Deed::Change, Kind::RoGroup, entry, known, parameters)
    })
}

/// A group is registered anew when it changes: what the file leaves out is taken along.
fn keep_registered(parameters: &mut Map<String, Value>, item: &Item) {
    let mut keep = |name: &str, value: Value, is_set: bool| {
        if is_set && !parameters.contains_key(name) {
            parameters.insert(name.to_owned(), value);
        }
    };
    keep("RoGroupId", json!(item.id), true);
    keep("Vip", json!(item.vip), !item.vip.is_empty());
    keep("Vport", json!(item.vport), item.vport > 0);
    keep("DnsNames", json!(item.dns_names), true);
    keep("Driver", json!(item.driver), true);
}

/// The instance of a group.
#[derive(Debug, PartialEq, Eq)]
enum Primary {
    Known(String),
    /// It is of the file, and not registered yet.
    New(String),
}

impl Primary {
    fn name(&self) -> &str {
        match self {
            Self::Known(name) | Self::New(name) => name,
        }
    }
}

fn primary(group: &Entry, file: &File, registered: &[&Item]) -> Result<Primary, Failure> {
    let wanted = group.instance.as_deref().unwrap_or_default();
    let of_file = file
        .instances
        .iter()
        .find(|entry| entry.name == wanted || entry.id.as_deref() == Some(wanted));
    if let Some(entry) = of_file {
        let known = find(entry, registered)?.map(|item| item.id.clone());
        return Ok(match known.or_else(|| entry.id.clone()) {
            Some(id) => Primary::Known(id),
            None => Primary::New(entry.name.clone()),
        });
    }
    match registered.iter().any(|item| item.id == wanted) {
        true => Ok(Primary::Known(wanted.to_owned())),
        false => Err(Failure::failed(format!(
            "{}: `instance`: `{wanted}` is neither in this file nor registered",
            group.place
        ))),
    }
}

/// A group of the file cannot stay when its instance goes.
fn check_prune(file: &File, removals: &[Step]) -> Result<(), Failure> {
    for group in &file.groups {
        let wanted = group.instance.as_deref().unwrap_or_default();
        if removals.iter().any(|step| step.id == wanted) {
            return Err(Failure::failed(format!(
                "{}: `instance`: --prune would deregister `{wanted}`: add it to the file",
                group.place
            )));
        }
    }
    Ok(())
}

fn removal(item: &Item) -> Step {
    Step {
        deed: Deed::Remove,
        kind: if item.is_instance() {
            Kind::Instance
        } else {
            Kind::RoGroup
        },
        id: item.id.clone(),
        name: item.name.clone(),
        changes: Vec::new(),
        parameters: Map::new(),
        instance_name: None,
    }
}

fn step(
    deed: Deed,
    kind: Kind,
    entry: &Entry,
    known: Option<&Item>,
    parameters: Map<String, Value>,
) -> Step {
    let id = known.map(|item| &item.id).or(entry.id.as_ref());
    Step {
        deed,
        kind,
        id: id.cloned().unwrap_or_default(),
        name: entry.name.clone(),
        changes: Vec::new(),
        parameters,
        instance_name: None,
    }
}

fn add_shared(parameters: &mut Map<String, Value>, entry: &Entry) {
    insert(parameters, "Vip", entry.vip);
    insert(parameters, "Vport", entry.vport);
    insert(parameters, "DnsNames", entry.dns.as_ref());
    insert(parameters, "Driver", entry.driver);
}

fn insert(parameters: &mut Map<String, Value>, name: &str, value: Option<impl Serialize>) {
    if let Some(value) = value {
        parameters.insert(name.to_owned(), json!(value));
    }
}

fn shared_changes(entry: &Entry, item: &Item) -> Vec<Change> {
    let driver = entry.driver.map(|driver| json!(driver));
    let wanted = [
        ("name", item.name.clone(), Some(entry.name.clone())),
        ("nodes", list(&item.nodes), Some(list(&entry.nodes))),
        (
            "vip",
            item.vip.clone(),
            entry.vip.map(|vip| vip.to_string()),
        ),
        (
            "vport",
            item.vport.to_string(),
            entry.vport.map(|port| port.to_string()),
        ),
        ("dns", list(&item.dns_names), entry.dns.as_deref().map(list)),
        (
            "driver",
            item.driver.clone(),
            driver.as_ref().and_then(Value::as_str).map(str::to_owned),
        ),
    ];
    let differing = wanted.into_iter().filter_map(|(field, from, to)| {
        let to = to.filter(|to| *to != from)?;
        Some(change(field, &from, &to))
    });
    differing.collect()
}

fn change(field: &'static str, from: &str, to: &str) -> Change {
    Change {
        field,
        from: from.to_owned(),
        to: to.to_owned(),
    }
}

fn tag_list(tags: &[crate::fleet::Tag]) -> String {
    let texts: Vec<_> = tags
        .iter()
        .map(|tag| format!("{}={}", tag.key, tag.value))
        .collect();
    list(&texts)
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Instance => "instance",
            Self::RoGroup => "RO group",
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.deed {
            Deed::Add => '+',
            Deed::Change => '~',
            Deed::Same => '=',
            Deed::Remove => '-',
        };
        write!(f, "{sign} {} {}", self.kind, self.name)?;
        if !self.id.is_empty() {
            write!(f, " ({})", self.id)?;
        }
        for (index, change) in self.changes.iter().enumerate() {
            let between = if index == 0 { ": " } else { "; " };
            write!(f, "{between}{}", change.field)?;
            if !change.from.is_empty() {
                write!(f, " {}", change.from)?;
            }
            write!(f, " → {}", change.to)?;
        }
        if self.deed == Deed::Change && self.kind == Kind::RoGroup {
            f.write_str(
                "; registered anew: its read-only instances get new IDs, and accounts that the file does not name are gone",
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(f, "{step}")?;
        }
        let count = |deed| self.steps.iter().filter(|step| step.deed == deed).count();
        write!(
            f,
            "{} to add, {} to change, {} to remove, {} the same.",
            count(Deed::Add),
            count(Deed::Change),
            count(Deed::Remove),
            count(Deed::Same)
        )
    }
}
