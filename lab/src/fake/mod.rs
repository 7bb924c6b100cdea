//! NOT real servers.
