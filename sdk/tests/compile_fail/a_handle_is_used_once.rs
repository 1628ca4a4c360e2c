// error[E0382]: use of moved value: `handle`
use tamis::RequestHandle;

pub fn tick(handle: RequestHandle) {
    let _ = handle.resume();
    let _ = handle.resume();
}
