use clap::builder::PossibleValuesParser;
use clap::{Args, Parser};
use server::web::samples::{self, Endpoint, Language, Region};

use crate::failure::Failure;
use crate::profile::DEFAULT_ENDPOINT;
use crate::{parameters, show};

/// Everything behind `signet sample`: parameters are told from our own flags by their capital letter.
#[derive(Args)]
#[command(
    override_usage = "signet sample <SERVICE> <ACTION> [--Param value]... [--json '{…}'] [--language NAME] [--region NAME] [--endpoint URL]"
)]
pub(crate) struct Sample {
    /// The service (cdb or signet), the action, and its parameters as `signet call` takes them
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        required = true,
        value_name = "WORD"
    )]
    words: Vec<String>,
}

/// What is left when the parameters are taken out.
#[derive(Parser)]
#[command(name = "signet sample")]
struct Rest {
    /// The service: cdb or signet
    service: String,
    /// The action, like DescribeSSLStatus
    action: String,
    /// All parameters as one JSON object; --Param goes before it
    #[arg(long, value_name = "OBJECT")]
    json: Option<String>,
    /// What the program is written in
    #[arg(long, value_name = "NAME", default_value = "python", value_parser = languages())]
    language: String,
    /// The region that it names
    #[arg(
        long,
        value_name = "NAME",
        env = "TENCENTCLOUD_REGION",
        default_value = "ap-guangzhou"
    )]
    region: Region,
    /// Where it sends the call
    #[arg(long, value_name = "URL", env = "SIGNET_ENDPOINT", default_value = DEFAULT_ENDPOINT)]
    endpoint: Endpoint,
}

fn languages() -> PossibleValuesParser {
    PossibleValuesParser::new(Language::ALL.map(Language::name))
}

/// `signet sample`. Needs no service.
pub(crate) fn run(args: &Sample) -> Result<(), Failure> {
    let Some((given, rest)) = parameters::split::<Rest>("signet sample", &args.words)? else {
        return Ok(());
    };
    let product = parameters::product(&rest.service)?;
    let entry = parameters::entry(product, &rest.action).ok_or_else(|| {
        Failure::Usage(format!(
            "{} has no action called `{}`",
            rest.service, rest.action
        ))
    })?;
    let parameters = parameters::read(Some(entry), rest.json.as_deref(), given)?;
    let call = samples::Call::new(&rest.endpoint, &rest.region, entry, &parameters)
        .map_err(|refusal| Failure::Usage(refusal.to_string()))?;
    let language = Language::ALL
        .into_iter()
        .find(|language| language.name() == rest.language)
        .expect("clap has checked it");
    show::out(samples::sample(language, &call).trim_end())
}
