//! Names that an authority is limited to: domains and networks.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use der::asn1::{Ia5String, OctetString};
use x509_cert::ext::pkix::NameConstraints;
use x509_cert::ext::pkix::constraints::name::{GeneralSubtree, GeneralSubtrees};
use x509_cert::ext::pkix::name::GeneralName;

use super::{DnsName, SubjectName};

/// A set of names that certificates may be issued for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permitted {
    /// `example.com`: the domain and every name below it.
    Domain(DnsName),
    /// `*.example.com`: every name below the domain, and not the domain itself.
    Below(DnsName),
    /// `192.0.2.0/24` or `192.0.2.1`: the addresses of a network.
    Network {
        /// The address of the network, its host bits zero.
        address: IpAddr,
        /// How many bits of it are fixed.
        prefix: u8,
    },
}

/// The text is neither a domain nor a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is neither a domain (`example.com`, `*.example.com`) nor a network (`192.0.2.0/24`, `192.0.2.1`) whose host bits are zero"
)]
pub struct InvalidPermitted(String);

impl Permitted {
    /// Whether a certificate may cover this name. A wildcard is allowed where every name that it matches is.
    #[must_use]
    pub fn allows(&self, name: &SubjectName) -> bool {
        match (self, name) {
            (Self::Domain(domain), SubjectName::Dns(name)) => {
                name == domain || is_below(name, domain)
            }
            (Self::Below(domain), SubjectName::Dns(name)) => is_below(name, domain),
            (Self::Network { address, prefix }, SubjectName::Ip(ip)) => {
                let ip = ip.to_canonical();
                ip.is_ipv4() == address.is_ipv4() && network(ip, *prefix) == *address
            }
            _ => false,
        }
    }

    /// The name constraints of a root that may issue for these names alone. A kind of name of which none is permitted is excluded as a
    /// whole.
    pub(super) fn constraints(permitted: &[Self]) -> der::Result<NameConstraints> {
        let subtrees: GeneralSubtrees = permitted
            .iter()
            .map(|permitted| permitted.name().map(subtree))
            .collect::<der::Result<_>>()?;
        let is_network = |permitted: &Self| matches!(permitted, Self::Network { .. });
        let mut excluded = Vec::new();
        if permitted.iter().all(is_network) {
            excluded.push(subtree(GeneralName::DnsName(Ia5String::new("")?)));
        }
        if !permitted.iter().any(is_network) {
            for bytes in [8, 32] {
                let all = OctetString::new(vec![0; bytes])?;
                excluded.push(subtree(GeneralName::IpAddress(all)));
            }
        }
        Ok(NameConstraints {
            permitted_subtrees: Some(subtrees),
            excluded_subtrees: (!excluded.is_empty()).then_some(excluded),
        })
    }

    fn name(&self) -> der::Result<GeneralName> {
        match self {
            Self::Domain(domain) | Self::Below(domain) => {
                Ok(GeneralName::DnsName(Ia5String::new(domain.as_str())?))
            }
            Self::Network { address, prefix } => {
                let ones = IpAddr::from([0xff; 16]);
                let bytes = match address {
                    IpAddr::V4(ip) => {
                        let mask = u32::MAX.checked_shl(32 - u32::from(*prefix));
                        [ip.octets(), mask.unwrap_or(0).to_be_bytes()].concat()
                    }
                    IpAddr::V6(ip) => match network(ones, *prefix) {
                        IpAddr::V6(mask) => [ip.octets(), mask.octets()].concat(),
                        IpAddr::V4(_) => Vec::new(),
                    },
                };
                Ok(GeneralName::IpAddress(OctetString::new(bytes)?))
            }
        }
    }
}

fn subtree(base: GeneralName) -> GeneralSubtree {
    GeneralSubtree {
        base,
        minimum: 0,
        maximum: None,
    }
}

fn is_below(name: &DnsName, domain: &DnsName) -> bool {
    name.as_str()
        .strip_suffix(domain.as_str())
        .is_some_and(|rest| rest.ends_with('.'))
}

/// The address with all bits after the prefix zero.
fn network(ip: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match ip {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - prefix.min(32)).unwrap_or(0);
            IpAddr::V4((u32::from(ip) & mask).into())
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - prefix.min(128)).unwrap_or(0);
            IpAddr::V6((u128::from(ip) & mask).into())
        }
    }
}

impl FromStr for Permitted {
    type Err = InvalidPermitted;

    fn from_str(text: &str) -> Result<Self, InvalidPermitted> {
        let invalid = || InvalidPermitted(text.chars().flat_map(char::escape_debug).collect());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        if let Ok(address) = address.parse::<IpAddr>() {
            let most = if address.is_ipv4() { 32 } else { 128 };
            let prefix = prefix.map_or(Ok(most), str::parse).map_err(|_| invalid())?;
            return (prefix <= most && network(address, prefix) == address)
                .then_some(Self::Network { address, prefix })
                .ok_or_else(invalid);
        }
        match text.strip_prefix("*.") {
            Some(domain) => domain.parse().map(Self::Below),
            None => text.parse().map(Self::Domain),
        }
        .map_err(|_| invalid())
    }
}

impl fmt::Display for Permitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(domain) => domain.fmt(f),
            Self::Below(domain) => write!(f, "*.{domain}"),
            Self::Network { address, prefix } => write!(f, "{address}/{prefix}"),
        }
    }
}

/// The name alone.
impl From<SubjectName> for Permitted {
    fn from(name: SubjectName) -> Self {
        match name {
            SubjectName::Dns(name) => Self::Domain(name),
            SubjectName::Ip(address) => Self::Network {
                prefix: if address.is_ipv4() { 32 } else { 128 },
                address,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_allows_what_is_below_it_and_a_network_its_addresses() {
        for (permitted, name, allowed) in [
            ("example.com", "example.com", true),
            ("example.com", "DB.example.com.", true),
            ("example.com", "*.example.com", true),
            ("example.com", "badexample.com", false),
            ("example.com", "example.com.evil.test", false),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.b.example.com", true),
            ("192.0.2.0/24", "192.0.2.77", true),
            ("192.0.2.0/24", "::ffff:192.0.2.77", true),
            ("192.0.2.0/24", "192.0.3.1", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:1::5", true),
            ("2001:db8::/32", "2001:db9::5", false),
            ("192.0.2.0/24", "db.example.com", false),
        ] {
            let read: Permitted = permitted.parse().unwrap();
            assert_eq!(read.to_string().parse(), Ok(read.clone()));
            assert_eq!(
                read.allows(&name.parse().unwrap()),
                allowed,
                "{permitted} {name}"
            );
        }
    }

    #[test]
    fn what_is_no_set_of_names_is_refused() {
        for text in ["", "*", "192.0.2.1/24", "10.0.0.0/33", "10/8", "a b"] {
            let read = text.parse::<Permitted>();
            let error = read.unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{text}` is neither")),
                "{error}"
            );
        }
    }
}
