// error[E0308]: mismatched types
use tamis::{LateOutcome, Response};

pub fn response_body() -> LateOutcome {
    LateOutcome::Respond(Response::new(403))
}
