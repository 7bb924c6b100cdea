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

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use tokio::task::spawn_blocking;
use wire::{Code, Language};

use crate::api::action::{Action, Context, Effect, Product, Spec};
use crate::api::error::ApiError;
use crate::api::paging::{self, Window};
use crate::service::Service;
use crate::state::ids::Account;

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
        let query = Query {
            order: Order::parse(&input.order_by, &input.order_direction)?,
            with_cluster_nodes: input.query_cluster_info,
            filter: Filter::parse(input)?,
            page,
        };
        let (service, account) = (Arc::clone(&context.service), context.account);
        if query.filter.looks_at_all() {
            // Tens of milliseconds for 100,000 instances: too long for a thread that others wait for.
            let answer = spawn_blocking(move || query.answer(&service, account)).await;
            answer.map_err(ApiError::internal)
        } else {
            Ok(query.answer(&service, account))
        }
    }
}

/// The parameters, read.
struct Query {
    filter: Filter,
    order: Order,
    page: Window,
    with_cluster_nodes: bool,
}

impl Query {
    fn answer(&self, service: &Service, account: Account) -> Output {
        let show = Show::new(service, self.with_cluster_nodes);
        let mut rows = self.filter.rows(&service.catalog, account);
        self.order.sort(&mut rows);
        let page = self.page.of(&rows);
        Output {
            total_count: rows.len(),
            items: page.iter().map(|row| show.item(row)).collect(),
        }
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
