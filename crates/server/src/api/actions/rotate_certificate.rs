//! `RotateCertificate`: gives every node a fresh certificate.

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::api::subject::Named;
use crate::api::switching::{self, Output};
use crate::state::task::Kind;

/// The action.
pub struct RotateCertificate;

impl Action for RotateCertificate {
    const SPEC: Spec = Spec {
        name: "RotateCertificate",
        product: Product::Signet,
        summary: "Gives every node of an instance or a read-only group a fresh certificate of ours, whoever issued the one before. No client loses its connection where the server can load it without a restart.",
        limit: 20,
        effect: Effect::Writes,
        errors: &switching::ERRORS,
    };
    type Input = Named;
    type Output = Output;

    async fn call(named: Named, context: &Context) -> Result<Output, ApiError> {
        switching::start(context, &named, Kind::Rotate).await
    }
}
