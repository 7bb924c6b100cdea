//! Java KeyStore, version 2, with trusted-certificate entries only.
//!
//! The format has no standard; OpenJDK's `sun.security.provider.JavaKeyStore` defines it. All integers are
//! big-endian:
//!
//! ```text
//! FEEDFEED  version=2  number of entries
//!   each:   tag=2 (trusted certificate)  alias  created (ms, u64)  "X.509"  length, DER
//! SHA-1 of: password in UTF-16  "Mighty Aphrodite"  everything above
//! ```
//!
//! Strings have a two-byte length. The digest only detects damage: Java asks for no more, and the
//! certificates are public.

use super::{Anchor, STORE_PASSWORD, alias};
use sha1::{Digest, Sha1};
use std::num::TryFromIntError;

const MAGIC: u32 = 0xFEED_FEED;
const VERSION: u32 = 2;
const TRUSTED_CERTIFICATE: u32 = 2;

pub(super) fn write(anchors: &[Anchor]) -> Result<Vec<u8>, TryFromIntError> {
    let mut out = Vec::new();
    out.extend(MAGIC.to_be_bytes());
    out.extend(VERSION.to_be_bytes());
    out.extend(u32::try_from(anchors.len())?.to_be_bytes());
    for (index, anchor) in anchors.iter().enumerate() {
        out.extend(TRUSTED_CERTIFICATE.to_be_bytes());
        string(&mut out, &alias(index))?;
        // Java wants to know when the entry was made. No clock here, so: when the certificate began.
        out.extend(anchor.not_before.saturating_mul(1000).to_be_bytes());
        string(&mut out, "X.509")?;
        out.extend(u32::try_from(anchor.der.len())?.to_be_bytes());
        out.extend(&anchor.der);
    }
    let digest = digest(&out);
    out.extend(digest);
    Ok(out)
}

/// ASCII only, where Java's modified UTF-8 is plain UTF-8.
fn string(out: &mut Vec<u8>, text: &str) -> Result<(), TryFromIntError> {
    out.extend(u16::try_from(text.len())?.to_be_bytes());
    out.extend(text.as_bytes());
    Ok(())
}

fn digest(content: &[u8]) -> [u8; 20] {
    let password: Vec<u8> = STORE_PASSWORD
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    Sha1::new()
        .chain_update(password)
        .chain_update("Mighty Aphrodite")
        .chain_update(content)
        .finalize()
        .into()
}
