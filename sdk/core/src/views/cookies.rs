//! The cookies of a request.

/// The cookies of one `cookie` line.
///
/// ```
/// use tamis_core::views::Cookies;
///
/// let line = Cookies::new(b"a=1; canary=\"always\"; a=2");
/// assert_eq!(line.get_all(b"a").collect::<Vec<_>>(), [b"1", b"2"]);
/// assert_eq!(line.get_all(b"canary").next().unwrap(), b"always");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cookies<'a>(&'a [u8]);

impl<'a> Cookies<'a> {
    /// Takes the value of a `cookie` header apart. Any bytes will do.
    #[must_use]
    pub fn new(line: &'a [u8]) -> Self {
        Self(line)
    }

    /// Every cookie as a name and a value, in order, without the white space around them, and otherwise as they were
    /// sent: quotes stay. What has no `=` is a value without a name. Empty parts are left out.
    pub fn pairs(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.0.split(|byte| *byte == b';').map(super::trim).filter(|part| !part.is_empty()).map(
            |part| match super::cut(part, b'=') {
                (name, Some(value)) => (super::trim(name), super::trim(value)),
                (value, None) => (b"".as_slice(), value),
            },
        )
    }

    /// Every value of the cookie `name`, in order, without the quotes around it. Names are compared with their case.
    pub fn get_all<'n>(&self, name: &'n [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.pairs().filter(move |(key, _)| *key == name).map(|(_, value)| unquoted(value))
    }
}

/// Every value of the cookie `name` over all `cookie` lines of a request, in order.
///
/// A client can send one name twice, in one line or in two. Servers differ in which one they take, so a decision that
/// matters looks at all of them.
///
/// ```
/// let lines = [b"a=1; b=2".as_slice(), b"a=3"];
/// assert_eq!(tamis_core::views::cookies(lines, b"a").collect::<Vec<_>>(), [b"1", b"3"]);
/// ```
pub fn cookies<'a>(lines: impl IntoIterator<Item = &'a [u8]>, name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    lines.into_iter().flat_map(move |line| Cookies::new(line).get_all(name))
}

fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] => inner,
        _ => value,
    }
}
