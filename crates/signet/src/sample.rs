use std::fmt;
use std::str::FromStr;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser};
use server::web::samples::{self, Endpoint, Language, Region};

use crate::failure::Failure;
use crate::profile::DEFAULT_ENDPOINT;
use crate::settings::from_env;
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
    /// All parameters as one JSON object, `-` for standard input; --Param goes before it
    #[arg(long, value_name = "OBJECT")]
    json: Option<String>,
    /// What the program is written in
    #[arg(long, value_name = "NAME", default_value = "python", value_parser = languages())]
    language: String,
    /// The region that it names [default: TENCENTCLOUD_REGION, then ap-guangzhou]
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// Where it sends the call [default: SIGNET_ENDPOINT, then http://127.0.0.1:7780]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
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
    let endpoint: Endpoint = chosen(rest.endpoint, "SIGNET_ENDPOINT", DEFAULT_ENDPOINT)?;
    let region: Region = chosen(rest.region, "TENCENTCLOUD_REGION", "ap-guangzhou")?;
    let call = samples::Call::new(&endpoint, &region, entry, &parameters).map_err(usage)?;
    let language = Language::ALL
        .into_iter()
        .find(|language| language.name() == rest.language)
        .expect("clap has checked it");
    show::out(samples::sample(language, &call).trim_end())
}

/// What the flag says, else the environment, else the default.
fn chosen<T: FromStr<Err: fmt::Display>>(
    flag: Option<String>,
    variable: &str,
    default: &str,
) -> Result<T, Failure> {
    let text = flag.or_else(|| from_env(variable));
    text.as_deref().unwrap_or(default).parse().map_err(usage)
}

// By value, so that `map_err` takes it by its name.
#[allow(clippy::needless_pass_by_value)]
fn usage(error: impl fmt::Display) -> Failure {
    Failure::Usage(error.to_string())
}
