//! `OpenSSL`: switches SSL on.

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::api::switching::{self, Input, Output};
use crate::state::task::Kind;

/// The action.
pub struct OpenSsl;

impl Action for OpenSsl {
    const SPEC: Spec = Spec {
        name: "OpenSSL",
        product: Product::Cdb,
        summary: "Switches SSL on for an instance or a read-only group: every node gets a certificate that clients can verify, and is seen serving it. Calling it where SSL is on already changes nothing and succeeds.",
        limit: 20,
        effect: Effect::Writes,
        errors: &switching::ERRORS,
    };
    type Input = Input;
    type Output = Output;

    async fn call(input: Input, context: &Context) -> Result<Output, ApiError> {
        switching::start(context, &input, Kind::Open).await
    }
}
