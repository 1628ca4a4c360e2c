//! The rules as they are asked.

use tamis::matching::{Match, Precedence, Subject};
use tamis::split::Split;
use tamis::{ConfigError, HeaderName, RuleName};

use crate::config::{Config, Rule, Sticky, StickyCookie, Target};

/// The name of the filter's own filter state, and how the names of its metrics begin.
pub const AUDIT: &str = "routing";

/// Checked rules. `M` is what is counted for each arm.
#[derive(Debug)]
pub struct Routes<M> {
    rules: Vec<Route<M>>,
    precedence: Precedence,
    /// Where all others go.
    pub otherwise: Option<Target>,
    /// The names of all routing headers.
    pub names: Vec<HeaderName>,
    /// Whether a request can go somewhere by filter state.
    pub uses_filter_state: bool,
}

/// What a request is for.
#[derive(Debug)]
pub struct Chosen<'r, M> {
    /// The rules in shadow that it would be for.
    pub shadows: Vec<&'r Route<M>>,
    /// The rule.
    pub route: Option<&'r Route<M>>,
}

/// A rule.
#[derive(Debug)]
pub struct Route<M> {
    /// Its name.
    pub name: RuleName,
    matches: Match,
    /// Whether it only counts.
    pub shadow: bool,
    /// Where its requests go.
    pub ways: Ways<M>,
}

/// Where a rule's requests go.
#[derive(Debug)]
pub enum Ways<M> {
    /// All to one place.
    One(Box<Way<M>>),
    /// By weight.
    Split {
        /// Who goes where.
        split: Split,
        /// What decides.
        sticky: Vec<Sticky>,
        /// As many as the split has arms.
        arms: Vec<Way<M>>,
    },
}

/// A place to go, and how it is counted.
#[derive(Debug)]
pub struct Way<M> {
    /// The place.
    pub to: Target,
    /// The counter of an arm.
    pub metric: Option<M>,
}

impl<M> Routes<M> {
    /// The rules of a configuration. `metric` makes a counter for a rule's arm.
    ///
    /// # Errors
    ///
    /// What its types alone could not refuse.
    pub fn new(
        config: Config,
        mut metric: impl FnMut(&RuleName, &RuleName) -> Result<M, ConfigError>,
    ) -> Result<Self, ConfigError> {
        if !(1..=200).contains(&config.rules.len()) {
            return Err(ConfigError::new("rules", "expected 1 to 200 rules"));
        }
        let matches = config.rules.iter().map(|rule| &rule.matches);
        config
            .precedence
            .check(matches)
            .map_err(|(i, error)| ConfigError::new(format!("rules[{i}].match"), error.to_string()))?;
        let arms = config.rules.iter().flat_map(|rule| &rule.split).map(|split| split.arms.len());
        if arms.sum::<usize>() > tamis::metrics::MAX_SERIES {
            return Err(ConfigError::new("rules", "expected at most 1000 arms, all together"));
        }
        let mut names = Vec::new();
        let mut known = Vec::new();
        let mut rules = Vec::with_capacity(config.rules.len());
        for (i, rule) in config.rules.into_iter().enumerate() {
            let path = format!("rules[{i}]");
            if known.contains(&rule.name) {
                return Err(ConfigError::new(format!("{path}.name"), "another rule has this name"));
            }
            known.push(rule.name.clone());
            rules.push(Route::new(rule, &path, &mut names, &mut metric)?);
        }
        if let Some(target) = &config.otherwise {
            checked(target, "otherwise", &mut names)?;
        }
        let targets = rules.iter().flat_map(Route::targets).chain(&config.otherwise);
        let uses_filter_state = targets.into_iter().any(|target| target.filter_state.is_some());
        Ok(Self { rules, precedence: config.precedence, otherwise: config.otherwise, names, uses_filter_state })
    }

    /// The rule that a request is for, and those in shadow that would have been.
    ///
    /// # Errors
    ///
    /// When the request cannot be read.
    pub fn choose<S: Subject>(&self, request: &S) -> Result<Chosen<'_, M>, S::Error> {
        let mut shadows = Vec::new();
        for route in self.rules.iter().filter(|route| route.shadow) {
            if route.matches.holds(request)? {
                shadows.push(route);
            }
        }
        let real = || self.rules.iter().filter(|route| !route.shadow);
        let chosen = self.precedence.choose(real().map(|route| &route.matches), request)?;
        Ok(Chosen { shadows, route: chosen.and_then(|at| real().nth(at)) })
    }
}

impl<M> Route<M> {
    fn new(
        rule: Rule,
        path: &str,
        names: &mut Vec<HeaderName>,
        metric: &mut impl FnMut(&RuleName, &RuleName) -> Result<M, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let ways = match (rule.to, rule.split) {
            (Some(to), None) => {
                checked(&to, &format!("{path}.to"), names)?;
                Ways::One(Box::new(Way { to, metric: None }))
            }
            (None, Some(split)) => {
                let path = format!("{path}.split");
                if split.salt.is_empty() {
                    return Err(ConfigError::new(format!("{path}.salt"), "expected a text that is not empty"));
                }
                if split.arms.len() < 2 {
                    return Err(ConfigError::new(format!("{path}.arms"), "expected 2 to 64 arms"));
                }
                let weights = split.arms.iter().map(|arm| arm.weight);
                let weighted = Split::new(&split.salt, weights)
                    .map_err(|error| ConfigError::new(format!("{path}.arms"), error.to_string()))?;
                check_sticky(&split.sticky, &path)?;
                let mut known = Vec::new();
                let mut arms = Vec::with_capacity(split.arms.len());
                for (i, arm) in split.arms.into_iter().enumerate() {
                    let path = format!("{path}.arms[{i}]");
                    if known.contains(&arm.name) {
                        return Err(ConfigError::new(format!("{path}.name"), "another arm has this name"));
                    }
                    checked(&arm.to, &format!("{path}.to"), names)?;
                    arms.push(Way { to: arm.to, metric: Some(metric(&rule.name, &arm.name)?) });
                    known.push(arm.name);
                }
                Ways::Split { split: weighted, sticky: split.sticky, arms }
            }
            (None, None) => return Err(ConfigError::new(path, "the rule goes nowhere: give it `to` or `split`")),
            (Some(_), Some(_)) => return Err(ConfigError::new(path, "`to` and `split` exclude each other")),
        };
        Ok(Self { name: rule.name, matches: rule.matches, shadow: rule.shadow, ways })
    }

    fn targets(&self) -> impl Iterator<Item = &Target> {
        let ways = match &self.ways {
            Ways::One(way) => std::slice::from_ref(&**way),
            Ways::Split { arms, .. } => arms,
        };
        ways.iter().map(|way| &way.to)
    }
}

fn check_sticky(sticky: &[Sticky], path: &str) -> Result<(), ConfigError> {
    for (i, one) in sticky.iter().enumerate() {
        // RFC 6265: what follows a semicolon is another attribute.
        let is_allowed = |byte: &u8| byte.is_ascii() && *byte != b';';
        if let Sticky::Cookie(StickyCookie { path: Some(cookie), .. }) = one
            && !cookie.as_bytes().iter().all(is_allowed)
        {
            let path = format!("{path}.sticky[{i}].cookie.path");
            return Err(ConfigError::new(path, "a cookie's path has no `;`, and nothing that is not ASCII"));
        }
    }
    let cookies = sticky.iter().filter(|one| matches!(one, Sticky::Cookie(_)));
    if cookies.count() > 1 {
        return Err(ConfigError::new(format!("{path}.sticky"), "expected one cookie at most: a new client gets one"));
    }
    Ok(())
}

/// Checks a target, and adds its routing headers to all.
fn checked(target: &Target, path: &str, names: &mut Vec<HeaderName>) -> Result<(), ConfigError> {
    target.check().map_err(|message| ConfigError::new(path, message))?;
    if target.filter_state.as_ref().is_some_and(|state| state.name.as_str() == AUDIT) {
        let message = "`routing` holds which rule was meant, for access logs: take another name";
        return Err(ConfigError::new(format!("{path}.filter_state.name"), message));
    }
    for (i, header) in target.headers.iter().enumerate() {
        let name = header.name.name();
        if target.headers.iter().take(i).any(|before| before.name.name() == name) {
            return Err(ConfigError::new(format!("{path}.headers[{i}].name"), "the header is there twice"));
        }
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    Ok(())
}
