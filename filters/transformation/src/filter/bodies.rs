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

    fn late(self, rule: &Rule) -> &[Made] {
        match self {
            Self::Request => &rule.request_late,
            Self::Response => &rule.response_late,
        }
    }
}

/// What becomes of a message when its body is there.
#[derive(Debug, Default)]
pub(super) struct Edited<'r> {
    /// The body; nothing when it stays as it is.
    pub body: Option<Vec<u8>>,
    /// Headers that have waited for it, with their values.
    pub headers: Vec<(&'r Made, Vec<u8>)>,
}

impl Transformation {
    /// The body after its edits, and the headers that are made of it. A body that a template makes replaces what the edits before
    /// it have made; templates see it as it came.
    pub(super) fn edited(&self, side: Side, set: Set, stream: &Stream, body: &[u8]) -> Result<Edited<'_>, JsonError> {
        let limit = self.limit();
        let rules = || set.of(&self.rules).map(|(_, rule)| side.edits(rule));
        let late = || set.of(&self.rules).flat_map(|(_, rule)| side.late(rule));
        let makes = rules().any(|(_, made)| made.iter().any(Made::is_of_body));
        if !makes && late().next().is_none() {
            let body = edited(body, rules().flat_map(|(edits, _)| edits), limit)?;
            return Ok(Edited { body, ..Edited::default() });
        }
        let mut facts = self.facts(
            stream.request_fields.clone().unwrap_or_default(),
            stream.response_fields.clone().filter(|_| side == Side::Response),
        );
        facts.body = Some(Arc::new(body.to_vec()));
        let (mut current, mut is_json, mut edits) = (None, stream.is_json, Vec::new());
        let mut headers = Vec::new();
        let mut make = || {
            // A body that is no JSON has no fields: its header has gone already, and stays away.
            for made in late().filter(|made| stream.is_json || !made.template().uses().json) {
                headers.push((made, made.value(&facts)?));
            }
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
            return Ok(Edited { body: current, headers });
        }
        let again = edited(current.as_deref().unwrap_or(body), edits.iter().map(Cow::as_ref), limit)?;
        Ok(Edited { body: again.or(current), headers })
    }
}
