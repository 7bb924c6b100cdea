//! API 3.0 on the wire: bytes → [`parse`] → [`Envelope`] → proof verified → [`Parameters`] → … → [`answer`].
//!
//! Pure functions: no I/O, no clock, no async. The time is an argument wherever it matters, and every secret is
//! handed in. The server and the command line share this crate, so that what one signs the other verifies.

/// A request as it came, and the envelope read from it: what is called, by whom, when, with what proof.
pub mod envelope;

/// `TC3-HMAC-SHA256`, the signature of API 3.0: verify, explain, sign.
pub mod tc3;

/// The older signature over sorted parameters, `HmacSHA1` and `HmacSHA256`: verify, explain, sign.
pub mod v1;

/// Every step of a signature, for whoever computes his own beside it.
pub mod explain;

/// Why is a signature wrong? The known mistakes, tried one by one.
pub mod doctor;

/// Business parameters from whatever carried them: JSON, multipart, query string, form.
pub mod parameters;

/// SecretId and SecretKey as types.
pub mod secret;

/// The error codes, in the vendor's spelling.
pub mod code;

/// A refused request: a code and a sentence in each language.
pub mod refusal;

/// The language that a caller asked for.
pub mod language;

/// The answer envelope and the RequestId.
pub mod answer;

/// The other protocol: what the agent on a database host and the control plane say to each other.
pub mod agent;

mod form;
mod headers;
mod hex;
mod host;
mod ids;

pub use answer::{CONTENT_TYPE, RequestId};
pub use code::Code;
pub use envelope::{Envelope, Proof, Request, is_form, language, parse, secret_id};
pub use language::Language;
pub use parameters::Parameters;
pub use refusal::Refusal;
pub use secret::{SecretId, SecretKey};
