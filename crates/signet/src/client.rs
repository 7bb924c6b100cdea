use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use server::api::action::Product;
use server::{Clock, Entropy};
use ureq::http::{Method, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use wire::tc3::{Unsigned, authorization};

use crate::failure::{Failure, Refusal};
use crate::profile::Identity;
use crate::show::Format;

/// How long a call may take; `ProbeNow` waits for its probes.
const TIMEOUT: Duration = Duration::from_secs(60);
/// No answer is larger: a page has 2,000 items at most.
const LARGEST_ANSWER: u64 = 64 << 20;
/// How often a call is repeated that came too soon after others. Limits are per second.
const ATTEMPTS: usize = 10;
const CONTENT_TYPE: &str = "application/json; charset=utf-8";

/// What every command over the API understands.
#[derive(Args, Clone, Debug)]
pub(crate) struct ClientArgs {
    /// Use this profile of ~/.config/signet/profiles.toml [default: the environment, then `default`]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// How to show the answer
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

impl ClientArgs {
    /// A client as the flags, the environment and the profile say.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Client::new(Identity::find(self.profile.as_deref())?)
    }
}

/// Calls actions, signed with TC3.
pub(crate) struct Client {
    agent: ureq::Agent,
    identity: Identity,
    uri: Uri,
}

/// What an action answered: the `Response` object, as it came.
#[derive(Debug)]
pub(crate) struct Answer(Box<RawValue>);

impl Answer {
    /// The JSON text as it came.
    pub(crate) fn text(&self) -> &str {
        self.0.get()
    }

    /// The part of it that a command shows.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(self.text())
            .map_err(|e| Failure::failed(format!("the answer is not as expected: {e}")))
    }
}

impl Client {
    /// Prepares to call; nothing is sent yet.
    pub(crate) fn new(identity: Identity) -> Result<Self, Failure> {
        let uri = endpoint(&identity.endpoint)?;
        let mut config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            // The endpoint is meant as it is written; a signed request is nobody else's business.
            .proxy(None)
            .user_agent(concat!("signet/", env!("CARGO_PKG_VERSION")));
        if uri.scheme_str() == Some("https") {
            config = config.tls_config(tls(identity.ca_file.as_deref())?);
        }
        Ok(Self {
            agent: config.build().new_agent(),
            identity,
            uri,
        })
    }

    /// Calls an action, and again after a second when others came too fast before it.
    pub(crate) fn call(
        &self,
        product: Product,
        action: &str,
        parameters: &Value,
    ) -> Result<Answer, Failure> {
        for _ in 1..ATTEMPTS {
            match self.call_once(product.name(), product.version(), action, parameters) {
                Err(Failure::Refused(refusal)) if refusal.is_throttling() => {
                    std::thread::sleep(Duration::from_secs(1));
                }
                outcome => return outcome,
            }
        }
        self.call_once(product.name(), product.version(), action, parameters)
    }

    /// Calls an action once.
    pub(crate) fn call_once(
        &self,
        service: &str,
        version: &str,
        action: &str,
        parameters: &Value,
    ) -> Result<Answer, Failure> {
        let body = parameters.to_string();
        let timestamp = Clock::System.now();
        let host = self
            .uri
            .authority()
            .expect("checked when it was read")
            .as_str();
        // Makes the signatures of two equal calls in one second differ, so that neither is taken for the other sent again.
        let nonce = hex_nonce(Entropy::System.bytes());
        let signed = [
            ("X-TC-Action", action),
            ("X-TC-Version", version),
            ("X-Signet-Nonce", &nonce),
        ];
        let signature = authorization(
            &self.identity.secret_id,
            &self.identity.secret_key,
            &Unsigned {
                method: &Method::POST,
                host,
                content_type: CONTENT_TYPE,
                query: "",
                body: body.as_bytes(),
                service,
                timestamp,
                headers: &signed,
            },
        );
        let mut request = self
            .agent
            .post(&self.uri)
            .header("Authorization", signature)
            .header("Content-Type", CONTENT_TYPE)
            .header("X-TC-Timestamp", timestamp.to_string());
        for (name, value) in signed {
            request = request.header(name, value);
        }
        if let Some(region) = &self.identity.region {
            request = request.header("X-TC-Region", region);
        }
        let mut response = request.send(body.as_bytes()).map_err(|e| self.explain(e))?;
        let status = response.status();
        let bytes = response
            .body_mut()
            .with_config()
            .limit(LARGEST_ANSWER)
            .read_to_vec()
            .map_err(|e| self.explain(e))?;
        opened(&bytes).unwrap_or_else(|| {
            Err(Failure::failed(format!(
                "{} answered HTTP {status}, but not as the API does: is this a Signet?",
                self.identity.endpoint
            )))
        })
    }

    /// Fetches a file from a link that the service gave.
    pub(crate) fn fetch(&self, url: &str) -> Result<Vec<u8>, Failure> {
        let mut response = self.agent.get(url).call().map_err(|e| self.explain(e))?;
        let status = response.status();
        if !status.is_success() {
            return Err(Failure::failed(format!("{url} answered HTTP {status}")));
        }
        let body = response.body_mut().read_to_vec();
        body.map_err(|e| self.explain(e))
    }

    /// True when nobody between us and the service can read along.
    pub(crate) fn is_private(&self) -> bool {
        let host = self.uri.host().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        self.uri.scheme_str() == Some("https")
            || host == "localhost"
            || address
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
    }

    fn explain(&self, error: ureq::Error) -> Failure {
        let endpoint = &self.identity.endpoint;
        let why = match error {
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                return Failure::failed(format!(
                    "nothing listens at {endpoint}: start it with `signet serve`, or set SIGNET_ENDPOINT to where it is"
                ));
            }
            ureq::Error::HostNotFound => "its host name has no address".to_owned(),
            ureq::Error::Timeout(_) => "no answer in time".to_owned(),
            // ureq hands on what broke off a handshake inside of an I/O error.
            ureq::Error::Io(error) => match error
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<rustls::Error>())
            {
                Some(error) => {
                    format!("TLS: {error}; SIGNET_CA_FILE names the CA of an endpoint of your own")
                }
                None => error.to_string(),
            },
            other => other.to_string(),
        };
        Failure::failed(format!(
            "{endpoint} cannot be asked ({why}); SIGNET_ENDPOINT says where it is"
        ))
    }
}

fn hex_nonce(bytes: [u8; 8]) -> String {
    format!("{:016x}", u64::from_le_bytes(bytes))
}

/// The `Response` in the envelope, or the error in the `Response`; none when it is no envelope.
fn opened(bytes: &[u8]) -> Option<Result<Answer, Failure>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Envelope {
        response: Box<RawValue>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Refused {
        error: ErrorObject,
        request_id: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct ErrorObject {
        code: String,
        message: String,
    }
    let Envelope { response } = serde_json::from_slice(bytes).ok()?;
    Some(match serde_json::from_str::<Refused>(response.get()) {
        Ok(refused) => Err(Failure::Refused(Refusal {
            code: refused.error.code,
            message: refused.error.message,
            request_id: refused.request_id,
            response: response.get().to_owned(),
        })),
        Err(_) => Ok(Answer(response)),
    })
}

fn endpoint(text: &str) -> Result<Uri, Failure> {
    let uri: Option<Uri> = text.parse().ok();
    uri.filter(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some_and(|whole| !whole.as_str().contains('@'))
            && matches!(uri.path(), "" | "/")
            && uri.query().is_none()
    })
    .ok_or_else(|| {
        Failure::failed(format!(
            "the endpoint `{text}` is not a URL like http://127.0.0.1:7780 or https://signet.example.com"
        ))
    })
}

/// Trusts the named CA alone, or else what this system trusts.
fn tls(ca_file: Option<&Path>) -> Result<TlsConfig, Failure> {
    let roots = match ca_file {
        None => RootCerts::PlatformVerifier,
        Some(path) => {
            let failed = |why: String| Failure::failed(format!("{}: {why}", path.display()));
            let pem = fs::read(path).map_err(|e| failed(e.to_string()))?;
            let certificates: Vec<Certificate<'static>> = parse_pem(&pem)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(certificate),
                    _ => None,
                })
                .collect();
            if certificates.is_empty() {
                return Err(failed("it holds no certificate in PEM".to_owned()));
            }
            RootCerts::new_with_certs(&certificates)
        }
    };
    Ok(TlsConfig::builder()
        .root_certs(roots)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}
