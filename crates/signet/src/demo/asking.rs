use std::fmt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use server::RootKey;
use server::api::action::Product;

use crate::client::Client;
use crate::failure::Failure;

/// The region that is asked for; every one is served.
const REGION: &str = "ap-guangzhou";

/// The client that asks.
pub(super) enum Asker<'a> {
    /// The vendor's command line, unmodified.
    Tccli {
        program: &'a Path,
        endpoint: &'a str,
        root: &'a RootKey,
        /// Where it keeps its files, instead of in the user's home.
        home: &'a Path,
    },
    /// Ours.
    Own(&'a Client),
}

impl Asker<'_> {
    /// Asks for an instance or a group, and returns the answer.
    pub(super) fn describe_ssl_status(&self, parameter: &str, id: &str) -> Result<Value, Failure> {
        match self {
            Self::Own(client) => client
                .call(Product::Cdb, "DescribeSSLStatus", &json!({ parameter: id }))?
                .read(),
            Self::Tccli {
                program,
                endpoint,
                root,
                home,
            } => {
                let mut tccli = Command::new(program);
                tccli
                    .args(["cdb", "DescribeSSLStatus", "--region", REGION])
                    .args(["--endpoint", endpoint, &format!("--{parameter}"), id])
                    .env("HOME", home)
                    .env("TENCENTCLOUD_SECRET_ID", root.secret_id.as_str())
                    .env("TENCENTCLOUD_SECRET_KEY", root.secret_key.expose());
                answer_of(program, &mut tccli)
            }
        }
    }
}

fn answer_of(program: &Path, tccli: &mut Command) -> Result<Value, Failure> {
    let failed = |why: String| Failure::failed(format!("{}: {why}", program.display()));
    // A proxy would be asked for our address on its own machine.
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        tccli.env_remove(name);
    }
    let output = tccli.output().map_err(|e| failed(e.to_string()))?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(failed(error.trim().to_owned()));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| failed(format!("it answered no JSON: {e}")))
}

impl fmt::Display for Asker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tccli { .. } => "tccli",
            Self::Own(_) => "our own client; --tccli FILE names the vendor's",
        })
    }
}
