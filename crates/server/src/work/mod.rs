//! What goes on by itself.

pub mod prober;
