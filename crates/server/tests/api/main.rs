//! The API as a caller sees it: a real service, real HTTP, real signatures. The database servers here are fakes of the lab's,
//! so that they can misbehave; `e2e/` asks the same of real ones with the official clients.

mod agents;
mod bad_requests;
mod certificates;
mod console;
mod fleet;
mod http;
mod keys;
mod refused;
mod restart;
mod revocations;
mod ssl_status;
mod stored_secrets;
mod succession;
mod support;
mod switching;
mod table;
