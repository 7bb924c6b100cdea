//! The marks that tell certificates of one authority apart by role: a URI among the subject's alternative names.
//!
//! A database's certificate has no mark, so it is neither a control plane's nor an agent's, whatever names it covers.

/// The certificate of the listener that agents connect to.
pub const CONTROL_PLANE: &str = "urn:signet:role:control-plane";

/// The certificate of an agent.
pub const AGENT: &str = "urn:signet:role:agent";

/// The statement of an authority that another root may be trusted as well. `sha256` is that root's, lower-case hexadecimal.
#[must_use]
pub fn voucher(sha256: &str) -> String {
    format!("urn:signet:root:{sha256}")
}
