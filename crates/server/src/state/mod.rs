//! What is known: the store, the catalog above it, the secrets, the audit log.

/// The names of things.
pub mod ids;

/// The four methods of a store, and the backends.
pub mod store;

/// The documents in the store.
pub mod records;

/// Secrets at rest.
pub mod vault;

/// What the passwords of database accounts are bound to.
pub mod credentials;

/// Which authorities a node is expected to show.
pub mod pins;

/// What a first start of this version has to do for data of an earlier one.
pub mod upgrade;

/// A map that readers use without a lock.
pub mod index;

/// A node and what it last showed.
pub mod node;

/// What `Status` means.
pub mod status;

/// The rate limit.
pub mod rates;

/// Access keys in memory.
pub mod keys;

/// Everything that reads are answered from.
pub mod catalog;

/// Observations in their long form.
pub mod observed;

/// Sessions of the console.
pub mod sessions;

/// The certificate link.
pub mod link;

/// The audit log.
pub mod audit;

/// Budgets in bytes per minute.
pub mod budget;

/// Calls that were refused because of their signature.
pub mod refused;

/// Which signature was used for which action.
pub mod signatures;

/// The answers of writes that may be sent again.
pub mod repeats;

/// Tasks as documents.
pub mod task;

/// Tasks in memory.
pub mod tasks;

/// The documents of the certificate authority.
pub mod pki;

/// The certificate authority in memory.
pub mod authorities;

/// The revocation lists of our authorities.
pub mod revocations;

/// What has SSL.
pub mod subject;

/// What differs from what is expected.
pub mod drift;
