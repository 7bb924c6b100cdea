//! A request: envelope → gate → parameters → action → answer.

/// The straight line of a request.
pub mod call;

/// Signature, permission, rate.
pub mod gate;

/// The regions that are served.
pub mod region;

/// The rate limit.
pub mod limiter;

/// What an action is asked of.
pub mod subject;

/// What the registering actions have in common.
pub mod registration;

/// `Offset` and `Limit`.
pub mod paging;

/// Dates as texts.
pub mod dates;

/// What an action is.
pub mod action;

/// The shape of an action's parameters.
pub mod shape;

/// The table of actions at run time.
pub mod table;

/// The actions, one file each.
pub mod actions;

/// What is published of the table: the contract and the reference.
pub mod contract;

/// A failed request.
pub mod error;
