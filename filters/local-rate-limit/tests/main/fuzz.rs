//! Inputs that nobody wrote: configurations, keys, costs, and shared values that another plugin has written.

use local_rate_limit::config::{Config, Limit};
use local_rate_limit::limiter::{Cell, Cells, Demand, Table, decide, refund};
use local_rate_limit::note::Note;
use local_rate_limit::origin::Origin;
use local_rate_limit::rule::Rule;
use local_rate_limit::set::Set;
use local_rate_limit::window::{Now, SECOND, Window};
use tamis::hash::Key;
use tamis::matching::Request;
use tamis_fuzz::arbitrary::{Result, Unstructured};
use tamis_fuzz::fuzz;

/// Words of a configuration, and some that are none.
const WORDS: [&str; 44] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"rules\"",
    "\"name\"",
    "\"a\"",
    "\"limits\"",
    "\"requests\"",
    "\"per\"",
    "\"minute\"",
    "\"30s\"",
    "\"99999999999999999999s\"",
    "\"s\"",
    "\"-1m\"",
    "\"burst\"",
    "\"algorithm\"",
    "\"fixed_window\"",
    "\"gcra\"",
    "\"key\"",
    "\"header\"",
    "\"x-key\"",
    "\"cookie\"",
    "\"query\"",
    "\"source_address\"",
    "\"ipv4\"",
    "\"request\"",
    "\"path\"",
    "\"constant\"",
    "\"cost\"",
    "\"max\"",
    "\"statuses\"",
    "\"5xx\"",
    "\"max_keys\"",
    "\"lease\"",
    "1",
    "2",
    "3",
    "1e300",
    "-0.5",
    "16777215",
    "null",
];

/// A configuration that is nearly right: words, or a whole one with numbers and texts from anywhere.
fn configuration(u: &mut Unstructured<'_>) -> Result<String> {
    if u.ratio(1, 3)? {
        let words = (0..u.int_in_range(0..=40)?).map(|_| u.choose(&WORDS).copied());
        return Ok(words.collect::<Result<Vec<_>>>()?.join(" "));
    }
    let number = |u: &mut Unstructured<'_>| {
        Ok::<_, tamis_fuzz::arbitrary::Error>(if u.ratio(1, 2)? {
            u.int_in_range(0..=9)?
        } else {
            u.arbitrary::<i64>()?
        })
    };
    let name = *u.choose(&["x-key", "a", "", "a b", "\u{e4}"])?;
    let text = serde_json::Value::from(if u.ratio(1, 8)? { u.arbitrary::<&str>()? } else { name });
    Ok(format!(
        r#"{{"rules": [{{"name": "a", "limits": [{{"requests": {}, "per": {}, "burst": {}}}], "max_keys": {},
            "key": [{{"{}": {text}}}], "cost": {{"constant": {}, "header": "x-cost", "max": {}}}, "lease": {}}}]}}"#,
        number(u)?,
        u.choose(&["\"second\"", "\"7m\"", "\"366h\"", "\"0s\""])?,
        number(u)?,
        number(u)?,
        u.choose(&["header", "cookie", "query", "constant"])?,
        number(u)?,
        number(u)?,
        number(u)?,
    ))
}

#[test]
fn configurations() {
    fuzz(400, |u| {
        let text = configuration(u)?;
        let Ok(config) = <Config as tamis::Configuration>::read(text.as_bytes()) else { return Ok(()) };
        for rule in config.rules {
            let windows = rule.limits.iter().filter_map(|limit| limit.window().ok()).collect::<Vec<_>>();
            let Ok(rule) = Rule::new(rule, "rule", |_, sets, windows| {
                assert!((1..=2_097_152).contains(&sets) && (1..=3).contains(&windows));
                Ok(())
            }) else {
                continue;
            };
            let headers =
                [("x-key", u.arbitrary::<Vec<u8>>()?), ("x-cost", u.arbitrary()?), ("cookie", u.arbitrary()?)];
            let path = u.arbitrary::<Vec<u8>>()?;
            let headers = headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
            let request = Request { headers, ..Request::new("GET", "a", path) };
            let asked = rule.asked(&Key::new([1; 16]), &request).unwrap();
            // No request costs more than the limits admit at once, whatever it says.
            let most = windows.iter().map(Window::most).min().unwrap();
            assert!(asked.is_some_and(|asked| (1..=most).contains(&asked.cost)), "{text}");
        }
        Ok(())
    });
}

/// One value for all, which another plugin may have written; every swap of an odd number fails.
struct Foreign(Vec<u8>, std::cell::Cell<u32>);

impl Cells for Foreign {
    type Error = ();
    type Version = ();

    fn read(&self, _: Cell) -> std::result::Result<(Option<Vec<u8>>, ()), ()> {
        Ok((Some(self.0.clone()), ()))
    }

    fn recall(&self, _: Cell, _: Now) -> Option<(Vec<u8>, ())> {
        self.1.get().is_multiple_of(3).then(|| (self.0.clone(), ()))
    }

    fn swap(&self, _: Cell, value: Vec<u8>, (): (), _: Now) -> std::result::Result<bool, ()> {
        assert!(value.len() <= 256);
        self.1.set(self.1.get() + 1);
        Ok(self.1.get().is_multiple_of(2))
    }
}

#[test]
fn shared_values() {
    fuzz(600, |u| {
        let words = u.arbitrary::<Vec<u64>>()?;
        let value: Vec<u8> =
            if u.arbitrary()? { words.iter().flat_map(|word| word.to_le_bytes()).collect() } else { u.arbitrary()? };
        let limit = Limit {
            requests: u.int_in_range(1..=16_777_215)?,
            per: tamis::config::parse(b"\"5m\"").unwrap(),
            burst: Some(u.int_in_range(1..=1_000_000_000)?),
            algorithm: Default::default(),
        };
        let Ok(gcra) = limit.window() else { return Ok(()) };
        let limits = [gcra, Window::fixed(u.int_in_range(1..=16_777_215)?, u.int_in_range(1..=31_622_400)?).unwrap()];
        let table =
            Table { cells: Foreign(value.clone(), Default::default()), sets: 1, windows: 2, overflow: limits.to_vec() };
        let now = Now(u.arbitrary::<u64>()? >> 2);
        let need = u.int_in_range(1..=limits.iter().map(Window::most).min().unwrap_or(1))?;
        let demand =
            Demand { table: &table, tag: u.arbitrary()?, limits: &limits, need, want: u.arbitrary()?, shadow: false };
        let answer = decide(&[demand], now).unwrap().remove(0);
        assert_eq!(answer.refuses(), answer.receipt.is_none());
        // Whatever somebody has written locks nobody out for longer than the limits themselves do.
        let longest =
            limits.iter().map(|limit| limit.wait(Default::default(), u64::MAX, now)).max().unwrap_or_default();
        assert!(answer.wait <= longest.max(31_622_400 * SECOND));
        if let Some(receipt) = answer.receipt {
            assert!(receipt.count >= need);
            assert!(refund(&table, &limits, &receipt, now).unwrap());
        }
        let set = Set::read(Some(value), u.int_in_range(0..=5)?);
        let _ = (set.find(u.arbitrary()?), set.place(u.arbitrary()?, now));
        Ok(())
    });
}

#[test]
fn notes() {
    fuzz(200, |u| {
        let bytes = u.arbitrary::<Vec<u8>>()?;
        if let Some(note) = Note::read(&bytes) {
            assert_eq!(note.to_bytes(), bytes);
        }
        Ok(())
    });
}

#[test]
fn origins() {
    fuzz(200, |u| {
        let bytes = u.arbitrary::<Vec<u8>>()?;
        if let Some(origin) = Origin::read(&bytes) {
            assert_eq!(bytes.len(), 24);
            assert!(origin.now(u.arbitrary()?).0 < 1 << 63);
        }
        Ok(())
    });
}
