// error[E0596]: cannot borrow data in a `&` reference as mutable
use tamis::{HeaderMap, HeaderName, Log};

const X_LATE: HeaderName = HeaderName::from_static("x-late");

pub fn log(log: &Log) {
    let _ = log.response_headers().set(&X_LATE, b"no");
}
