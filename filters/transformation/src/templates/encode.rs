//! Base64 and percent-encoding, in a few lines: no table of a library.

/// Base64 with its padding, or for URLs without.
pub fn base64(bytes: &[u8], url: bool) -> String {
    let letter = |six: u32| char::from(letter(u8::try_from(six & 63).unwrap_or(0), url));
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place <= chunk.len() {
                out.push(letter(number >> (18 - 6 * place)));
            } else if !url {
                out.push('=');
            }
        }
    }
    out
}

fn letter(six: u8, url: bool) -> u8 {
    match six {
        0..26 => b'A' + six,
        26..52 => b'a' + (six - 26),
        52..62 => b'0' + (six - 52),
        62 if url => b'-',
        62 => b'+',
        _ if url => b'_',
        _ => b'/',
    }
}

/// What Base64 says, of either alphabet, padded or not; nothing when it is none.
pub fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for chunk in text.chunks(4) {
        let mut number = 0_u32;
        for byte in chunk {
            let six = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' | b'-' => 62,
                b'/' | b'_' => 63,
                _ => return None,
            };
            number = number << 6 | u32::from(six);
        }
        let bytes = match chunk.len() {
            4 => 3,
            3 => 2,
            2 => 1,
            _ => return None,
        };
        let number = number << (6 * (4 - chunk.len()));
        out.extend(number.to_be_bytes().get(1..=bytes)?);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_there_and_back() {
        for (plain, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(plain.as_bytes(), false), encoded);
            assert_eq!(from_base64(encoded.as_bytes()).unwrap(), plain.as_bytes());
        }
        assert_eq!(base64(b"\xfb\xff\xfe", true), "-__-");
        assert_eq!(from_base64(b"-__-").unwrap(), b"\xfb\xff\xfe");
        for bad in ["A", "A*", "====", "Zg==="] {
            assert_eq!(from_base64(bad.as_bytes()), None, "{bad}");
        }
        let all = (0..=255).collect::<Vec<u8>>();
        for length in 0..all.len() {
            for url in [false, true] {
                assert_eq!(from_base64(base64(&all[..length], url).as_bytes()).unwrap(), all[..length]);
            }
        }
    }
}
