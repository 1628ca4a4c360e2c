// error[E0080]: evaluation panicked: a constant header name is in lower case
use tamis::HeaderName;

pub const X_A: HeaderName = HeaderName::from_static("X-A");
