//! A filter with state per stream: the response tells which path was asked for.
