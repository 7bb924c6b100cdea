use wire::agent::Change;

use crate::ambient::system_clock;
use crate::certificate::date;
use crate::cli::Configured;
use crate::config::Config;
use crate::control::{self, Link};
use crate::database::Database;
use crate::host::{Failure, Host};
use crate::identity::Identity;
use crate::state::State;

/// Looks at everything that the agent needs, prints what it found, and fails when something is missing. Nothing is changed, and
/// an agent may run meanwhile.
pub(crate) async fn run(args: &Configured) -> Result<(), Failure> {
    let config = Config::read(args.config.as_deref())?;
    let state = State::look(&config.state);
    let host = Host {
        config,
        state,
        clock: system_clock,
        node: String::new(),
    };
    let mut problems = 0;
    let mut say = |result: Result<String, Failure>| match result {
        Ok(fine) => println!("ok       {fine}"),
        Err(Failure(problem)) => {
            problems += 1;
            println!("MISSING  {problem}");
        }
    };
    say(control_plane(&host).await);
    for result in database(&host).await {
        say(result);
    }
    match problems {
        0 => Ok(()),
        1 => Err(Failure("one thing is missing".to_owned())),
        _ => Err(Failure(format!("{problems} things are missing"))),
    }
}

async fn control_plane(host: &Host) -> Result<String, Failure> {
    let identity = Identity::load(&host.state)?;
    let facts = identity.facts().map_err(Failure)?;
    let mut link = Link::new(identity.server.clone(), control::for_identity(&identity)?);
    link.try_out().await?;
    Ok(format!(
        "enrolled as {} for {}; {} answers; certificate until {}",
        identity.agent_id,
        identity.node,
        identity.server,
        date(facts.not_after)
    ))
}

async fn database(host: &Host) -> Vec<Result<String, Failure>> {
    let mut database = match Database::open(&host.config).await {
        Ok(database) => database,
        Err(e) => return vec![Err(e.into())],
    };
    let mut said = vec![Ok(format!(
        "{} lets the agent in, at {}",
        database.description(),
        host.config.database()
    ))];
    match host.examine(&mut database, Change::Open).await {
        Ok(found) => {
            said.extend(found.notes.into_iter().map(Ok));
            said.extend(found.problems.into_iter().map(Failure).map(Err));
            said.push(Ok(match found.needs_restart {
                true => "the next change restarts the database server once".to_owned(),
                false => "the next change needs no restart of the database server".to_owned(),
            }));
        }
        Err(failure) => said.push(Err(failure)),
    }
    database.close().await;
    said
}
