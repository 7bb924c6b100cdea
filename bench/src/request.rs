//! Requests as bytes, signed beforehand, with the headers that the official SDKs send.

use std::fmt::Write as _;

use anyhow::Context as _;
use wire::{SecretId, SecretKey, tc3};

/// What the moto server calls its one kind of instance here.
pub const MOTO_INSTANCE: &str = "orders-1";

/// Who signs.
pub struct Signer {
    secret_id: SecretId,
    secret_key: SecretKey,
}

/// An action and its parameters.
pub struct Call<'a> {
    /// The product that it belongs to, as its endpoint's first label.
    pub service: &'a str,
    /// The API's version.
    pub version: &'a str,
    /// Its name.
    pub action: &'a str,
    /// Its parameters in JSON.
    pub body: &'a str,
}

impl Signer {
    /// A signer with this key pair.
    ///
    /// # Errors
    /// When the SecretId has characters that no SecretId has.
    pub fn new(secret_id: &str, secret_key: &str) -> anyhow::Result<Self> {
        let secret_id = SecretId::new(secret_id.to_owned()).context("the SecretId is not one")?;
        let secret_key = SecretKey::new(secret_key);
        Ok(Self {
            secret_id,
            secret_key,
        })
    }

    /// `DescribeSSLStatus` of one instance, signed with TC3 at `now`, in unix seconds.
    pub fn describe_ssl_status(&self, host: &str, instance: &str, now: i64) -> Vec<u8> {
        let call = Call {
            service: "cdb",
            version: "2017-03-20",
            action: "DescribeSSLStatus",
            body: &format!(r#"{{"InstanceId": "{instance}"}}"#),
        };
        self.sign(host, &call, now)
    }

    /// A call, signed with TC3 at `now`, in unix seconds.
    pub fn sign(&self, host: &str, call: &Call<'_>, now: i64) -> Vec<u8> {
        let signed = [("X-TC-Action", call.action), ("X-TC-Version", call.version)];
        // What is measured is what SDKs send; they sign action and version nowhere, and `signet` wants them signed.
        let signed = if call.service == "signet" {
            &signed[..]
        } else {
            &[]
        };
        let authorization = tc3::authorization(
            &self.secret_id,
            &self.secret_key,
            &tc3::Unsigned {
                method: &"POST".parse().expect("POST is a method"),
                host,
                content_type: "application/json",
                query: "",
                body: call.body.as_bytes(),
                service: call.service,
                timestamp: now,
                headers: signed,
            },
        );
        let timestamp = now.to_string();
        let headers = [
            ("Host", host),
            ("Content-Type", "application/json"),
            ("X-TC-Action", call.action),
            ("X-TC-Version", call.version),
            ("X-TC-Timestamp", &timestamp),
            ("X-TC-Region", "ap-guangzhou"),
            ("X-TC-Language", "zh-CN"),
            ("Authorization", &authorization),
        ];
        post(&headers, call.body)
    }
}

/// The peer's counterpart: `DescribeDBInstances` of one instance. Moto looks at the credential scope and never at the signature.
pub fn moto_describe_db_instances(host: &str) -> Vec<u8> {
    moto(
        host,
        &format!(
            "Action=DescribeDBInstances&Version=2014-10-31&DBInstanceIdentifier={MOTO_INSTANCE}"
        ),
    )
}

/// Makes the instance that [`moto_describe_db_instances`] asks for, or one of another name.
pub fn moto_create_db_instance(host: &str, name: &str) -> Vec<u8> {
    moto(
        host,
        &format!(
            "Action=CreateDBInstance&Version=2014-10-31&DBInstanceIdentifier={name}&Engine=mysql\
             &DBInstanceClass=db.t3.micro&AllocatedStorage=20&MasterUsername=root&MasterUserPassword=not-a-secret"
        ),
    )
}

fn moto(host: &str, body: &str) -> Vec<u8> {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261124/us-east-1/rds/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date, Signature={}",
        "0".repeat(64)
    );
    let headers = [
        ("Host", host),
        (
            "Content-Type",
            "application/x-www-form-urlencoded; charset=utf-8",
        ),
        ("X-Amz-Date", "20261124T000000Z"),
        ("Authorization", &authorization),
    ];
    post(&headers, body)
}

fn post(headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = String::from("POST / HTTP/1.1\r\n");
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").expect("a String takes everything");
    }
    write!(text, "Content-Length: {}\r\n\r\n{body}", body.len())
        .expect("a String takes everything");
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_request_is_a_whole_http_request() {
        let signer = Signer::new("AKIDEXAMPLE", "EXAMPLEKEY").unwrap();
        let bytes = signer.describe_ssl_status("127.0.0.1:7780", "cdb-c1nl9rpv", 1_700_000_000);
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, r#"{"InstanceId": "cdb-c1nl9rpv"}"#);
        assert!(
            head.starts_with("POST / HTTP/1.1\r\nHost: 127.0.0.1:7780\r\nContent-Type: application/json\r\nX-TC-Action: DescribeSSLStatus\r\n"),
            "{head}"
        );
        assert!(head.contains("\r\nAuthorization: TC3-HMAC-SHA256 Credential=AKIDEXAMPLE/2023-11-14/cdb/tc3_request, "), "{head}");
        assert!(head.ends_with("\r\nContent-Length: 30"), "{head}");
    }

    #[test]
    fn requests_for_different_instances_have_different_signatures() {
        let signer = Signer::new("AKIDEXAMPLE", "EXAMPLEKEY").unwrap();
        let of = |instance| signer.describe_ssl_status("localhost", instance, 1_700_000_000);
        let signature = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            text.split("Signature=")
                .nth(1)
                .map(|rest| rest[..64].to_owned())
        };
        assert_ne!(
            signature(&of("cdb-c1nl9rpv")),
            signature(&of("cdb-c1nl9rpw"))
        );
    }
}
