//! Expressions that the proxy evaluates.

use super::call;
use crate::sys::{HostError, LogLevel, Status};

/// An expression in CEL over the attributes of a request, which the proxy reads once and evaluates as often as it is asked.
///
/// Envoy has it where it was built so, as its releases are; other hosts answer "not found". Keep it in the plugin: it belongs to
/// the module until it is dropped.
///
/// ```no_run
/// use tamis::foreign::Expression;
///
/// # fn f() -> Result<bool, tamis::HostError> {
/// let is_get = Expression::new("request.method == 'GET'")?;
/// // In a phase of a stream:
/// is_get.is_true()
/// # }
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Expression(u32);

impl Expression {
    /// Has the proxy read an expression. It comes from a configuration or from the filter's code, never from a client.
    ///
    /// # Errors
    ///
    /// [`HostError`]; "bad argument" for what is no expression.
    pub fn new(cel: &str) -> Result<Self, HostError> {
        let token = call("expr_create", cel.as_bytes())?;
        let token =
            token.try_into().map_err(|_| HostError::new("proxy_call_foreign_function", Status::PARSE_FAILURE))?;
        Ok(Self(u32::from_le_bytes(token)))
    }

    /// Its value for the stream whose phase it is, in the form that attributes have (rule `PROP-2`): a text as it is, a number in
    /// eight bytes, a truth value in one.
    ///
    /// # Errors
    ///
    /// [`HostError`]; "internal failure" when it has no value, because it asks for what is not there.
    pub fn evaluate(&self) -> Result<Vec<u8>, HostError> {
        call("expr_evaluate", &self.0.to_le_bytes())
    }

    /// Whether its value is true.
    ///
    /// # Errors
    ///
    /// As [`evaluate`](Self::evaluate).
    pub fn is_true(&self) -> Result<bool, HostError> {
        Ok(self.evaluate()? == [1])
    }
}

impl Drop for Expression {
    fn drop(&mut self) {
        if let Err(error) = call("expr_delete", &self.0.to_le_bytes()) {
            crate::log::parts(LogLevel::WARN, &[&error.text(), "; an expression stays in the proxy"]);
        }
    }
}
