// error[E0599]: no variant or associated item named `Close` found for enum `LastOutcome` in the current scope
use tamis::LastOutcome;

pub fn response_trailers() -> LastOutcome {
    LastOutcome::Close
}
