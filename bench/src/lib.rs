//! The side-by-side measurements, as one program and its helpers.
//!
//! seed a store → start the servers under test → load them in turn → medians of the rounds → one table.
//!
//! Every figure stands beside one that was measured in the same run on the same machine; what is judged are ratios and
//! processor time per request, since rates alone say more about the neighbours of a virtual machine than about a program.

/// A made-up fleet in a real store: instances, observations, certificates.
pub mod seed;

/// Requests as bytes, signed beforehand.
pub mod request;

/// The service as a caller has it.
pub mod caller;

/// The load: one thread, epoll, two system calls a request.
pub mod blast;

/// Programs under test: pinned to a core, watched through `/proc`, ended with us.
pub mod process;

/// What `wire` and `ca` cost, from criterion's own files.
pub mod criterion;

/// The fleet page of the console.
pub mod console;

/// The whole service beside a bare HTTP server and the peer; its start and its memory.
pub mod service;

/// The probe beside `openssl s_client` and the command-line client, and the proof that it is polite.
pub mod probe;

/// Switching TLS on by one call, beside the same by hand.
pub mod switch;

/// Hundreds of instances switched at once, while the service is asked.
pub mod crowd;

/// Medians, and the table that is printed.
pub mod table;
