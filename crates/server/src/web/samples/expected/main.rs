//! DescribeSSLStatus of cdb 2017-03-20.
//! Environment: TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY
//!
//! The vendor has no SDK for Rust; `wire` is the crate of Signet's source that signs. In Cargo.toml:
//!
//! [dependencies]
//! serde_json = "1"
//! ureq = "3"
//! wire = { path = "crates/wire" }

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use ureq::http::Method;
use wire::tc3::{Unsigned, authorization};
use wire::{SecretId, SecretKey};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let response = call()?;
    let Some(error) = response.get("Error") else {
        println!("{response}");
        return Ok(ExitCode::SUCCESS);
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (code, message) = (text(&error["Code"]), text(&error["Message"]));
    eprintln!("{code}: {message} (RequestId {})", text(&response["RequestId"]));
    Ok(ExitCode::FAILURE)
}

fn call() -> Result<Value, Box<dyn Error>> {
    let parameters = json!({ "InstanceId": "cdb-c1nl9rpv" });
    let body = parameters.to_string();
    let timestamp = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    let signature = authorization(
        &SecretId::new(env::var("TENCENTCLOUD_SECRET_ID")?)?,
        &SecretKey::new(env::var("TENCENTCLOUD_SECRET_KEY")?),
        &Unsigned {
            method: &Method::POST,
            host: "127.0.0.1:7780",
            content_type: "application/json",
            query: "",
            body: body.as_bytes(),
            service: "cdb",
            timestamp,
            headers: &[],
        },
    );
    let answer = ureq::post("http://127.0.0.1:7780/")
        .header("Authorization", signature)
        .header("Content-Type", "application/json")
        .header("X-TC-Action", "DescribeSSLStatus")
        .header("X-TC-Version", "2017-03-20")
        .header("X-TC-Timestamp", timestamp.to_string())
        .header("X-TC-Region", "ap-guangzhou")
        .send(body)?
        .body_mut()
        .read_to_string()?;
    let mut answer: Value = serde_json::from_str(&answer)?;
    Ok(answer["Response"].take())
}
