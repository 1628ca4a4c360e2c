//! From what the user wrote to what works.

use std::fmt;

use crate::config::{BodyChoice, Config, MaskChoice};
use crate::detect::keyed::{NAMES, Names};
#[cfg(feature = "full")]
use crate::detect::pattern::Pattern;
use crate::engine::Engine;
use crate::entity::Entity;
use crate::hmac::Key;
use crate::mask::Mask;
use crate::plan::Rule;

/// How many hexadecimal digits of a keyed hash are shown: 128 bits.
const HASH_DIGITS: usize = 32;
/// The most words of all lists together.
const MAX_WORDS: usize = 10_000;

/// Why a configuration cannot work, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct Refused {
    /// Such as `entities[0].threshold`.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Makes an engine. The variable of the environment that has the key is asked for by its name.
///
/// # Errors
///
/// [`Refused`] for what the types alone could not refuse.
pub fn compile(config: &Config, environment: impl FnOnce(&str) -> Option<Vec<u8>>) -> Result<Engine, Refused> {
    let mut maker = Maker { engine: Engine::default(), names: Vec::new() };
    maker.entities(config)?;
    maker.named(config)?;
    maker.words(config)?;
    #[cfg(feature = "full")]
    maker.patterns(config)?;
    if maker.engine.plan.rules().is_empty() {
        return Err(refused("", "nothing is looked for; give it `entities`, `names`, `words` or `patterns`"));
    }
    maker.scope(config)?;
    maker.key(config, environment)?;
    maker.block(config)?;
    Ok(maker.engine)
}

/// The names of all rules that a configuration makes, in their order: the values of a label of metrics.
#[must_use]
pub fn rule_names(engine: &Engine) -> Vec<String> {
    engine.plan.rules().iter().map(|rule| rule.name.clone()).collect()
}

struct Maker {
    engine: Engine,
    names: Vec<String>,
}

impl Maker {
    /// Adds a rule with its mask; returns its number.
    fn rule(&mut self, rule: Rule, mask: &MaskChoice, path: &str) -> Result<usize, Refused> {
        let mask = match mask {
            MaskChoice::Percent(percent) => {
                in_range(percent.share, 1..=100, &format!("{path}.percent.share"), "a share from 1 to 100")?;
                Mask::Percent { share: percent.share, with: percent.with }
            }
            MaskChoice::Keep(keep) => {
                in_range(keep.first, 0..=64, &format!("{path}.keep.first"), "at most 64")?;
                in_range(keep.last, 0..=64, &format!("{path}.keep.last"), "at most 64")?;
                Mask::Keep { first: keep.first.into(), last: keep.last.into(), with: keep.with }
            }
            MaskChoice::Constant(text) if text.len() > 256 => {
                return Err(refused(format!("{path}.constant"), "expected a text of at most 256 bytes"));
            }
            MaskChoice::Constant(text) => Mask::Constant(text.clone()),
            MaskChoice::Label => Mask::Label,
            MaskChoice::Hmac => Mask::Hmac { digits: HASH_DIGITS },
            MaskChoice::Remove => Mask::Remove,
            MaskChoice::Block => Mask::Block,
        };
        self.engine.masks.push(mask);
        Ok(self.engine.plan.rule(rule))
    }

    fn entities(&mut self, config: &Config) -> Result<(), Refused> {
        let mut seen: Vec<Entity> = Vec::new();
        for (i, group) in config.entities.iter().enumerate() {
            let path = format!("entities[{i}]");
            in_range(group.threshold, 1..=100, &format!("{path}.threshold"), "a score from 1 to 100")?;
            if group.find.is_empty() {
                return Err(refused(format!("{path}.find"), "expected at least one entity"));
            }
            let (mask, mask_path) = chosen(group.mask.as_ref(), config, &path);
            for (j, entity) in group.find.iter().enumerate() {
                if seen.contains(entity) {
                    return Err(refused(
                        format!("{path}.find[{j}]"),
                        "this entity is there twice; leave one of them out",
                    ));
                }
                seen.push(*entity);
                let rule = Rule::new(entity.name()).threshold(group.threshold.into());
                let rule = rule.allow(allowed(&group.allow, &path)?);
                let rule = self.rule(rule, mask, &mask_path)?;
                self.engine.plan.find(*entity, rule);
                self.names.push(entity.name().to_owned());
            }
        }
        Ok(())
    }

    fn named(&mut self, config: &Config) -> Result<(), Refused> {
        let Some(named) = &config.names else { return Ok(()) };
        let names = match &named.list {
            None => Names::new(NAMES),
            Some(list) if list.is_empty() => return Err(refused("names.list", "expected at least one name")),
            Some(list) => {
                // Two letters of a script that has one for each syllable tell as much as three others.
                let short = |name: &String| {
                    let letters = || name.chars().filter(|letter| letter.is_alphanumeric());
                    letters().count() < 3 && letters().map(char::len_utf8).sum::<usize>() < 6
                };
                if let Some(i) = list.iter().position(short) {
                    let message = "expected at least three letters or digits: every name that ends so is meant";
                    return Err(refused(format!("names.list[{i}]"), message));
                }
                if let Some(i) = list.iter().position(|name| name.len() > crate::detect::keyed::LONGEST) {
                    return Err(refused(format!("names.list[{i}]"), "expected at most 48 bytes"));
                }
                Names::new(list.iter().map(String::as_str))
            }
        };
        let (mask, path) = chosen(named.mask.as_ref(), config, "names");
        let rule = self.rule(Rule::new("named"), mask, &path)?;
        self.engine.plan.find_named(names, rule);
        self.names.push("named".to_owned());
        Ok(())
    }

    fn words(&mut self, config: &Config) -> Result<(), Refused> {
        let mut count = 0;
        for (i, words) in config.words.iter().enumerate() {
            let path = format!("words[{i}]");
            self.name(&words.name, &path)?;
            let (mask, mask_path) = chosen(words.mask.as_ref(), config, &path);
            let rule = self.rule(Rule::new(&words.name), mask, &mask_path)?;
            if words.list.is_empty() {
                return Err(refused(format!("{path}.list"), "expected at least one word"));
            }
            for (j, word) in words.list.iter().enumerate() {
                count += 1;
                if count > MAX_WORDS {
                    return Err(refused(format!("{path}.list[{j}]"), "expected at most 10000 words in all lists"));
                }
                let added = self.engine.plan.find_word(word, rule);
                added.map_err(|error| refused(format!("{path}.list[{j}]"), error))?;
            }
        }
        Ok(())
    }

    #[cfg(feature = "full")]
    fn patterns(&mut self, config: &Config) -> Result<(), Refused> {
        for (i, expression) in config.patterns.iter().enumerate() {
            let path = format!("patterns[{i}]");
            self.name(&expression.name, &path)?;
            let pattern = Pattern::parse(&expression.regex);
            let pattern = pattern.map_err(|error| refused(format!("{path}.regex"), error))?;
            let (mask, mask_path) = chosen(expression.mask.as_ref(), config, &path);
            let rule = Rule::new(&expression.name).allow(allowed(&expression.allow, &path)?);
            let rule = self.rule(rule, mask, &mask_path)?;
            let added = self.engine.plan.find_pattern(pattern, rule);
            added.map_err(|error| refused(format!("{path}.regex"), error))?;
        }
        Ok(())
    }

    /// A name that a user gives: good for metrics, and nobody else's.
    fn name(&mut self, name: &str, path: &str) -> Result<(), Refused> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let path = || format!("{path}.name");
        if !(1..=64).contains(&name.len()) || !name.bytes().all(is_allowed) {
            return Err(refused(path(), "expected a name of 1 to 64 letters, digits, `_` and `-`"));
        }
        let built_in = Entity::ALL.iter().any(|entity| entity.name() == name) || matches!(name, "named" | "other");
        if built_in || self.names.iter().any(|other| other == name) {
            return Err(refused(path(), "this name is taken; choose another"));
        }
        self.names.push(name.to_owned());
        Ok(())
    }

    fn scope(&mut self, config: &Config) -> Result<(), Refused> {
        let scope = &mut self.engine.scope;
        for (i, path) in config.json.include.iter().enumerate() {
            scope.include(path).map_err(|error| refused(format!("json.include[{i}]"), error))?;
        }
        for (i, path) in config.json.exclude.iter().enumerate() {
            scope.exclude(path).map_err(|error| refused(format!("json.exclude[{i}]"), error))?;
        }
        Ok(())
    }

    fn key(&mut self, config: &Config, environment: impl FnOnce(&str) -> Option<Vec<u8>>) -> Result<(), Refused> {
        use crate::config::KeySource;

        let needed = self.engine.masks.iter().any(|mask| matches!(mask, Mask::Hmac { .. }));
        let (secret, path) = match &config.hmac_key {
            None if needed => return Err(refused("hmac_key", "expected a key, because a mask is `hmac`")),
            None => return Ok(()),
            Some(_) if !needed => return Err(refused("hmac_key", "no mask is `hmac`; leave the key out")),
            Some(KeySource::Value(value)) => (value.clone().into_bytes(), "hmac_key.value"),
            Some(KeySource::Environment(name)) => {
                let path = "hmac_key.environment";
                (environment(name).ok_or_else(|| refused(path, "the VM's environment has no such variable"))?, path)
            }
        };
        self.engine.key = Some(Key::new(&secret).ok_or_else(|| refused(path, "expected at least 16 bytes"))?);
        Ok(())
    }

    /// Who refuses a message must have all of it first.
    fn block(&self, config: &Config) -> Result<(), Refused> {
        if !self.engine.masks.contains(&Mask::Block) {
            return Ok(());
        }
        for (side, path) in [(&config.request, "request.body"), (&config.response, "response.body")] {
            if side.body == BodyChoice::Stream {
                return Err(refused(path, "a mask is `block`, which needs the whole body: `buffer`, or `skip`"));
            }
        }
        Ok(())
    }
}

/// The mask of a rule, or the one of all; and where it is written.
fn chosen<'c>(own: Option<&'c MaskChoice>, config: &'c Config, path: &str) -> (&'c MaskChoice, String) {
    match own {
        Some(mask) => (mask, format!("{path}.mask")),
        None => (&config.mask, "mask".to_owned()),
    }
}

fn allowed<'c>(values: &'c [String], path: &str) -> Result<impl Iterator<Item = &'c str>, Refused> {
    let nothing = |value: &String| !value.chars().any(char::is_alphanumeric);
    if let Some(i) = values.iter().position(nothing) {
        return Err(refused(format!("{path}.allow[{i}]"), "expected a value with letters or digits"));
    }
    Ok(values.iter().map(String::as_str))
}

fn in_range(value: u8, range: std::ops::RangeInclusive<u8>, path: &str, wanted: &str) -> Result<(), Refused> {
    if range.contains(&value) { Ok(()) } else { Err(refused(path, format!("expected {wanted}"))) }
}

fn refused(path: impl Into<String>, message: impl fmt::Display) -> Refused {
    Refused { path: path.into(), message: message.to_string() }
}
