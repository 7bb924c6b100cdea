//! PKCS#7 / CMS `SignedData` (RFC 5652 §5.1) without content and without signers: the usual way to hand
//! certificates to Windows.
//!
//! In DER, not in PEM. Windows reads both and the vendor does not say which it sends; DER is what the
//! media type `application/x-pkcs7-certificates` stands for.
//!
//! The certificates are a SET, which DER orders by their bytes: this format alone does not keep their order.

use super::Anchor;
use der::asn1::{ObjectIdentifier, SetOfVec};
use der::{Any, Decode, Encode, Sequence};

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");

pub(super) fn write(anchors: &[Anchor]) -> der::Result<Vec<u8>> {
    let certificates = anchors
        .iter()
        .map(|anchor| Any::from_der(&anchor.der))
        .collect::<der::Result<Vec<_>>>()?;
    let signed_data = SignedData {
        version: 1,
        digest_algorithms: SetOfVec::new(),
        content: NoContent { content_type: DATA },
        certificates: SetOfVec::try_from(certificates)?,
        signers: SetOfVec::new(),
    };
    ContentInfo {
        content_type: SIGNED_DATA,
        content: signed_data,
    }
    .to_der()
}

#[derive(Sequence)]
struct ContentInfo {
    content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    content: SignedData,
}

#[derive(Sequence)]
struct SignedData {
    version: u8,
    digest_algorithms: SetOfVec<Any>,
    content: NoContent,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", constructed = "true")]
    certificates: SetOfVec<Any>,
    signers: SetOfVec<Any>,
}

/// `EncapsulatedContentInfo` with its optional content left out.
#[derive(Sequence)]
struct NoContent {
    content_type: ObjectIdentifier,
}
