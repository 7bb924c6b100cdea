use clap::{Args, Subcommand};
use dbtls::CertificateReport;
use serde::Deserialize;
use serde_json::json;
use server::api::action::Product;

use crate::client::{Answer, ClientArgs};
use crate::failure::Failure;
use crate::show::{self, Format, day};

#[derive(Subcommand)]
pub(crate) enum Ca {
    /// Show the certificate authorities: the one that issues, and those that clients need beside it
    Show(ClientArgs),
    /// Print their root certificates in PEM, for a client's CA file
    Export(Export),
    /// Make the root that is to issue next, for clients to trust before it does
    Stage(ClientArgs),
    /// Make the next authority the one that issues
    Promote(ClientArgs),
    /// Accept that nodes show another authority than the one that was seen first; without --sha256, list what could be accepted
    Accept(Accept),
    /// Take a former authority out of the bundles and delete its key; there is no way back
    Retire(Retire),
}

#[derive(Args)]
pub(crate) struct Retire {
    /// The SHA-256 of its certificate, as `signet ca show` lists it
    #[arg(value_name = "SHA-256")]
    id: String,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Args)]
pub(crate) struct Export {
    #[command(flatten)]
    client: ClientArgs,
    /// The intermediates, too
    #[arg(long)]
    chain: bool,
}

#[derive(Args)]
pub(crate) struct Accept {
    /// Which instance or RO group
    #[arg(value_name = "ID")]
    id: String,
    /// The SHA-256 of a certificate to accept; may be given several times
    #[arg(long, value_name = "SHA-256")]
    sha256: Vec<String>,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Accepted {
    authorities: Vec<Authority>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Authority {
    node: String,
    sha256: String,
    subject: String,
    not_after: String,
    since: String,
    accepted: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    items: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    authority: String,
    role: String,
    name: String,
    not_after: String,
    days_left: i64,
    certificates: String,
    root: CertificateReport,
}

/// `signet ca …`.
pub(crate) fn run(command: &Ca) -> Result<(), Failure> {
    match command {
        Ca::Show(args) => show(args),
        Ca::Export(args) => export(args),
        Ca::Stage(args) => succeed(
            args,
            ("StageAuthority", &json!({})),
            "is in every bundle from now on. Give clients the new bundle, then: signet ca promote",
        ),
        Ca::Accept(args) => accept(args),
        Ca::Promote(args) => succeed(
            args,
            ("PromoteAuthority", &json!({})),
            "issues from now on. Certificates of the one before are good until they are rotated: signet rotate ID",
        ),
        Ca::Retire(args) => succeed(
            &args.client,
            ("RetireAuthority", &json!({ "Authority": args.id })),
            "is retired: it is in no bundle any more, and its key is deleted.",
        ),
    }
}

fn accept(args: &Accept) -> Result<(), Failure> {
    let parameters = {
        let mut parameters = crate::status::named(&args.id);
        parameters["Sha256"] = json!(args.sha256);
        parameters
    };
    let client = args.client.client()?;
    let answer = client.call(Product::Signet, "AcceptAuthority", &parameters)?;
    if args.client.format == Format::Json {
        return show::out(answer.text());
    }
    let found = answer.read::<Accepted>()?.authorities;
    if found.is_empty() {
        return show::out(&format!(
            "Every node of {} shows an accepted authority.",
            args.id
        ));
    }
    let waits = found.iter().any(|authority| !authority.accepted);
    let rows = found.into_iter().map(|authority| {
        let word = if authority.accepted {
            "ACCEPTED"
        } else {
            "NOT ACCEPTED"
        };
        [
            authority.node,
            word.to_owned(),
            authority.subject,
            day(&authority.not_after),
            authority.since,
            authority.sha256,
        ]
    });
    let heading = ["NODE", "STATE", "SUBJECT", "EXPIRES", "SINCE", "SHA-256"];
    show::out(&show::table(heading, rows.collect()))?;
    if waits {
        return show::out(
            "Compare them with the servers' own files. To accept one: signet ca accept ID --sha256 SHA-256 (all of a node)",
        );
    }
    Ok(())
}

fn fetch(args: &ClientArgs) -> Result<Answer, Failure> {
    args.client()?
        .call(Product::Signet, "DescribeAuthorities", &json!({}))
}

fn show(args: &ClientArgs) -> Result<(), Failure> {
    let answer = fetch(args)?;
    if args.format == Format::Json {
        return show::out(answer.text());
    }
    let rows = answer.read::<Listed>()?.items.into_iter().map(|item| {
        [
            item.role,
            item.name,
            format!("{} ({} days)", day(&item.not_after), item.days_left),
            item.authority,
            item.root.sha256,
        ]
    });
    let heading = ["ROLE", "NAME", "GOOD UNTIL", "SHA-256", "ROOT'S SHA-256"];
    show::out(&show::table(heading, rows.collect()))
}

fn export(args: &Export) -> Result<(), Failure> {
    let answer = fetch(&args.client)?;
    if args.client.format == Format::Json {
        return show::out(answer.text());
    }
    let items = answer.read::<Listed>()?.items;
    let texts = items.iter().map(|item| {
        if args.chain {
            item.certificates.trim_end()
        } else {
            root_of(&item.certificates)
        }
    });
    show::out(&texts.collect::<Vec<_>>().join("\n"))
}

fn succeed(
    args: &ClientArgs,
    (action, parameters): (&str, &serde_json::Value),
    what_follows: &str,
) -> Result<(), Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Named {
        authority: String,
    }
    let answer = args.client()?.call(Product::Signet, action, parameters)?;
    match args.format {
        Format::Json => show::out(answer.text()),
        Format::Table => {
            let named: Named = answer.read()?;
            show::out(&format!("{} {what_follows}", named.authority))
        }
    }
}

/// The last certificate of a chain in PEM.
fn root_of(chain: &str) -> &str {
    let chain = chain.trim_end();
    &chain[chain.rfind("-----BEGIN").unwrap_or(0)..]
}
