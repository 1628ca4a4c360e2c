// error[E0599]: no method named `set_path` found for mutable reference `&mut ResponseHeaders` in the current scope
use tamis::ResponseHeaders;

pub fn response_headers(response: &mut ResponseHeaders) {
    let _ = response.set_path(b"/");
}
