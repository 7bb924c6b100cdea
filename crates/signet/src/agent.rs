use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::json;
use server::api::action::Product;

use crate::client::ClientArgs;
use crate::failure::Failure;
use crate::show::{self, Format, day, or_dash};
use crate::status::named;

#[derive(Subcommand)]
pub(crate) enum Agent {
    /// Make a token with which the agent on a node's host enrols, once
    Token(Token),
    /// List the agents, and when each was heard of last
    List(ClientArgs),
    /// Keep an agent out from now on
    Revoke(Revoke),
}

#[derive(Args)]
pub(crate) struct Token {
    /// The instance (cdb-…) or RO group (cdbrg-…) that the node belongs to
    #[arg(value_name = "ID")]
    id: String,
    /// The node that the agent will change, as it is registered
    #[arg(long, value_name = "HOST:PORT")]
    node: String,
    /// How long the token is good
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    valid: std::time::Duration,
    /// Let the agent that enrols take the place of the one that is enrolled for the node, which is revoked then
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Args)]
pub(crate) struct Revoke {
    /// The agent's ID
    #[arg(value_name = "AGENT")]
    id: String,
    #[command(flatten)]
    client: ClientArgs,
}

/// `signet agent …`.
pub(crate) fn run(command: &Agent) -> Result<(), Failure> {
    match command {
        Agent::Token(args) => token(args),
        Agent::List(args) => list(args),
        Agent::Revoke(args) => revoke(args),
    }
}

fn token(args: &Token) -> Result<(), Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Made {
        token: String,
        expires: String,
    }
    let client = args.client.client()?;
    if !client.is_private() {
        eprintln!("warning: the endpoint is not https, so the token crosses the network in clear");
    }
    let mut parameters = named(&args.id);
    parameters["Node"] = json!(args.node);
    parameters["ValidSeconds"] = json!(args.valid.as_secs());
    if args.replace {
        parameters["Replace"] = json!(true);
    }
    let answer = client.call(Product::Signet, "CreateAgentToken", &parameters)?;
    match args.client.format {
        Format::Json => show::out(answer.text()),
        Format::Table => {
            let made: Made = answer.read()?;
            eprintln!(
                "Good once, until {}. On the host of {}: signet-agent enrol --server https://HOST:PORT --token-file FILE",
                made.expires, args.node
            );
            show::out(&made.token)
        }
    }
}

fn list(args: &ClientArgs) -> Result<(), Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Listed {
        items: Vec<Item>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Item {
        agent_id: String,
        node: String,
        instance_id: String,
        hostname: String,
        seconds_silent: i64,
        not_after: String,
        revoked: bool,
    }
    let answer = args
        .client()?
        .call(Product::Signet, "DescribeAgents", &json!({}))?;
    if args.format == Format::Json {
        return show::out(answer.text());
    }
    let rows = answer.read::<Listed>()?.items.into_iter().map(|agent| {
        let heard = match agent.seconds_silent {
            _ if agent.revoked => "revoked".to_owned(),
            -1 => "not since the start".to_owned(),
            seconds => format!("{seconds} s ago"),
        };
        [
            agent.agent_id,
            agent.node,
            agent.instance_id,
            or_dash(&agent.hostname),
            heard,
            day(&agent.not_after),
        ]
    });
    let heading = ["AGENT", "NODE", "OF", "HOST", "HEARD OF", "GOOD UNTIL"];
    show::out(&show::table(heading, rows.collect()))
}

fn revoke(args: &Revoke) -> Result<(), Failure> {
    let parameters = json!({ "AgentId": args.id });
    let client = args.client.client()?;
    let answer = client.call(Product::Signet, "RevokeAgent", &parameters)?;
    match args.client.format {
        Format::Json => show::out(answer.text()),
        Format::Table => show::out(&format!("{} is kept out from now on.", args.id)),
    }
}
