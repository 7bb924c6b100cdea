//! What goes on by itself.

pub mod prober;

pub mod tasks;

pub mod drivers;

pub mod agents;

pub mod background;

pub mod issuing;
pub mod names;

pub mod succession;

pub mod enrolment;

pub mod renewal;

pub mod retention;

pub mod witness;

mod faults;
