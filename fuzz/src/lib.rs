//! Everything that reads bytes from outside, as fuzz targets.
//!
//! A target takes any bytes and panics when something is wrong: the parser itself panicked, or one of its properties does not hold
//! (what is printed is read back as the same, an unsigned request never verifies, a password is not sent where it could be read).
//!
//! [`TARGETS`] names each target once. The runner (`cargo run -p fuzz`) mutates the inputs of `corpus/` on stable Rust; `libfuzzer/` runs
//! the same targets under cargo-fuzz.

/// Certificates, keys and certificate requests.
mod certificates;
/// What the service reads from its disk and its operator: documents, configuration, IDs; and certificate links.
mod documents;
/// The mutations of the runner.
pub mod mutation;
/// Requests of the API.
mod requests;
/// What database servers send.
mod servers;
/// Tokens, messages and names.
mod texts;

/// A parser under test.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder in `corpus/`.
    pub name: &'static str,
    /// Feeds it any bytes. Panics when a property does not hold.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "agent_message",
        run: texts::agent_message,
    },
    Target {
        name: "certificate_link",
        run: documents::certificate_link,
    },
    Target {
        name: "certificates",
        run: certificates::served,
    },
    Target {
        name: "configuration",
        run: documents::configuration,
    },
    Target {
        name: "csr",
        run: certificates::csr,
    },
    Target {
        name: "document",
        run: documents::document,
    },
    Target {
        name: "dotted",
        run: requests::dotted,
    },
    Target {
        name: "enrolment_token",
        run: texts::enrolment_token,
    },
    Target {
        name: "form",
        run: requests::form,
    },
    Target {
        name: "greeting",
        run: servers::greeting,
    },
    Target {
        name: "id",
        run: documents::id,
    },
    Target {
        name: "json",
        run: requests::json,
    },
    Target {
        name: "login",
        run: servers::login,
    },
    Target {
        name: "multipart",
        run: requests::multipart,
    },
    Target {
        name: "old_tls",
        run: servers::old_tls,
    },
    Target {
        name: "pasted",
        run: requests::pasted,
    },
    Target {
        name: "pem",
        run: certificates::pem,
    },
    Target {
        name: "private_key",
        run: certificates::private_key,
    },
    Target {
        name: "request",
        run: requests::request,
    },
    Target {
        name: "sql_answer",
        run: servers::sql_answer,
    },
    Target {
        name: "subject_name",
        run: texts::subject_name,
    },
    Target {
        name: "target",
        run: texts::target,
    },
];

/// Runs the target with this name once.
///
/// # Panics
/// When there is no such target, or a property does not hold.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("the target is in the table").run)(data);
}
