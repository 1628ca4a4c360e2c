//! Forms (`application/x-www-form-urlencoded`), for templates.

use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Value, ValueKind};
use minijinja::{Error, ErrorKind};
use tamis::views::Query;

use super::functions::{Call, Made};
use super::members::{Members, name, sorted};
use super::touched;

/// The most parameters of a form.
const MAX_PARAMETERS: usize = 65_536;

/// What a form says. A parameter that comes several times is a list, in the place of the first. Nothing when it has bytes that are
/// no text, or too many parameters.
pub fn decoded(form: &[u8]) -> Option<Value> {
    let mut pairs = Vec::new();
    for pair in Query::new(form).pairs() {
        if pairs.len() == MAX_PARAMETERS {
            return None;
        }
        let name = String::from_utf8(pair.decoded_name().into_owned()).ok()?;
        let value = String::from_utf8(pair.decoded_value().into_owned()).ok()?;
        pairs.push((Value::from(name), Value::from(value)));
    }
    let order = sorted(&pairs);
    let mut lists = Vec::new();
    for same in order.chunk_by(|a, b| name(&pairs, *a) == name(&pairs, *b)).filter(|same| same.len() > 1) {
        let places = same.iter().filter_map(|place| usize::try_from(*place).ok());
        let values = places.clone().filter_map(|place| pairs.get(place)).map(|(_, value)| value.clone());
        lists.push((places.collect::<Vec<_>>(), Value::from(values.collect::<Vec<_>>())));
    }
    for (places, list) in lists {
        // The first is the list, and the others are not there any more.
        let mut list = Some(list);
        for place in places {
            if let Some((_, value)) = pairs.get_mut(place) {
                *value = list.take().unwrap_or(Value::UNDEFINED);
            }
        }
    }
    pairs.retain(|(_, value)| !value.is_undefined());
    Some(Value::from_object(Form(Members::new(pairs))))
}

impl Call {
    /// An object as a form: a list is its parameter several times, `null` is left out. What has parts of its own is none.
    pub(super) fn form(&mut self, value: Option<&Value>) -> Made {
        let object = value.ok_or_else(|| Error::from(ErrorKind::MissingArgument))?;
        if object.is_undefined() {
            return self.missing();
        }
        if object.kind() != ValueKind::Map {
            return Err(ErrorKind::InvalidOperation.into());
        }
        let mut out = String::new();
        for key in object.try_iter()? {
            let name = crate::query::encoded(key.as_str().ok_or_else(|| Error::from(ErrorKind::NonKey))?);
            let member = object.get_item(&key)?;
            let is_list = member.kind() == ValueKind::Seq;
            let mut items = if is_list { Some(member.try_iter()?) } else { None };
            let mut one = Some(member.clone()).filter(|_| !is_list);
            while let Some(item) = items.as_mut().and_then(Iterator::next).or_else(|| one.take()) {
                let mut text = String::new();
                match item.kind() {
                    ValueKind::None => continue,
                    ValueKind::Bool | ValueKind::Number | ValueKind::String | ValueKind::Plain => {
                        self.write(&item, &mut text, 0)?;
                    }
                    _ => return Err(ErrorKind::InvalidOperation.into()),
                }
                let text = crate::query::encoded(&text);
                self.spend(name.len().saturating_add(text.len()))?;
                out.extend([if out.is_empty() { "" } else { "&" }, &name, "=", &text]);
            }
        }
        Ok(Value::from(out))
    }
}

/// An object whose members keep their order.
#[derive(Debug)]
struct Form(Members);

impl Object for Form {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_str()?).filter(|_| touched::more(1)).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        if touched::more(self.0.len()) { self.0.names() } else { Enumerator::Empty }
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.0.len())
    }
}
