//! The embedded gateway: HTTP/1.1 on loopback around a chain of filters.

pub mod client;
