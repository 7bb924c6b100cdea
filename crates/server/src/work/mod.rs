//! What goes on by itself.

pub mod prober;

pub mod peers;

pub mod tasks;

pub mod drivers;

pub mod agents;

pub mod auditing;

pub mod background;

pub mod disk;

pub mod issuing;
pub mod names;

pub mod succession;

pub mod enrolment;

pub mod renewal;

pub mod retention;

pub mod witness;

mod faults;
