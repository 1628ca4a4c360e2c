//! A request that is asked by many rules.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::IpAddr;

use super::Subject;
use crate::HeaderName;
use crate::views::{Authority, RequestPath};

/// A request whose path, host and source are looked at once, however many rules ask for them. Headers are the subject's own: what
/// is asked must not change meanwhile, which the borrow sees to.
#[derive(Debug)]
pub struct Remembered<'s, S> {
    subject: &'s S,
    path: OnceCell<RequestPath<'s>>,
    authority: OnceCell<Option<Authority<'s>>>,
    source: OnceCell<Option<IpAddr>>,
}

impl<'s, S> Remembered<'s, S> {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(subject: &'s S) -> Self {
        Self { subject, path: OnceCell::new(), authority: OnceCell::new(), source: OnceCell::new() }
    }
}

impl<S: Subject> Subject for Remembered<'_, S> {
    type Error = S::Error;

    fn method(&self) -> Result<Option<&[u8]>, S::Error> {
        self.subject.method()
    }

    fn authority(&self) -> Result<Option<&[u8]>, S::Error> {
        self.subject.authority()
    }

    fn path(&self) -> Result<Option<&[u8]>, S::Error> {
        self.subject.path()
    }

    fn values(&self, name: &HeaderName) -> Result<impl Iterator<Item = &[u8]>, S::Error> {
        self.subject.values(name)
    }

    fn source(&self) -> Result<Option<IpAddr>, S::Error> {
        remembered(&self.source, || self.subject.source())
    }

    fn attribute(&self, name: &str) -> Result<Option<Cow<'_, [u8]>>, S::Error> {
        self.subject.attribute(name)
    }

    fn parsed_path(&self) -> Result<RequestPath<'_>, S::Error> {
        remembered(&self.path, || self.subject.parsed_path())
    }

    fn parsed_authority(&self) -> Result<Option<Authority<'_>>, S::Error> {
        remembered(&self.authority, || self.subject.parsed_authority())
    }
}

/// What was asked before, or the answer; a failure is no answer.
fn remembered<T: Copy, E>(cell: &OnceCell<T>, ask: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    match cell.get() {
        Some(known) => Ok(*known),
        None => ask().map(|answer| *cell.get_or_init(|| answer)),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::matching::Request;

    /// Counts the questions that cost a host call, and refuses the first.
    struct Costly(Request, Cell<u32>);

    impl Subject for Costly {
        type Error = &'static str;

        fn method(&self) -> Result<Option<&[u8]>, &'static str> {
            Ok(Some(&self.0.method))
        }

        fn authority(&self) -> Result<Option<&[u8]>, &'static str> {
            Ok(Some(&self.0.authority))
        }

        fn path(&self) -> Result<Option<&[u8]>, &'static str> {
            Ok(Some(&self.0.path))
        }

        fn values(&self, _: &HeaderName) -> Result<impl Iterator<Item = &[u8]>, &'static str> {
            Ok(std::iter::empty())
        }

        fn source(&self) -> Result<Option<IpAddr>, &'static str> {
            self.1.set(self.1.get() + 1);
            if self.1.get() == 1 { Err("not now") } else { Ok(self.0.source) }
        }

        fn attribute(&self, _: &str) -> Result<Option<Cow<'_, [u8]>>, &'static str> {
            Ok(None)
        }
    }

    #[test]
    fn the_source_is_asked_for_once_and_a_failure_is_asked_again() {
        let source = Some("192.0.2.1".parse().unwrap());
        let request = Costly(Request { source, ..Request::new("GET", "a:80", "/b?c") }, Cell::new(0));
        let remembered = Remembered::new(&request);
        assert_eq!(remembered.source(), Err("not now"));
        assert_eq!([remembered.source(), remembered.source()], [Ok(source), Ok(source)]);
        assert_eq!(request.1.get(), 2);
        assert_eq!(remembered.parsed_path().unwrap().path(), b"/b");
        assert_eq!(remembered.parsed_authority().unwrap().unwrap().name(), b"a");
    }
}
