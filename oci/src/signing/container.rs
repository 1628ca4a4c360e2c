//! Keys as cosign writes them: PKCS #8 in NaCl's secretbox, under a key that scrypt makes of a password.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poly1305::universal_hash::KeyInit as _;
use poly1305::{Key as MacKey, Poly1305};
use salsa20::XSalsa20;
use salsa20::cipher::{KeyIvInit as _, StreamCipher as _};
use scrypt::Params;
use serde::Deserialize;

use super::key::KeyError;

/// The labels of such a block, the newer one first.
pub(super) const LABELS: [&str; 2] = ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"];

/// 2^17 blocks of 8 times 128 bytes are 128 MiB; cosign asks for half of that.
const MAX_LOG_N: u32 = 17;
const MAX_R: u32 = 8;
const MAX_P: u32 = 4;
const TAG: usize = 16;

#[derive(Deserialize)]
struct Container {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Kdf {
    name: String,
    params: Cost,
    salt: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Cost {
    n: u64,
    #[serde(rename = "r")]
    r: u32,
    #[serde(rename = "p")]
    p: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// Opens such a block.
pub(super) fn open(packed: &[u8], password: &[u8]) -> Result<Vec<u8>, KeyError> {
    let damaged = KeyError::Damaged;
    let container: Container = serde_json::from_slice(packed).map_err(|_| damaged("it is not what cosign writes"))?;
    if container.kdf.name != "scrypt" || container.cipher.name != "nacl/secretbox" {
        return Err(damaged("it is encrypted in another way than cosign does it"));
    }
    let bytes = |text: &str| STANDARD.decode(text).map_err(|_| damaged("a part of it is not base64"));
    let (salt, nonce, sealed) =
        (bytes(&container.kdf.salt)?, bytes(&container.cipher.nonce)?, bytes(&container.ciphertext)?);
    let nonce: [u8; 24] = nonce.try_into().map_err(|_| damaged("its nonce has another length"))?;
    let key = derive(&container.kdf.params, password, &salt)?;
    unseal(&key, &nonce, &sealed).ok_or(KeyError::WrongPassword)
}

fn derive(cost: &Cost, password: &[u8], salt: &[u8]) -> Result<[u8; 32], KeyError> {
    let log_n = cost.n.checked_ilog2().filter(|log| cost.n.is_power_of_two() && (1..=MAX_LOG_N).contains(log));
    let is_bounded = cost.r <= MAX_R && cost.p <= MAX_P;
    let params = log_n.filter(|_| is_bounded).and_then(|log| Params::new(u8::try_from(log).ok()?, cost.r, cost.p).ok());
    let params = params.ok_or(KeyError::Damaged("it asks for more work than any honest key does"))?;
    let mut key = [0; 32];
    scrypt::scrypt(password, salt, &params, &mut key).map_err(|_| KeyError::Damaged("its parameters do not fit"))?;
    Ok(key)
}

/// The first block of the stream makes the key of the tag, the message is enciphered with what follows.
fn unseal(key: &[u8; 32], nonce: &[u8; 24], sealed: &[u8]) -> Option<Vec<u8>> {
    let (tag, hidden) = sealed.split_at_checked(TAG)?;
    let mut stream = XSalsa20::new(key.into(), nonce.into());
    let mut mac_key = [0; 32];
    stream.apply_keystream(&mut mac_key);
    let computed = Poly1305::new(&MacKey::from(mac_key)).compute_unpadded(hidden);
    // A file of one's own, opened by hand: nobody measures how long this takes.
    if computed.as_slice() != tag {
        return None;
    }
    let mut opened = hidden.to_vec();
    stream.apply_keystream(&mut opened);
    Some(opened)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_bounded() {
        for (n, r, p) in [(0, 8, 1), (3, 8, 1), (1 << 18, 8, 1), (1 << 16, 9, 1), (1 << 16, 8, 5), (1 << 40, 1, 1)] {
            assert!(derive(&Cost { n, r, p }, b"", b"").is_err(), "{n} {r} {p}");
        }
        assert!(derive(&Cost { n: 2, r: 1, p: 1 }, b"", b"").is_ok());
    }

    #[test]
    fn a_box_that_is_too_short_does_not_open() {
        assert_eq!(unseal(&[0; 32], &[0; 24], b"short"), None);
    }
}
