//! The crate from outside: documents, official clients, their oddities, bad input.

mod captures;
mod received;
mod vectors;
