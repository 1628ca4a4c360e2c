//! What each phase sees.

mod log;
mod request;
mod response;

pub use log::Log;
pub use request::{RequestBody, RequestHeaders, RequestTrailers};
pub use response::{ResponseBody, ResponseHeaders, ResponseTrailers};
