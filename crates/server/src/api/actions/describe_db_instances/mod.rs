//! `DescribeDBInstances`: the instances, primary and read-only, with filters, order and pages.
//!
//! The vendor's list has many fields about its own cloud; what has no meaning for servers of one's own is there, and 0 or
//! empty. Nothing in it tells about SSL: `DescribeSSLStatus` does, and `DescribeFleet` for all at once.

mod filter;
mod input;
mod item;
mod order;
mod row;
mod show;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Serialize;
use wire::{Code, Language};

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::api::paging;

use filter::Filter;
pub use input::Input;
pub use item::InstanceInfo;
use order::Order;
use show::Show;

/// How many items one answer has when the caller does not say.
const USUAL_PAGE: i64 = 20;
/// How many items one answer has at most.
const LARGEST_PAGE: i64 = 2000;

/// The action.
pub struct DescribeDbInstances;

/// A page of the instances.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Output {
    /// How many there are that fit the filters.
    total_count: usize,
    /// The page.
    items: Vec<InstanceInfo>,
}

impl Action for DescribeDbInstances {
    const SPEC: Spec = Spec {
        name: "DescribeDBInstances",
        product: Product::Cdb,
        summary: "Lists instances, primary and read-only. Filters combine; a page has 20 instances by default.",
        limit: 100,
        effect: Effect::Reads,
        errors: &[
            Code::AuthFailure,
            Code::CdbError,
            Code::InternalErrorCdbError,
            Code::InternalErrorDatabaseAccessError,
            Code::InternalErrorDbOperationError,
            Code::InternalErrorDesError,
            Code::InternalErrorInternalHttpServerError,
            Code::InternalErrorInternalServiceErrorErr,
            Code::InternalErrorUndefinedError,
            Code::InternalErrorUnknownError,
            Code::InvalidParameter,
            Code::InvalidParameterExceptionParam,
            Code::InvalidParameterInstanceNotFound,
            Code::InvalidParameterValueDataConvertError,
            Code::InvalidParameterValueInvalidParameterValueError,
            Code::OperationDeniedUserHasNoStrategy,
            Code::OperationDeniedWrongStatus,
            Code::UnsupportedOperation,
        ],
    };
    type Input = Input;
    type Output = Output;

    async fn call(input: Input, context: &Context) -> Result<Output, ApiError> {
        let page = paging::window(input.offset, input.limit, USUAL_PAGE, LARGEST_PAGE)
            .map_err(|error| invalid_value(error.message(Language::EnUs).into_owned()))?;
        let order = Order::parse(&input.order_by, &input.order_direction)?;
        let show = Show::new(&context.service, input.query_cluster_info);
        let filter = Filter::parse(input)?;

        let mut rows = filter.rows(&context.service.catalog, context.account);
        order.sort(&mut rows);
        Ok(Output {
            total_count: rows.len(),
            items: page.of(&rows).iter().map(|row| show.item(row)).collect(),
        })
    }
}

/// The code that the vendor documents here for what is `InvalidParameterValue` elsewhere.
fn invalid_value(message: String) -> ApiError {
    ApiError::new(
        Code::InvalidParameterValueInvalidParameterValueError,
        message,
    )
}

fn invalid(parameter: &str, why: &str) -> ApiError {
    invalid_value(format!(
        "The value of parameter `{parameter}` is not valid: {why}."
    ))
}
