use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use der::asn1::Ia5String;
use x509_cert::ext::pkix::name::GeneralName;

/// A name that clients verify a server by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SubjectName {
    /// A host name.
    Dns(DnsName),
    /// An address, IPv4 or IPv6.
    Ip(IpAddr),
}

/// A host name as certificates hold it: lower case, ASCII, without a dot at the end. Its first label may be `*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DnsName(String);

/// The text cannot be a name in a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` cannot be a name in a certificate: {reason}")]
pub struct InvalidName {
    /// The start of the text.
    text: String,
    reason: &'static str,
}

impl DnsName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SubjectName {
    type Err = InvalidName;

    /// An address if it is one, else a host name.
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        match text.parse() {
            Ok(address) => Ok(Self::Ip(address)),
            Err(_) => text.parse().map(Self::Dns),
        }
    }
}

impl FromStr for DnsName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        match flaw(&name) {
            None => Ok(Self(name)),
            Some(reason) => Err(InvalidName {
                text: text
                    .chars()
                    .take(100)
                    .flat_map(char::escape_debug)
                    .collect(),
                reason,
            }),
        }
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => name.fmt(f),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

impl From<IpAddr> for SubjectName {
    fn from(address: IpAddr) -> Self {
        Self::Ip(address)
    }
}

impl TryFrom<&SubjectName> for GeneralName {
    type Error = der::Error;

    fn try_from(name: &SubjectName) -> der::Result<Self> {
        match name {
            SubjectName::Dns(name) => Ok(Self::DnsName(Ia5String::new(name.as_str())?)),
            SubjectName::Ip(address) => Ok((*address).into()),
        }
    }
}

/// Why clients would not match this name. Underscores are no host names by RFC 952, but container networks use them, and
/// OpenSSL, Java and webpki match them.
fn flaw(name: &str) -> Option<&'static str> {
    let wildcard = name.strip_prefix("*.");
    let fixed = wildcard.unwrap_or(name);
    let labels: Vec<&str> = fixed.split('.').collect();
    let last = labels.last().copied().unwrap_or_default();
    if name.len() > 253 {
        Some("a host name has at most 253 characters")
    } else if fixed.contains('*') || (wildcard.is_some() && labels.len() < 2) {
        Some(
            "`*` must be the whole first label, with at least two labels after it, like `*.example.com`",
        )
    } else if !name.is_ascii() {
        Some("write it in its ASCII form, which begins with `xn--`")
    } else if !labels.iter().copied().all(is_label) {
        Some(
            "the labels between its dots have 1 to 63 letters, digits, `-` or `_`, with no `-` at either end",
        )
    } else if last.bytes().all(|byte| byte.is_ascii_digit()) {
        Some("it ends in a number, as only addresses do, and is no address")
    } else {
        None
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_host_names_are_told_apart() {
        for (text, printed, is_address) in [
            ("10.0.0.5", "10.0.0.5", true),
            ("::1", "::1", true),
            ("2001:DB8:0::5", "2001:db8::5", true),
            ("localhost", "localhost", false),
            ("DB1.Example.com", "db1.example.com", false),
            ("db1.example.com.", "db1.example.com", false),
            ("mysql_primary", "mysql_primary", false),
            ("xn--bcher-kva.example", "xn--bcher-kva.example", false),
            ("*.db.example.com", "*.db.example.com", false),
            ("*.example.com", "*.example.com", false),
            ("1.example", "1.example", false),
        ] {
            let name: SubjectName = text.parse().unwrap();
            assert_eq!(name.to_string(), printed);
            assert_eq!(matches!(name, SubjectName::Ip(_)), is_address, "{text}");
        }
    }

    #[test]
    fn a_name_that_clients_would_not_match_is_refused_with_the_reason() {
        let label = "the labels between its dots have 1 to 63 letters, digits, `-` or `_`, with no `-` at either end";
        let star = "`*` must be the whole first label, with at least two labels after it, like `*.example.com`";
        let long_label = "a".repeat(64);
        for (text, reason) in [
            ("", label),
            (".", label),
            ("db..example", label),
            (".db.example", label),
            ("-db.example", label),
            ("db-.example", label),
            ("db example", label),
            ("db:3306", label),
            ("db/x", label),
            ("[::1]", label),
            (long_label.as_str(), label),
            ("*", star),
            ("*.com", star),
            ("db*.example.com", star),
            ("db.*.example.com", star),
            ("*.*.example.com", star),
            ("**.example.com", star),
            (
                "bücher.example",
                "write it in its ASCII form, which begins with `xn--`",
            ),
            (
                "10.0.0.256",
                "it ends in a number, as only addresses do, and is no address",
            ),
            (
                "10.0.5",
                "it ends in a number, as only addresses do, and is no address",
            ),
        ] {
            let error = text.parse::<SubjectName>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("`{text}` cannot be a name in a certificate: {reason}")
            );
        }
        let long = ["abcdefghi"; 26].join(".");
        let error = long.parse::<SubjectName>().unwrap_err().to_string();
        assert!(
            error.ends_with("a host name has at most 253 characters"),
            "{error}"
        );
    }
}
