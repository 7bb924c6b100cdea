use std::time::Duration;

use ca::key::KeyKind;
use pem_rfc7468::{LineEnding, encode_string};
use ring::digest::{SHA256, digest};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use wire::agent::{ENROL, EnrolRequest, Enrolled, Token};

use crate::ambient::system_clock;
use crate::certificate::{CertificateError, Chain, check_roots};
use crate::control::{self, Address, ControlError, Link, TlsError};
use crate::files::FileError;
use crate::identity::{Identity, IdentityError};
use crate::key::{self, KeyError};
use crate::state::{State, StateError};
use crate::{VERSION, host_name};

/// How long the control plane may take to answer.
const LIMIT: Duration = Duration::from_secs(30);

/// Why an agent could not enrol. What was there before is there still.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnrolError {
    #[error(
        "this agent is enrolled already, as {agent_id} for {node}, at {server}; --force replaces that"
    )]
    Enrolled {
        agent_id: String,
        node: String,
        server: Address,
    },
    #[error(
        "{0}\nA token can be used once and for a short time: make a new one on the control plane."
    )]
    Refused(ControlError),
    #[error(transparent)]
    Control(ControlError),
    #[error("the control plane's answer cannot be used: {0}")]
    Answer(#[from] CertificateError),
    #[error(
        "the control plane's answer cannot be used: the root that the token names is not among its roots"
    )]
    OtherRoot,
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    File(#[from] FileError),
}

/// Makes a key, gets a certificate for it by the token, and stores who the agent is from now on.
///
/// # Errors
/// [`EnrolError`]
pub(crate) async fn enrol(
    state: &State,
    server: Address,
    token: Token,
    force: bool,
) -> Result<Identity, EnrolError> {
    if !force {
        refuse_enrolled(state)?;
    }
    let made = key::make(KeyKind::EcdsaP256, &host_name())?;
    let root = *token.root();
    let request = EnrolRequest {
        token,
        csr: made.csr,
        hostname: host_name(),
        version: VERSION.to_owned(),
    };
    let mut link = Link::new(server.clone(), control::for_enrolment(root));
    let enrolled: Enrolled = link
        .ask(ENROL, &request, LIMIT)
        .await
        .map_err(|e| match e {
            ControlError::Refused { .. } => EnrolError::Refused(e),
            other => EnrolError::Control(other),
        })?;
    let identity = Identity {
        server,
        agent_id: enrolled.agent_id,
        node: enrolled.node,
        certificate: enrolled.certificate,
        roots: enrolled.roots,
        key: made.key.to_pem(),
    };
    let pinned = check(&identity, &made.key.public_key_der(), root)?;
    check_roots(&pinned, &identity.roots, &enrolled.vouchers, system_clock())?;
    identity.store(state)?;
    Ok(identity)
}

/// A damaged identity is none.
fn refuse_enrolled(state: &State) -> Result<(), EnrolError> {
    match Identity::load(state) {
        Ok(Identity {
            agent_id,
            node,
            server,
            ..
        }) => Err(EnrolError::Enrolled {
            agent_id,
            node,
            server,
        }),
        Err(IdentityError::File(e)) => Err(e.into()),
        Err(IdentityError::NotEnrolled | IdentityError::Damaged { .. }) => Ok(()),
    }
}

/// What is stored must be usable: for TLS, with the key, and at the same control plane. Answers the root that the token names, in PEM.
fn check(identity: &Identity, public_key: &[u8], root: [u8; 32]) -> Result<String, EnrolError> {
    Chain::from_pem(&identity.certificate)?
        .facts()?
        .check_key(public_key)?;
    control::for_identity(identity)?;
    let mut roots =
        CertificateDer::pem_slice_iter(identity.roots.as_bytes()).filter_map(Result::ok);
    let pinned = roots.find(|der| digest(&SHA256, der).as_ref() == root);
    let pinned = pinned.ok_or(EnrolError::OtherRoot)?;
    Ok(encode_string("CERTIFICATE", LineEnding::LF, &pinned).map_err(TlsError::because)?)
}
