//! JSON Web Tokens, signed (JWS) or encrypted (JWE).
//!
//! * Source: RFC 7515, RFC 7516, RFC 7519; the names of header parameters are those of IANA's registry for JOSE.
//! * Rule: base64url of `{"` and a header parameter's name and `"` (a bounded beginning of at most 12 bytes), with twenty
//!   letters at least; from there to the last byte of the token, dots among them. Scores 95.
//! * Known misses: a header that begins with white space, or with a parameter that is not registered.

use crate::entity::Candidate;
use crate::open::{Open, is_base64url};
use crate::view::View;

const SCORE: i32 = 95;
/// A token is longer than this, whatever it says.
const LEAST: usize = 20;

/// `{"` and three letters and `"`, in base64: eight bytes each.
/// alg, typ, kid, enc, cty, zip, jku, jwk, x5u, x5c, x5t, epk, apu, apv, iss, sub, aud, b64, url, ver.
const BEGINNINGS: [&[u8; 8]; 20] = [
    b"eyJhbGci",
    b"eyJ0eXAi",
    b"eyJraWQi",
    b"eyJlbmMi",
    b"eyJjdHki",
    b"eyJ6aXAi",
    b"eyJqa3Ui",
    b"eyJqd2si",
    b"eyJ4NXUi",
    b"eyJ4NWMi",
    b"eyJ4NXQi",
    b"eyJlcGsi",
    b"eyJhcHUi",
    b"eyJhcHYi",
    b"eyJpc3Mi",
    b"eyJzdWIi",
    b"eyJhdWQi",
    b"eyJiNjQi",
    b"eyJ1cmwi",
    b"eyJ2ZXIi",
];
/// `"x5t#S256"`, `"crit"`, `"nonce"`: longer names, as far as they are the same whatever follows.
const LONGER: [&[u8]; 3] = [b"eyJ4NXQj", b"eyJjcml0", b"eyJub25j"];

/// A token whose `e` of `eyJ` is at `start`.
#[inline(never)]
pub(crate) fn at(view: &View<'_>, start: usize, floor: usize) -> Option<Candidate> {
    if start < floor || !view.has(start, b"eyJ") || view.before(start, 1).is_some_and(is_base64url) {
        return None;
    }
    if view.run(start, LEAST, is_base64url) < LEAST {
        return None;
    }
    let beginning = view.slice(start..start + 8);
    let known = BEGINNINGS.iter().any(|known| known.as_slice() == beginning) || LONGER.contains(&beginning);
    known.then(|| Candidate::open(start, start + LEAST, SCORE, Open::Dotted))
}
