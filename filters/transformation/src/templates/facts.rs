//! What a template can look at.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tamis::views::{Query, RequestPath, cookies};

use super::Undefined;
use crate::extractors::Extractor;

/// Headers as they came, pseudo headers among them, in their order.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// What a template can look at: the messages as they came, before any edit.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The request's headers.
    pub request: Arc<Fields>,
    /// The response's, when it is a response that is edited.
    pub response: Option<Arc<Fields>>,
    /// The body of the message, when it is the body that is edited.
    pub body: Option<Arc<Vec<u8>>>,
    /// The variables of the VM's environment that templates name, each once. Not a map: they are few, and its code is long.
    pub environment: Arc<[(String, Vec<u8>)]>,
    /// The extractors.
    pub extractors: Arc<[Extractor]>,
    /// What becomes of a name without a value.
    pub undefined: Undefined,
    /// Whether what is written is escaped for a string of JSON.
    pub escape_json: bool,
    /// How often an extractor has found nothing.
    pub misses: Arc<AtomicU32>,
}

/// Which of these a template looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses {
    /// The request, or what an extractor takes from it.
    pub request: bool,
    /// The body, as text or as JSON.
    pub body: bool,
    /// The body as JSON.
    pub json: bool,
    /// The extractors that it names.
    pub extractions: Vec<String>,
    /// The variables of the VM's environment that it names.
    pub variables: Vec<String>,
}

impl Facts {
    /// The first value of a header of the message that is edited.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        first(self.response.as_ref().unwrap_or(&self.request), name)
    }

    /// The first value of a header of the request.
    #[must_use]
    pub fn request_header(&self, name: &str) -> Option<&[u8]> {
        first(&self.request, name)
    }

    /// The first value of a parameter of the query, decoded.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<Vec<u8>> {
        let path = RequestPath::new(self.request_header(":path")?);
        let query = path.query().unwrap_or(Query::new(b""));
        query.get_all(name.as_bytes()).next().map(|pair| pair.decoded_value().into_owned())
    }

    /// The path without the query.
    #[must_use]
    pub fn path(&self) -> Option<&[u8]> {
        self.request_header(":path").map(|path| RequestPath::new(path).path())
    }

    /// The first value of a cookie.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&[u8]> {
        let lines = self.request.iter().filter(|(name, _)| name == b"cookie").map(|(_, value)| value.as_slice());
        cookies(lines, name.as_bytes()).next()
    }

    /// A variable of the VM's environment.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&[u8]> {
        self.environment.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_slice())
    }

    /// Counts that an extractor has found nothing.
    pub fn missed(&self, _: &Extractor) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    /// The extractor of this name.
    #[must_use]
    pub fn extractor(&self, name: &str) -> Option<&Extractor> {
        self.extractors.iter().find(|extractor| extractor.name.as_str() == name)
    }
}

/// A name's first value; names of headers are compared without case.
fn first<'f>(fields: &'f Fields, name: &str) -> Option<&'f [u8]> {
    fields.iter().find(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value.as_slice())
}
