use clap::{Args, Parser};
use serde_json::Value;

use crate::client::ClientArgs;
use crate::failure::Failure;
use crate::parameters;
use crate::show::{self, Format};

/// Everything behind `signet call`: parameters are told from our own flags by their capital letter.
#[derive(Args)]
#[command(
    override_usage = "signet call <SERVICE> <ACTION> [--Param value]... [--json '{…}'] [--profile NAME] [--format json]"
)]
pub(crate) struct Call {
    /// The service (cdb or signet), the action, and its parameters like --InstanceId cdb-c1nl9rpv. Lists are JSON, or
    /// the parameter is repeated; objects are JSON
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
#[command(name = "signet call")]
struct Rest {
    /// The service: cdb or signet
    service: String,
    /// The action, like DescribeSSLStatus
    action: String,
    /// All parameters as one JSON object, `-` for standard input; --Param goes before it
    #[arg(long, value_name = "OBJECT")]
    json: Option<String>,
    #[command(flatten)]
    client: ClientArgs,
}

/// `signet call`.
pub(crate) fn run(args: &Call) -> Result<(), Failure> {
    let Some((given, rest)) = parameters::split::<Rest>("signet call", &args.words)? else {
        return Ok(());
    };
    let product = parameters::product(&rest.service)?;
    // An action that is not known here is for the service to refuse.
    let entry = parameters::entry(product, &rest.action);
    let parameters = parameters::read(entry, rest.json.as_deref(), given)?;
    let client = rest.client.client()?;
    let answer = client.call_once(
        product.name(),
        product.version(),
        &rest.action,
        &Value::Object(parameters),
    )?;
    match rest.client.format {
        Format::Json => show::out(answer.text()),
        Format::Table => show::out(&pretty(answer.text())?),
    }
}

/// Indented, with the fields in the order in which they came.
fn pretty(json: &str) -> Result<String, Failure> {
    let mut text = Vec::new();
    serde_transcode::transcode(
        &mut serde_json::Deserializer::from_str(json),
        &mut serde_json::Serializer::pretty(&mut text),
    )
    .map_err(Failure::failed)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_indented_in_its_own_order() {
        assert_eq!(
            pretty(r#"{"B":"x, \"{y\\","A":[1,{}],"C":[]}"#).unwrap(),
            "{\n  \"B\": \"x, \\\"{y\\\\\",\n  \"A\": [\n    1,\n    {}\n  ],\n  \"C\": []\n}"
        );
    }
}
