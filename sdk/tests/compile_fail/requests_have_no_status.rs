// error[E0599]: no method named `status` found for mutable reference `&mut RequestHeaders` in the current scope
use tamis::RequestHeaders;

pub fn request_headers(request: &mut RequestHeaders) {
    let _ = request.status();
}
