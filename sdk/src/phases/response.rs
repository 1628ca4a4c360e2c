//! A response, phase by phase.

use std::ops::{Deref, DerefMut};

use crate::outcome::Replacement;
use crate::{
    Body, BodyError, BodyMode, Direction, Headers, HostError, LateOutcome, Paused, Response, ResponseHandle, Status,
};

/// A response whose headers are there.
#[derive(Debug)]
pub struct ResponseHeaders {
    stream: u32,
    pub(crate) headers: Headers,
    end_of_stream: bool,
    pub(crate) mode: Option<BodyMode>,
}

impl ResponseHeaders {
    pub(crate) fn new(stream: u32, end_of_stream: bool) -> Self {
        Self { stream, headers: Headers::new(Direction::Response.headers()), end_of_stream, mode: None }
    }

    /// The response's headers, `:status` among them.
    pub fn headers(&mut self) -> &mut Headers {
        &mut self.headers
    }

    /// The status, such as 200.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy does not hand the map over, and "parse failure" for a status that is no number.
    pub fn status(&self) -> Result<u16, HostError> {
        let status = self.headers.pseudo(":status")?;
        let digits = status.filter(|digits| digits.len() == 3 && digits.iter().all(u8::is_ascii_digit));
        let number = digits.map(|digits| digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')));
        number.ok_or(HostError::new("proxy_get_header_map_pairs", Status::PARSE_FAILURE))
    }

    /// Sets the status.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the map cannot be changed; "bad argument" too for what is not from 200 to 599.
    pub fn set_status(&mut self, status: u16) -> Result<(), HostError> {
        if !(200..600).contains(&status) {
            return Err(HostError::new("proxy_replace_header_map_value", Status::BAD_ARGUMENT));
        }
        self.headers.replace(b":status", status.to_string().as_bytes())
    }

    /// Whether the response ends here: it has no body and no trailers.
    #[must_use]
    pub fn end_of_stream(&self) -> bool {
        self.end_of_stream
    }

    /// Says how [`Filter::response_body`](crate::Filter::response_body) is to see this response's body. Without it the body
    /// goes on unseen, and so it does when the outcome ends the response. The last word counts.
    pub fn body(&mut self, mode: BodyMode) {
        self.mode = Some(mode);
    }

    /// Pauses the response: return the first as the outcome, and keep the second for whoever lets it go on.
    pub fn pause(&mut self) -> (Paused, ResponseHandle) {
        (Paused(()), ResponseHandle::new(self.stream, true))
    }
}

/// A piece of a response's body, or the whole: everything of [`Body`], and what belongs to responses.
#[derive(Debug)]
pub struct ResponseBody<'b> {
    stream: u32,
    body: &'b mut Body,
    headers: Option<Headers>,
}

impl<'b> ResponseBody<'b> {
    pub(crate) fn new(stream: u32, body: &'b mut Body, held: bool) -> Self {
        Self { stream, body, headers: held.then(|| Headers::new(Direction::Response.headers())) }
    }

    /// The response's headers, while they are held.
    ///
    /// # Errors
    ///
    /// [`BodyError::HeadersGone`] when they have left: they are held when the body is buffered and the filter holds headers
    /// ([`Filter::held_headers`](crate::Filter::held_headers)).
    pub fn headers(&mut self) -> Result<&mut Headers, BodyError> {
        self.headers.as_mut().ok_or(BodyError::HeadersGone)
    }

    /// Answers with another response, while the headers are held: the outcome to return.
    ///
    /// # Errors
    ///
    /// [`BodyError::HeadersGone`] when they have left; the stream can then only be [closed](LateOutcome::Close).
    pub fn respond(&self, response: Response) -> Result<LateOutcome, BodyError> {
        if self.headers.is_some() {
            Ok(LateOutcome::Respond(Replacement(response)))
        } else {
            Err(BodyError::HeadersGone)
        }
    }

    /// Has the next read of the headers ask the proxy again.
    pub(crate) fn forget_headers(&mut self) {
        self.headers.iter_mut().for_each(Headers::forget);
    }

    /// Pauses the response at the end of its body: return the first as the outcome, and keep the second.
    ///
    /// # Errors
    ///
    /// [`BodyError::NotAtEnd`] while more may come.
    pub fn pause(&mut self) -> Result<(Paused, ResponseHandle), BodyError> {
        if self.body.is_last() {
            Ok((Paused(()), ResponseHandle::new(self.stream, self.headers.is_some())))
        } else {
            Err(BodyError::NotAtEnd)
        }
    }
}

impl Deref for ResponseBody<'_> {
    type Target = Body;

    fn deref(&self) -> &Body {
        self.body
    }
}

impl DerefMut for ResponseBody<'_> {
    fn deref_mut(&mut self) -> &mut Body {
        self.body
    }
}

/// The trailers of a response.
#[derive(Debug)]
pub struct ResponseTrailers {
    stream: u32,
    trailers: Headers,
}

impl ResponseTrailers {
    pub(crate) fn new(stream: u32) -> Self {
        Self { stream, trailers: Headers::new(Direction::Response.trailers()) }
    }

    /// The trailers.
    pub fn trailers(&mut self) -> &mut Headers {
        &mut self.trailers
    }

    /// Pauses the response before its end: return the first as the outcome, and keep the second.
    pub fn pause(&mut self) -> (Paused, ResponseHandle) {
        (Paused(()), ResponseHandle::new(self.stream, false))
    }
}
