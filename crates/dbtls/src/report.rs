//! What follows from an observation, as it is told to people and programs.

use rustls::pki_types::{CertificateDer, ServerName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use webpki::EndEntityCert;

use crate::{
    CertificateReport, LoginOutcome, Name, Observation, Status, Target, Trust, anchors,
    certificate::{common_name, has_dns_san, parse},
    target::NameKind,
};

/// One server's TLS, judged at one moment. A text or list that is not known is empty, never null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Report {
    /// The server: `host:port` or `unix:/path`.
    pub target: String,
    /// `ON`, `OFF` or `UNKNOWN`.
    pub status: Status,
    /// Why the status is unknown or what is remarkable about it, and what to do.
    pub reason: String,
    /// `MySQL`, `MariaDB`, or empty.
    pub flavor: String,
    /// The version that the server names.
    pub server_version: String,
    /// The negotiated version, like `TLSv1.3`.
    pub tls_version: String,
    /// The negotiated cipher suite by its IANA name.
    pub cipher: String,
    /// The server proved that it holds its certificate's key.
    pub signature_checked: bool,
    /// The certificates that the server sends, its own first.
    pub chain: Vec<CertificateReport>,
    /// The chain ends in a self-signed certificate: a client's CA bundle can be built from it alone.
    pub self_contained: bool,
    /// The last moment of the server certificate's validity, RFC 3339.
    pub not_after: String,
    /// Days left until then, rounded down, so that it is negative from the first second after; 0 while `NotAfter` is empty.
    pub days_left: i64,
    /// The server certificate has expired.
    pub expired: bool,
    /// The chain leads to a CA that we trust, and every certificate in it is valid now.
    pub chain_verifies: bool,
    /// Why the chain does not verify.
    pub chain_problem: String,
    /// The subject of the trusted CA that it leads to.
    pub trusted_by: String,
    /// The names that clients use, and whether the certificate covers them.
    pub names: Vec<NameReport>,
    /// How the probe's login ended.
    pub probe_login: ProbeLogin,
    /// The server's words about a login that did not end as it should.
    pub probe_login_message: String,
    /// How long the probe took, in milliseconds.
    pub took_ms: u64,
}

/// Whether a client that checks the host name (`VERIFY_IDENTITY`) accepts the certificate under one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct NameReport {
    /// The host name or IP address.
    pub name: String,
    /// A subject alternative name covers it: every client accepts it.
    pub covered: bool,
    /// Only the common name covers it: MySQL's and MariaDB's own clients accept it, those in Go, Rust and others do not.
    pub common_name_only: bool,
}

/// How the login of a probe ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProbeLogin {
    /// The probe did not come so far, or the server's TLS is too old to log in through.
    NotTried,
    /// The server refused a user that does not exist, as it should.
    Nobody,
    /// The probe account was logged in.
    Accepted,
    /// The probe account was refused.
    Denied,
    /// The password was not sent, because the server could not be verified.
    Withheld,
    /// The connection broke off during the login.
    Broken,
}

impl Report {
    /// Judges an observation at `now` (unix seconds): against `trust`, and for the target's own host and `names` (each told once).
    pub fn of(
        target: &Target,
        observation: &Observation,
        trust: &Trust,
        names: &[Name],
        now: i64,
    ) -> Self {
        let tls = observation.tls.as_ref();
        let chain = tls.map_or(&[][..], |tls| &tls.chain);
        let not_after = chain
            .first()
            .and_then(|leaf| parse(leaf))
            .map(|leaf| leaf.validity.not_after.timestamp());
        let verdict = trust.verify(chain, now);
        let (probe_login, probe_login_message) = login(&observation.login);
        let greeting = observation.greeting.as_ref();
        let reports: Vec<_> = chain.iter().map(|der| CertificateReport::of(der)).collect();
        Self {
            target: target.to_string(),
            status: observation.status,
            reason: observation
                .reason
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            flavor: greeting
                .map(|greeting| greeting.flavor.as_str().to_owned())
                .unwrap_or_default(),
            server_version: greeting
                .map(|greeting| greeting.server_version.clone())
                .unwrap_or_default(),
            tls_version: tls.map(|tls| tls.version.clone()).unwrap_or_default(),
            cipher: tls.map(|tls| tls.cipher.clone()).unwrap_or_default(),
            signature_checked: tls.is_some_and(|tls| tls.signature_checked),
            self_contained: anchors(chain).complete,
            not_after: reports
                .first()
                .map(|leaf| leaf.not_after.clone())
                .unwrap_or_default(),
            chain: reports,
            days_left: not_after.map_or(0, |end| end.saturating_sub(now).div_euclid(86_400)),
            expired: not_after.is_some_and(|end| end < now),
            chain_verifies: verdict.is_ok(),
            chain_problem: if chain.is_empty() {
                String::new()
            } else {
                verdict.as_ref().err().cloned().unwrap_or_default()
            },
            trusted_by: verdict.unwrap_or_default(),
            names: coverage(target, chain.first(), names),
            probe_login,
            probe_login_message,
            took_ms: u64::try_from(observation.took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

fn login(outcome: &LoginOutcome) -> (ProbeLogin, String) {
    match outcome {
        LoginOutcome::NotTried => (ProbeLogin::NotTried, String::new()),
        LoginOutcome::Nobody => (ProbeLogin::Nobody, String::new()),
        LoginOutcome::Accepted => (ProbeLogin::Accepted, String::new()),
        LoginOutcome::Denied { code, text } => (ProbeLogin::Denied, format!("{code} {text}")),
        LoginOutcome::Withheld => (
            ProbeLogin::Withheld,
            "The password was not sent: the server could not be verified. Its certificate chain must lead to a trusted CA, be valid now, not be revoked, and name the host.".to_owned(),
        ),
        LoginOutcome::Broken { reason } => (ProbeLogin::Broken, reason.to_string()),
    }
}

fn coverage(target: &Target, leaf: Option<&Vec<u8>>, names: &[Name]) -> Vec<NameReport> {
    let mut told: Vec<&Name> = Vec::new();
    for name in target.host().into_iter().chain(names) {
        if !told.contains(&name) {
            told.push(name);
        }
    }
    told.into_iter()
        .map(|name| NameReport {
            name: name.to_string(),
            covered: leaf.is_some_and(|leaf| covers(leaf, name)),
            common_name_only: leaf
                .is_some_and(|leaf| !covers(leaf, name) && common_name_covers(leaf, name)),
        })
        .collect()
}

/// Whether one of the certificate's names is `name`, by the rules that clients use.
pub(crate) fn covers(leaf: &[u8], name: &Name) -> bool {
    let der = CertificateDer::from(leaf);
    match (EndEntityCert::try_from(&der), server_name(name)) {
        (Ok(cert), Some(name)) => cert.verify_is_valid_for_subject_name(&name).is_ok(),
        _ => false,
    }
}

pub(crate) fn server_name(name: &Name) -> Option<ServerName<'static>> {
    match &name.0 {
        NameKind::Ip(ip) => Some(ServerName::IpAddress((*ip).into())),
        NameKind::Dns(host) => ServerName::try_from(host.clone()).ok(),
    }
}

/// OpenSSL's `X509_check_host` looks at the common name when there is no DNS name among the alternatives; wildcards count for one
/// label. Never for IP addresses.
fn common_name_covers(leaf: &[u8], name: &Name) -> bool {
    let (NameKind::Dns(host), Some(cert)) = (&name.0, parse(leaf)) else {
        return false;
    };
    let Some(common_name) = common_name(&cert).filter(|_| !has_dns_san(&cert)) else {
        return false;
    };
    let by_wildcard = || {
        let (_, below) = host.split_once('.')?;
        let base = common_name.strip_prefix("*.")?;
        Some(base.contains('.') && base.eq_ignore_ascii_case(below))
    };
    common_name.eq_ignore_ascii_case(host) || by_wildcard().unwrap_or(false)
}

#[cfg(test)]
mod tests;
