//! `CloseSSL`: switches SSL off.

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::api::subject::Named;
use crate::api::switching::{self, Output};
use crate::state::task::Kind;

/// The action.
pub struct CloseSsl;

impl Action for CloseSsl {
    const SPEC: Spec = Spec {
        name: "CloseSSL",
        product: Product::Cdb,
        summary: "Switches SSL off for an instance or a read-only group. Calling it where SSL is off already changes nothing and succeeds.",
        limit: 20,
        effect: Effect::Writes,
        errors: &switching::ERRORS,
    };
    type Input = Named;
    type Output = Output;

    async fn call(named: Named, context: &Context) -> Result<Output, ApiError> {
        switching::start(context, &named, Kind::Close).await
    }
}
