use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::Authority;

/// How an endpoint is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In clear.
    Http,
    /// In TLS.
    Https,
}

impl Scheme {
    /// As in a URL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Where the API answers: scheme, host and perhaps a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    scheme: Scheme,
    authority: Authority,
}

/// The text is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint `{0}` is not a URL like http://127.0.0.1:7780 or https://signet.example.com")]
pub struct NoEndpoint(String);

impl Endpoint {
    /// How it is spoken to.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host, with its port if one is named: what most SDKs call the endpoint, and what goes into `Host`.
    pub fn host(&self) -> &str {
        self.authority.as_str()
    }
}

impl FromStr for Endpoint {
    type Err = NoEndpoint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read(text).ok_or_else(|| NoEndpoint(text.to_owned()))
    }
}

fn read(text: &str) -> Option<Endpoint> {
    let uri: Uri = text.parse().ok()?;
    let scheme = match uri.scheme_str()? {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return None,
    };
    let authority = uri.authority()?.clone();
    let is_plain = !authority.as_str().contains('@')
        && !authority.host().is_empty()
        && matches!(uri.path(), "" | "/")
        && uri.query().is_none();
    is_plain.then_some(Endpoint { scheme, authority })
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.authority)
    }
}

/// The region that a call names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region(String);

/// The text is no region.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the region `{0}` is not a name like ap-guangzhou")]
pub struct NoRegion(String);

impl Region {
    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Region {
    type Err = NoRegion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.bytes().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NoRegion(text.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_scheme_and_a_host() {
        for text in [
            "http://127.0.0.1:7780",
            "https://signet.example.com",
            "http://[::1]:7780",
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!(
            "http://127.0.0.1:7780/"
                .parse::<Endpoint>()
                .unwrap()
                .to_string(),
            "http://127.0.0.1:7780"
        );
    }

    #[test]
    fn nothing_else_is_one() {
        for text in [
            "",
            "127.0.0.1:7780",
            "ftp://a",
            "http://",
            "http://u:p@a",
            "http://a/b",
            "http://a/?b",
            "http://a\"b",
            "http://a b",
        ] {
            assert_eq!(
                text.parse::<Endpoint>(),
                Err(NoEndpoint(text.to_owned())),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_region_is_a_name() {
        assert_eq!(
            "ap-guangzhou".parse::<Region>().unwrap().as_str(),
            "ap-guangzhou"
        );
        for text in ["", "-a", "ap guangzhou", "a\"", "a\n", "é"] {
            assert_eq!(text.parse::<Region>(), Err(NoRegion(text.to_owned())));
        }
    }
}
