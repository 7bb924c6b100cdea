/// What a fleet file says.
mod file;
/// What has to be done for the registry to say the same.
mod plan;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use server::api::action::Product;

use crate::client::{Client, ClientArgs};
use crate::failure::Failure;
use crate::fleet::Listing;
use crate::progress::Progress;
use crate::registration::{Dropped, has_passwords, warn_of_clear_passwords};
use crate::show::{self, Format};
use file::File;
use plan::{Deed, Kind, Plan, Step};

/// What a file leaves out stays as it is registered.
#[derive(Args)]
pub(crate) struct Apply {
    /// The fleet file: [[instance]] and [[ro_group]] tables
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    file: PathBuf,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Deregister what is not in the file
    #[arg(long)]
    prune: bool,
    /// Write accounts and CA certificates again where they are registered already: the service does not show them, so
    /// they cannot be compared
    #[arg(long)]
    accounts: bool,
    #[command(flatten)]
    client: ClientArgs,
}

/// `signet apply`.
pub(crate) fn run(args: &Apply) -> Result<(), Failure> {
    let file = File::read(&args.file)?;
    let client = args.client.client()?;
    let registered = Listing::fetch(&client, &Map::new())?.read()?;
    let plan = Plan::of(&file, &registered, args.prune, args.accounts)?;
    let is_text = args.client.format == Format::Table;
    if is_text {
        show::out(&plan.to_string())?;
    }
    let steps = if args.dry_run {
        plan.steps
    } else {
        carry_out(&client, plan)?
    };
    if is_text {
        let word = if args.dry_run {
            "Nothing was done (--dry-run)."
        } else {
            "Done."
        };
        return show::out(word);
    }
    show::out(&serde_json::to_string(&steps).map_err(Failure::failed)?)
}

/// Does one step after the other, and returns them with the IDs that were given to what is new.
fn carry_out(client: &Client, plan: Plan) -> Result<Vec<Step>, Failure> {
    let mut new_ids = BTreeMap::new();
    let mut steps = plan.steps;
    if let Some(step) = steps.iter().find(|step| has_passwords(&step.parameters)) {
        warn_of_clear_passwords(client, &step.parameters);
    }
    let progress = Progress::of(steps.len(), "applied");
    for (index, step) in steps.iter_mut().enumerate() {
        step.id = carry_out_one(client, step, &new_ids).inspect_err(|_| {
            progress.end();
            eprintln!(
                "{} {} is as far as it went; run the command again when this is corrected:",
                step.kind, step.name
            );
        })?;
        if step.kind == Kind::Instance {
            new_ids.insert(step.name.clone(), step.id.clone());
        }
        progress.tell(index + 1);
    }
    progress.end();
    Ok(steps)
}

/// The ID of what the step was about.
fn carry_out_one(
    client: &Client,
    step: &Step,
    new_ids: &BTreeMap<String, String>,
) -> Result<String, Failure> {
    let call = |action: &str, parameters: Map<String, Value>| {
        client.call(Product::Signet, action, &Value::Object(parameters))
    };
    let deregister = || {
        let (action, parameter) = match step.kind {
            Kind::Instance => ("DeregisterInstance", "InstanceId"),
            Kind::RoGroup => ("DeregisterRoGroup", "RoGroupId"),
        };
        call(
            action,
            Map::from_iter([(parameter.to_owned(), json!(step.id))]),
        )
    };
    let mut parameters = step.parameters.clone();
    if let Some(id) = step
        .instance_name
        .as_ref()
        .and_then(|name| new_ids.get(name))
    {
        parameters.insert("InstanceId".into(), json!(id));
    }
    match (step.deed, step.kind) {
        (Deed::Same, _) => {}
        (Deed::Remove, _) => drop(deregister()?),
        (Deed::Change, Kind::Instance) => {
            let dropped = call("ModifyInstance", parameters)?.read::<Dropped>()?;
            tell_dropped(step, &dropped);
        }
        (Deed::Add, Kind::Instance) => {
            return added(&call("RegisterInstance", parameters)?.read()?);
        }
        (Deed::Add, Kind::RoGroup) => return added(&call("RegisterRoGroup", parameters)?.read()?),
        // There is no action that changes a group: it is registered anew under its ID.
        (Deed::Change, Kind::RoGroup) => {
            deregister()?;
            call("RegisterRoGroup", parameters)?;
        }
    }
    Ok(step.id.clone())
}

/// Accounts are removed by the service, so the plan does not know of them.
fn tell_dropped(step: &Step, dropped: &Dropped) {
    let told = dropped.as_keys();
    if !told.is_empty() {
        eprintln!("warning: instance {} ({}):{told}", step.name, step.id);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Added {
    instance_id: Option<String>,
    ro_group_id: Option<String>,
}

fn added(answer: &Added) -> Result<String, Failure> {
    let id = answer.instance_id.as_ref().or(answer.ro_group_id.as_ref());
    id.cloned()
        .ok_or_else(|| Failure::failed("the answer names no ID"))
}
