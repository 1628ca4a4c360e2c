//! Byte views, matching and parsing for Tamis filters: no host, no unsafe.
