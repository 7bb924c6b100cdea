use clap::Args;
use dbtls::Report;
use serde::Deserialize;
use server::api::action::Product;

use crate::client::ClientArgs;
use crate::failure::Failure;
use crate::show::{self, Format, list, or_dash};
use crate::status::named;

#[derive(Args)]
pub(crate) struct OfSubject {
    /// An instance (cdb-…) or an RO group (cdbrg-…)
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Posture {
    status: String,
    reason: String,
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Node {
    #[serde(flatten)]
    report: Report,
    reachable: bool,
    last_seen: String,
    since: String,
    drift: String,
    drift_since: String,
    /// A control plane of the version before does not tell.
    #[serde(default)]
    unproven_names: Vec<String>,
    enforcement: String,
}

/// `signet posture`.
pub(crate) fn run(args: &OfSubject) -> Result<(), Failure> {
    let client = args.client.client()?;
    let answer = client.call(Product::Signet, "DescribePosture", &named(&args.id))?;
    match args.client.format {
        Format::Json => show::out(answer.text()),
        Format::Table => show::out(&described(&args.id, &answer.read()?)),
    }
}

/// `signet probe-now`.
pub(crate) fn probe_now(args: &OfSubject) -> Result<(), Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Probed {
        status: String,
    }
    let client = args.client.client()?;
    let answer = client.call(Product::Signet, "ProbeNow", &named(&args.id))?;
    match args.client.format {
        Format::Json => show::out(answer.text()),
        Format::Table => show::out(&format!(
            "{} is {}.",
            args.id,
            answer.read::<Probed>()?.status
        )),
    }
}

fn described(id: &str, posture: &Posture) -> String {
    let mut text = format!("{id} {}", posture.status);
    if !posture.reason.is_empty() {
        text.push_str(&format!(": {}", posture.reason));
    }
    for node in &posture.nodes {
        text.push_str("\n\n");
        text.push_str(&node_described(node));
    }
    text
}

fn node_described(node: &Node) -> String {
    let report = &node.report;
    let reachable = if node.reachable {
        ""
    } else {
        ", not reachable"
    };
    let mut lines = vec![format!(
        "{} {}{reachable}",
        report.target,
        report.status.as_str()
    )];
    let mut line = |name: &str, value: String| lines.push(format!("  {name:<14} {value}"));
    line("Reason", or_dash(&report.reason));
    line(
        "Server",
        or_dash(format!("{} {}", report.flavor, report.server_version).trim()),
    );
    line(
        "TLS",
        or_dash(format!("{} {}", report.tls_version, report.cipher).trim()),
    );
    if let Some(leaf) = report.chain.first() {
        line("Certificate", or_dash(&leaf.subject));
        line("Issued by", or_dash(&leaf.issuer));
        line("Names", list(&leaf.sans));
        line("Key", format!("{} {}", leaf.key_type, leaf.key_bits));
        line(
            "Valid until",
            format!("{} ({} days)", leaf.not_after, report.days_left),
        );
        line("Verifies", verifies(report));
        line("Covers", covers(report));
    }
    if !node.unproven_names.is_empty() {
        line("Not proven", list(&node.unproven_names));
    }
    line("Plaintext", plaintext(&node.enforcement).to_owned());
    if !node.drift.is_empty() {
        line(
            "Drift",
            format!("{} (since {})", node.drift, node.drift_since),
        );
    }
    line("Last seen", or_dash(&node.last_seen));
    line("Since", or_dash(&node.since));
    lines.join("\n")
}

fn verifies(report: &Report) -> String {
    if report.chain_verifies {
        format!("yes, by {}", report.trusted_by)
    } else {
        format!("no: {}", report.chain_problem)
    }
}

/// What becomes of a client that does not encrypt.
fn plaintext(enforcement: &str) -> &'static str {
    match enforcement {
        "REQUIRED" => "refused",
        "OPTIONAL" => "let in",
        _ => "not known",
    }
}

/// Which of the names that clients use are in the certificate.
fn covers(report: &Report) -> String {
    let names: Vec<_> = report
        .names
        .iter()
        .map(|name| match (name.covered, name.common_name_only) {
            (true, _) => format!("{} yes", name.name),
            (false, true) => format!("{} by the common name only", name.name),
            (false, false) => format!("{} no", name.name),
        })
        .collect();
    list(&names)
}
