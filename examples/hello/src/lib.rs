//! The smallest filter: one response header.
