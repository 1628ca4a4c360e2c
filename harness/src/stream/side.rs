//! What one filter holds back of one message.

/// One direction of one filter.
#[derive(Debug, Default)]
pub(super) struct Side {
    pub hold: Hold,
    /// Body that is held back: all of it while buffering, what earlier callbacks kept while under watermark.
    pub held: Vec<u8>,
    /// The message's end has come to this filter.
    pub ended: bool,
    /// The last body callback has asked to buffer: what is held can be read and written in later ones, at the trailers too
    /// (rule `BODY-14`).
    pub buffering: bool,
    /// Trailers have come to this filter and wait.
    pub trailers_wait: bool,
}

/// Where a filter has paused a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Hold {
    /// Nowhere.
    #[default]
    No,
    /// At the headers: nothing more comes until it resumes (rules `BODY-1`, `BODY-2`).
    Headers,
    /// At the headers, with Envoy's flag: the body still comes to this filter, and to no later one (rule `BODY-3`).
    HeadersOnly,
    /// In the body, buffering: the next callback sees all of it (rule `BODY-4`).
    Buffer,
    /// In the body, keeping: the next callback sees the new piece only (rule `BODY-5`).
    Watermark,
    /// In the body, dropping (rule `BODY-5`).
    Drop,
    /// At the trailers.
    Trailers,
}

/// The direction of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the upstream.
    Request,
    /// From the upstream to the client.
    Response,
}
