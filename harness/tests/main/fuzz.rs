//! Bytes, modules and calls that nobody wrote.

mod bytes;
mod guests;

use tamis_fuzz::arbitrary::{Result, Unstructured};

/// Changes a few bytes: some replaced, some put in, some taken out, or the rest cut off.
fn changed(u: &mut Unstructured<'_>, original: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = original.to_vec();
    for _ in 0..u.int_in_range(1..=6)? {
        let at = u.choose_index(bytes.len().max(1))?;
        match u.int_in_range(0..=4)? {
            0 => bytes.truncate(at),
            1 => drop(bytes.splice(at..at, u.arbitrary::<[u8; 3]>()?)),
            2 => drop(bytes.drain(at..(at + 4).min(bytes.len()))),
            // What stands elsewhere in it is likelier to mean something than chance.
            3 => {
                let from = u.choose_index(bytes.len().max(1))?;
                let piece = bytes.get(from..(from + 12).min(bytes.len())).unwrap_or_default().to_vec();
                drop(bytes.splice(at..at, piece));
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = u.arbitrary()?;
                }
            }
        }
    }
    Ok(bytes)
}
