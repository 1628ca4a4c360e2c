//! Tables: an exchange that is run once per row, with the row's values in the places of its variables.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::tree::{Tree, error_at};
use crate::document::{DocumentError, Node};

/// A row of a table of cases.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "rows are filled in before there are types; this one describes them for the JSON Schema")]
pub struct Case {
    /// What the row shows: it is put behind the name of the exchange.
    name: String,
    /// The values of the variables: `${status}` anywhere in the exchange is the value of `status`. A string that is nothing
    /// but a variable becomes the value itself, a number too.
    with: std::collections::BTreeMap<String, Value>,
}

/// The exchanges that an exchange stands for: one per row, or itself when it has no table.
///
/// # Errors
///
/// With the place of a variable that a row does not give, or that nothing uses.
pub(super) fn expand(exchange: Tree) -> Result<Vec<Tree>, DocumentError> {
    let Node::Map(fields) = &exchange.value else { return Ok(vec![exchange]) };
    let Some(rows) = fields.iter().find_map(|(name, rows)| (name.value == "cases").then_some(rows)) else {
        return Ok(vec![exchange]);
    };
    let Node::List(rows) = &rows.value else { return Err(error_at(rows, "`cases` is a list of rows")) };
    if rows.is_empty() {
        return Err(error_at(&exchange, "`cases` has no rows: nothing would be run"));
    }
    let rest = fields.iter().filter(|(name, _)| name.value != "cases").cloned().collect();
    let rest = Spanned::new(Node::Map(rest), exchange.referenced, exchange.defined);
    rows.iter().map(|row| Row::read(row)?.fill(&rest)).collect()
}

/// A row that is being filled in.
struct Row<'t> {
    name: &'t str,
    with: &'t [(Spanned<String>, Tree)],
    used: BTreeSet<&'t str>,
}

impl<'t> Row<'t> {
    fn read(row: &'t Tree) -> Result<Self, DocumentError> {
        let Node::Map(fields) = &row.value else {
            return Err(error_at(row, "a case has a `name`, and values in `with`"));
        };
        let (mut name, mut with) = (None, [].as_slice());
        for (key, value) in fields {
            match (key.value.as_str(), &value.value) {
                ("name", Node::Scalar(Value::String(text))) => name = Some(text.as_str()),
                ("name", _) => return Err(error_at(value, "the name of a case is a text")),
                ("with", Node::Map(values)) => with = values.as_slice(),
                ("with", _) => return Err(error_at(value, "`with` has the names of variables, and their values")),
                (other, _) => {
                    return Err(error_at(key, format_args!("unknown field `{other}`, expected `name` or `with`")));
                }
            }
        }
        let name = name.ok_or_else(|| error_at(row, "the case has no `name`"))?;
        Ok(Self { name, with, used: BTreeSet::new() })
    }

    fn fill(mut self, exchange: &Tree) -> Result<Tree, DocumentError> {
        let mut filled = self.tree(exchange)?;
        if let Some((unused, _)) = self.with.iter().find(|(name, _)| !self.used.contains(name.value.as_str())) {
            let name = &unused.value;
            return Err(error_at(
                unused,
                format_args!("nothing in the exchange uses the variable `{name}`: `${{{name}}}`"),
            ));
        }
        if let Node::Map(fields) = &mut filled.value {
            let name = fields.iter_mut().find_map(|(key, value)| (key.value == "name").then_some(&mut value.value));
            if let Some(Node::Scalar(Value::String(name))) = name {
                *name = format!("{name}: {}", self.name);
            }
        }
        Ok(filled)
    }

    fn tree(&mut self, tree: &Tree) -> Result<Tree, DocumentError> {
        let value = match &tree.value {
            Node::Scalar(Value::String(text)) => {
                let pieces = pieces(text).map_err(|message| error_at(tree, message))?;
                if let [Piece::Variable(name)] = pieces.as_slice() {
                    return self.value(name, tree).cloned();
                }
                Node::Scalar(Value::String(self.text(&pieces, tree)?))
            }
            Node::Scalar(other) => Node::Scalar(other.clone()),
            Node::List(items) => Node::List(items.iter().map(|item| self.tree(item)).collect::<Result<_, _>>()?),
            Node::Map(fields) => Node::Map(
                fields
                    .iter()
                    .map(|(name, value)| {
                        let pieces = pieces(&name.value).map_err(|message| error_at(name, message))?;
                        let text = self.text(&pieces, name)?;
                        Ok((Spanned::new(text, name.referenced, name.defined), self.tree(value)?))
                    })
                    .collect::<Result<_, DocumentError>>()?,
            ),
        };
        Ok(Spanned::new(value, tree.referenced, tree.defined))
    }

    fn text(&mut self, pieces: &[Piece<'_>], around: &Spanned<impl Sized>) -> Result<String, DocumentError> {
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Variable(name) => match &self.value(name, around)?.value {
                    Node::Scalar(Value::String(value)) => text.push_str(value),
                    Node::Scalar(value) => text.push_str(&value.to_string()),
                    _ => {
                        let message = format!(
                            "`{name}` is a list or a map in the case `{}`: it cannot stand in a text",
                            self.name
                        );
                        return Err(error_at(around, message));
                    }
                },
            }
        }
        Ok(text)
    }

    fn value(&mut self, variable: &str, around: &Spanned<impl Sized>) -> Result<&'t Tree, DocumentError> {
        let found = self.with.iter().find(|(name, _)| name.value == variable);
        let (name, value) = found.ok_or_else(|| {
            let message =
                format!("the case `{}` gives no value to `{variable}`; `$${{` stands for `${{` itself", self.name);
            error_at(around, message)
        })?;
        self.used.insert(&name.value);
        Ok(value)
    }
}

/// A part of a text with variables.
enum Piece<'t> {
    Text(&'t str),
    Variable(&'t str),
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, &'static str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            pieces.extend([Piece::Text(before), Piece::Text("${")]);
            rest = after;
            continue;
        }
        let (name, after) = after.split_once('}').ok_or("`${` without `}`; `$${` stands for `${` itself")?;
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        pieces.push(Piece::Variable(name));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parse_as;
    use crate::scenario::tree::read;

    fn expanded(text: &str) -> Result<Vec<String>, String> {
        let rows = expand(parse_as(text).unwrap()).map_err(|error| error.to_string())?;
        Ok(rows.iter().map(|row| read::<Value>(row).unwrap().to_string()).collect())
    }

    #[test]
    fn every_row_is_an_exchange() {
        let text = "
name: a status of ${status}
upstream: {status: '${status}', body: '<${body}>'}
x-${name}: $${literal}
cases:
  - {name: one, with: {status: 404, body: no, name: a}}
  - {name: two, with: {status: 200, body: 1, name: b}}
";
        assert_eq!(
            expanded(text).unwrap(),
            [
                r#"{"name":"a status of 404: one","upstream":{"body":"<no>","status":404},"x-a":"${literal}"}"#,
                r#"{"name":"a status of 200: two","upstream":{"body":"<1>","status":200},"x-b":"${literal}"}"#,
            ]
        );
    }

    #[test]
    fn without_a_table_nothing_is_a_variable() {
        assert_eq!(expanded("name: ${a}").unwrap(), [r#"{"name":"${a}"}"#]);
    }

    #[test]
    fn mistakes_have_their_place() {
        for (text, error) in [
            (
                "name: x\nbody: ${a}\ncases: [{name: one, with: {}}]",
                "2:7: the case `one` gives no value to `a`; `$${` stands for `${` itself",
            ),
            (
                "name: x\ncases: [{name: one, with: {a: 1}}]",
                "2:28: nothing in the exchange uses the variable `a`: `${a}`",
            ),
            ("name: ${a\ncases: [{name: one}]", "1:7: `${` without `}`; `$${` stands for `${` itself"),
            ("name: x\ncases: []", "1:1: `cases` has no rows: nothing would be run"),
            ("name: x\ncases: [{with: {}}]", "2:9: the case has no `name`"),
            ("name: x\ncases: [{name: a, without: {}}]", "2:19: unknown field `without`, expected `name` or `with`"),
            (
                "name: x ${a}\ncases: [{name: one, with: {a: [1]}}]",
                "1:7: `a` is a list or a map in the case `one`: it cannot stand in a text",
            ),
        ] {
            assert_eq!(expanded(text).unwrap_err(), error, "{text}");
        }
    }
}
