//! The edits of all rules, on a body.

use std::borrow::Cow;
use std::sync::Arc;

use tamis::json::Edit;

use super::{Stream, Transformation};
use crate::json::{JsonError, edited};
use crate::made::Made;
use crate::rules::{Rule, Set};

/// Whose body it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
}

impl Side {
    fn edits(self, rule: &Rule) -> (&[Edit], &[Made]) {
        match self {
            Self::Request => (&rule.request_json, &rule.request.templates),
            Self::Response => (&rule.response_json, &rule.response.templates),
        }
    }
}

impl Transformation {
    /// The body after its edits; nothing when it stays as it is. A body that a template makes replaces what the edits before it
    /// have made; templates see it as it came.
    pub(super) fn edited(
        &self,
        side: Side,
        set: Set,
        stream: &Stream,
        body: &[u8],
    ) -> Result<Option<Vec<u8>>, JsonError> {
        let limit = self.limit();
        let rules = || set.of(&self.rules).map(|(_, rule)| side.edits(rule));
        if !rules().any(|(_, made)| made.iter().any(Made::is_of_body)) {
            return edited(body, rules().flat_map(|(edits, _)| edits), limit);
        }
        let mut facts = self.facts(
            stream.request_fields.clone().unwrap_or_default(),
            stream.response_fields.clone().filter(|_| side == Side::Response),
        );
        facts.body = Some(Arc::new(body.to_vec()));
        let (mut current, mut is_json, mut edits) = (None, stream.is_json, Vec::new());
        let mut make = || {
            for (fixed, made) in rules() {
                edits.extend(fixed.iter().map(Cow::Borrowed));
                for made in made {
                    match made {
                        Made::Json(made) => edits.push(Cow::Owned(made.edit(&facts, limit)?)),
                        Made::Body(made) => {
                            edits.clear();
                            current = Some(made.body(&facts, limit)?);
                            is_json = made.is_json(is_json);
                        }
                        _ => {}
                    }
                }
            }
            Ok(())
        };
        let made: Result<(), JsonError> = make();
        self.count(Some(&facts));
        made?;
        if edits.is_empty() || !is_json {
            return Ok(current);
        }
        let again = edited(current.as_deref().unwrap_or(body), edits.iter().map(Cow::as_ref), limit)?;
        Ok(again.or(current))
    }
}
