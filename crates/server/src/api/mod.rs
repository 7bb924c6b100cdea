//! A request: envelope → gate → parameters → action → answer.

/// The straight line of a request.
pub mod call;

/// What can be refused before the body is read.
pub mod preflight;

/// Signature, permission, rate.
pub mod gate;

/// The regions that are served.
pub mod region;

/// What an action is asked of.
pub mod subject;

/// What the registering actions have in common.
pub mod registration;

/// What the actions that change servers have in common.
pub mod switching;

/// `Offset` and `Limit`.
pub mod paging;

/// Dates as texts.
pub mod dates;

/// What the vendor's lists show of what we know.
pub mod vendor_view;

/// An RO group as the vendor's lists show it.
pub mod ro_groups;

/// Every instance and RO group at a glance.
pub mod fleet;

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

/// A running service for the tests of actions.
#[cfg(test)]
pub(crate) mod testing;
