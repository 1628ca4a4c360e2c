// error[E0061]: this function takes 1 argument but 2 arguments were supplied
use tamis::{BodyMode, OverLimit};

pub fn mode() -> BodyMode {
    BodyMode::in_host(1024, OverLimit::Pass)
}
