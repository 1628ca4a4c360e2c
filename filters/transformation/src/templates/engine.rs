//! A template as it runs.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;

use minijinja::value::{Object, Value};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};

use super::facts::{Facts, Uses};
use super::functions::{self, Call};
use super::{RenderError, Undefined, json, scan, touched};

/// The most steps of the engine that one template takes.
const FUEL: u64 = 100_000;

/// How deep expressions and loops stand in one another.
const MAX_DEPTH: usize = 48;

const NAME: &str = "template";

/// A template as it runs.
#[derive(Debug, Clone)]
pub struct Program {
    uses: Uses,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// A text.
    Constant(Vec<u8>),
    /// A look-up and nothing else: no engine.
    Lookup(String, Vec<String>),
    /// One environment for each choice of `undefined`.
    Engine(Arc<[Environment<'static>; 2]>),
}

thread_local! {
    /// What the template that runs looks at. The engine's functions take nothing that borrows.
    static CALL: RefCell<Option<Call>> = const { RefCell::new(None) };
}

/// Does something for the template that runs.
pub(super) fn with_call<T>(work: impl FnOnce(&mut Call) -> Result<T, Error>) -> Result<T, Error> {
    CALL.with(|call| match call.try_borrow_mut() {
        Ok(mut call) => call.as_mut().map_or_else(|| Err(ErrorKind::InvalidOperation.into()), work),
        Err(_) => Err(ErrorKind::InvalidOperation.into()),
    })
}

impl Program {
    /// # Errors
    ///
    /// What is wrong with a template, with its line.
    pub fn new(source: &str) -> Result<Self, String> {
        let scan = scan::scan(source)?;
        let kind = match scan.call {
            _ if scan.constant => Kind::Constant(source.as_bytes().to_vec()),
            Some((name, arguments)) if functions::is_lookup(&name, arguments.len()) => Kind::Lookup(name, arguments),
            _ => {
                let of = |undefined| environment(source, undefined).map_err(|error| told(&error));
                Kind::Engine(Arc::new([of(UndefinedBehavior::Strict)?, of(UndefinedBehavior::Chainable)?]))
            }
        };
        Ok(Self { uses: scan.uses, kind })
    }

    pub fn uses(&self) -> &Uses {
        &self.uses
    }

    pub fn render(&self, facts: &Facts, limit: usize) -> Result<Vec<u8>, RenderError> {
        let text = match &self.kind {
            Kind::Constant(text) => text.clone(),
            Kind::Lookup(name, arguments) => {
                let found = functions::look_up(facts, name, arguments);
                let found = found.or_else(|| (facts.undefined == Undefined::Empty).then(Vec::new));
                let found = found.ok_or_else(|| failed("", "a value is not there"))?;
                if facts.escape_json { functions::escaped(&found).map_err(|_| failed("", UTF8))? } else { found }
            }
            Kind::Engine(environments) => {
                let [strict, empty] = &**environments;
                let environment = if facts.undefined == Undefined::Strict { strict } else { empty };
                return self.run(environment, facts, limit);
            }
        };
        if text.len() > limit { Err(RenderError::TooLong { limit }) } else { Ok(text) }
    }

    fn run(&self, environment: &Environment<'static>, facts: &Facts, limit: usize) -> Result<Vec<u8>, RenderError> {
        let body = facts.body.as_deref().filter(|_| self.uses.json);
        let json = match body {
            Some(body) => Some(json::value(body).ok_or(RenderError::NotJson)?),
            None => None,
        };
        let template = environment.get_template(NAME).map_err(|error| failed("", &error.kind().to_string()))?;
        let length = facts.body.as_ref().map_or(0, |body| body.len());
        let call = Call::new(
            facts.clone(),
            json.clone(),
            limit.saturating_add(length).saturating_mul(4).saturating_add(1 << 16),
        );
        touched::begin();
        CALL.with(|place| place.replace(Some(call)));
        let mut out = Bounded { bytes: Vec::new(), limit, full: false };
        let result = template.render_captured_to(Value::from_object(Root { json }), &mut out).map(drop);
        let call = CALL.with(RefCell::take);
        match result {
            _ if touched::is_over() => Err(RenderError::TooMuch),
            Ok(()) => Ok(out.bytes),
            Err(_) if out.full => Err(RenderError::TooLong { limit }),
            Err(error) if error.kind() == ErrorKind::OutOfFuel || call.is_none_or(|call| call.is_over()) => {
                let _ = error;
                Err(RenderError::TooMuch)
            }
            Err(error) => {
                let place = error.line().map(|line| format!(" in line {line}")).unwrap_or_default();
                Err(failed(&place, &error.kind().to_string()))
            }
        }
    }
}

const UTF8: &str = "a value is not UTF-8";

fn failed(place: &str, message: &str) -> RenderError {
    RenderError::Failed { place: place.to_owned(), message: message.to_owned() }
}

fn environment(source: &str, undefined: UndefinedBehavior) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(undefined);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(MAX_DEPTH);
    environment.set_keep_trailing_newline(true);
    environment.set_formatter(|out, _, value| {
        let text = with_call(|call| call.shown(value))?;
        out.write_str(&text).map_err(Error::from)
    });
    functions::register(&mut environment);
    environment.add_template_owned(NAME, source.to_owned())?;
    Ok(environment)
}

/// What the engine says of a template that it does not take. It may repeat the template: the author reads it.
fn told(error: &Error) -> String {
    let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.line() {
        Some(line) => format!("line {line}: {what}"),
        None => what,
    }
}

/// The variables: the fields of the body. None of them hides a function.
#[derive(Debug)]
struct Root {
    json: Option<Value>,
}

impl Object for Root {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        if functions::NAMES.contains(&name) {
            return None;
        }
        self.json.as_ref()?.get_attr(name).ok().filter(|value| !value.is_undefined())
    }
}

/// A text with a bound.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
    full: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.limit.saturating_sub(self.bytes.len()) {
            self.full = true;
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
