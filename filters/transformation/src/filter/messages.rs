//! The edits of one rule, on the proxy's own messages.

use tamis::rewrite::Unfit;
use tamis::views::RequestPath;
use tamis::{HostError, RequestHeaders, ResponseHeaders};

use crate::config::{RequestEdits, ResponseEdits};
use crate::made::{Made, MakeError};
use crate::status::is_bodiless;
use crate::templates::facts::Facts;

impl RequestEdits {
    /// Applies all edits but those of the body: path, query, method, authority, cookies, headers.
    ///
    /// # Errors
    ///
    /// The first refusal of the proxy, a path that becomes none, and the first template that fails; edits before it are in effect.
    pub fn apply(&self, request: &mut RequestHeaders, facts: Option<&Facts>) -> Result<(), MakeError<HostError>> {
        self.apply_fixed(request)?;
        let Some(facts) = facts else { return Ok(()) };
        for made in &self.templates {
            made.header(request.headers(), facts)?;
            if matches!(made, Made::Path(_) | Made::Query(_)) {
                let path = request.path().map_err(MakeError::Message)?.unwrap_or_default();
                if let Some(path) = made.path(path, facts)? {
                    request.set_path(&path).map_err(MakeError::Message)?;
                }
            }
        }
        Ok(())
    }

    fn apply_fixed(&self, request: &mut RequestHeaders) -> Result<(), MakeError<HostError>> {
        // Looking at the path costs a copy of the whole map.
        if (self.path.is_some() || !self.query.is_empty())
            && let Some(path) = self.new_path(request.path().map_err(MakeError::Message)?.unwrap_or_default())?
        {
            request.set_path(&path).map_err(MakeError::Message)?;
        }
        self.apply_other(request).map_err(MakeError::Message)
    }

    fn apply_other(&self, request: &mut RequestHeaders) -> Result<(), HostError> {
        if let Some(method) = &self.method {
            request.set_method(method)?;
        }
        if let Some(authority) = &self.authority {
            request.set_authority(authority.as_str().as_bytes())?;
        }
        if !self.cookies.is_empty() {
            self.cookies.apply(request.headers())?;
        }
        self.headers.apply(request.headers())
    }

    /// The path after the edits of path and query; nothing when it stays.
    fn new_path(&self, path: &[u8]) -> Result<Option<Vec<u8>>, Unfit> {
        let rewrite = self.path.as_ref();
        let rewritten = rewrite.map(|rewrite| rewrite.apply(&RequestPath::new(path))).transpose()?.flatten();
        if self.query.is_empty() {
            return Ok(rewritten);
        }
        Ok(self.query.apply(rewritten.as_deref().unwrap_or(path)).or(rewritten))
    }
}

impl ResponseEdits {
    /// Applies all edits but those of the body. A status that says that there is no body stays: clients would wait for one.
    ///
    /// # Errors
    ///
    /// The first refusal of the proxy, and the first template that fails; edits before it are in effect.
    pub fn apply(
        &self,
        response: &mut ResponseHeaders,
        status: u16,
        facts: Option<&Facts>,
    ) -> Result<(), MakeError<HostError>> {
        self.apply_fixed(response, status).map_err(MakeError::Message)?;
        let Some(facts) = facts else { return Ok(()) };
        self.templates.iter().try_for_each(|made| made.header(response.headers(), facts))
    }

    fn apply_fixed(&self, response: &mut ResponseHeaders, status: u16) -> Result<(), HostError> {
        if let Some(wanted) = self.status.filter(|_| !is_bodiless(status)) {
            response.set_status(wanted.get())?;
        }
        self.headers.apply(response.headers())
    }
}
