//! Change the headers of requests and responses.
