//! `OpenSSL`: switches SSL on.

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::api::subject::Named;
use crate::api::switching::{self, Output};
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
    type Input = Named;
    type Output = Output;

    async fn call(named: Named, context: &Context) -> Result<Output, ApiError> {
        switching::start(context, &named, Kind::Open).await
    }
}
