use serde_json::{Map, Value};

use crate::Refusal;

pub mod dotted;
pub(crate) mod json;
pub(crate) mod multipart;

/// The business parameters of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// The parameters by name, nested ones as JSON objects and arrays whatever carried them.
    pub map: Map<String, Value>,
    /// They came as text (query string, form, multipart), so that a number or a boolean is still a string.
    pub text: bool,
}

/// How deep parameters may be nested. The vendor's deepest structures have five levels.
pub const MAX_DEPTH: usize = 16;
/// How many values a call may bring, nested ones counted. A value takes two bytes on the wire and up to 700 in memory.
pub const MAX_VALUES: usize = 65_536;

fn too_deep() -> Refusal {
    Refusal::malformed_parameters(format!(
        "The parameters are nested more than {MAX_DEPTH} levels deep."
    ))
}

fn too_many() -> Refusal {
    Refusal::malformed_parameters(format!(
        "The request has more than {MAX_VALUES} parameter values."
    ))
}
