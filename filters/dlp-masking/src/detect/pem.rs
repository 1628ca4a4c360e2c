//! Private keys in PEM.
//!
//! * Source: RFC 7468, RFC 1421; OpenSSH's and OpenPGP's own labels.
//! * Rule: `-----BEGIN `, a label of at most 40 bytes that ends with `PRIVATE KEY` or `PRIVATE KEY BLOCK`, `-----`; from there to
//!   the end of the line `-----END ...-----`, or to the first byte that no such block has. Scores 100.
//! * Known misses: keys without their lines; in DER; PuTTY's own format. Certificates and public keys are left alone.

use crate::entity::Candidate;
use crate::open::Open;
use crate::view::View;

const SCORE: i32 = 100;
const BEGIN: &[u8] = b"-----BEGIN ";
/// The longest label, in bytes.
const LABEL: usize = 40;

/// A key whose last two dashes before `BEGIN` are at `at`.
#[inline(never)]
pub(crate) fn at(view: &View<'_>, at: usize, floor: usize) -> Option<Candidate> {
    let start = at.checked_sub(3).filter(|start| *start >= floor)?;
    if !view.has(start, BEGIN) {
        return None;
    }
    let label = start + BEGIN.len();
    let length = view.run(label, LABEL, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ');
    let text = view.slice(label..label + length);
    let end = label + length + 5;
    let private = text.ends_with(b"PRIVATE KEY") || text.ends_with(b"PRIVATE KEY BLOCK");
    (private && view.has(label + length, b"-----"))
        .then(|| Candidate::open(start, end, SCORE, Open::Pem { matched: 0 }))
}
