use der::asn1::{Any, SetOfVec, Utf8StringRef};
use der::oid::ObjectIdentifier;
use der::{Decode as _, Encode as _};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::name::Name;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// The upper bound that X.520 sets, in characters.
const MAX_CHARS: usize = 64;

/// The text cannot be a common name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a common name has 1 to {MAX_CHARS} characters and no control characters; this has {chars}: `{start}`"
)]
pub struct InvalidCommonName {
    chars: usize,
    start: String,
}

/// A distinguished name that consists of a common name.
pub(crate) fn from_common_name(text: &str) -> Result<Name, InvalidCommonName> {
    let chars = text.chars().count();
    let invalid = || InvalidCommonName {
        chars,
        start: text
            .chars()
            .take(MAX_CHARS)
            .flat_map(char::escape_debug)
            .collect(),
    };
    if !(1..=MAX_CHARS).contains(&chars) || text.chars().any(char::is_control) {
        return Err(invalid());
    }
    encode(text).map_err(|_| invalid())
}

fn encode(text: &str) -> der::Result<Name> {
    let attribute = AttributeTypeAndValue {
        oid: COMMON_NAME,
        value: Any::from(Utf8StringRef::new(text)?),
    };
    let relative = SetOfVec::try_from(vec![attribute])?;
    Name::from_der(&vec![relative].to_der()?)
}
