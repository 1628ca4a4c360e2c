//! The phases.

use tamis::audit::{Audit, Trail};
use tamis::matching::Subject;
use tamis::shared::{Creation, SharedCell, SharedCells, Version};
use tamis::{
    ConfigError, Filter, GrpcStatus, HeaderMap, HeaderName, HostError, OnError, Outcome, PluginContext, RequestHeaders,
    Response, ResponseHeaders, clock,
};

use crate::config::{Config, Refusal, RefusalGrpcStatus};
use crate::fields::{Fields, problem, seconds};
use crate::limiter::{self, Answer, Cell, Cells, Receipt};
use crate::origin::Origin;
use crate::rule::{Asked, Rule};
use crate::window::Now;

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RETRY_AFTER: HeaderName = HeaderName::from_static("retry-after");
const CONTENT_TYPE: HeaderName = HeaderName::from_static("content-type");
const X_ENVOY_RATELIMITED: HeaderName = HeaderName::from_static("x-envoy-ratelimited");

/// The version of the form of shared values.
const LAYOUT: u32 = 1;

/// What a rule does with a request. Only `limited` has a place in access logs.
const ACTIONS: [&str; 5] = ["allowed", "limited", "overflow", "contended", "refunded"];

/// The filter.
#[derive(Debug)]
pub struct LocalRateLimit {
    rules: Vec<Rule<RuleCells>>,
    refusal: Refusal,
    headers: bool,
    on_error: OnError,
    origin: Origin,
    audit: Audit,
}

/// What a request has taken, as long as its response may give it back.
#[derive(Debug, Default)]
pub struct Stream {
    taken: Vec<Taken>,
    fields: Fields,
    trail: Trail,
}

#[derive(Debug)]
struct Taken {
    rule: usize,
    asked: Asked,
    /// None when it came out of a lease.
    receipt: Option<Receipt>,
}

/// The shared values of a rule.
#[derive(Debug)]
struct RuleCells {
    sets: SharedCells,
    overflow: SharedCell,
}

#[tamis::filter]
impl Filter for LocalRateLimit {
    type Config = Config;
    type Stream = Stream;

    fn new(config: Config, plugin: &PluginContext) -> Result<Self, ConfigError> {
        if !(1..=100).contains(&config.rules.len()) {
            return Err(ConfigError::new("rules", "expected 1 to 100 rules"));
        }
        let mut rules: Vec<Rule<RuleCells>> = Vec::with_capacity(config.rules.len());
        for (i, rule) in config.rules.into_iter().enumerate() {
            let path = format!("rules[{i}]");
            if rules.iter().any(|before| before.name == rule.name.as_str()) {
                return Err(ConfigError::new(format!("{path}.name"), "another rule has this name"));
            }
            rules.push(Rule::new(rule, &path, |name, sets, windows| RuleCells::new(plugin, name, sets, windows))?);
        }
        let names = rules.iter().map(|rule| rule.name.as_str());
        Ok(Self {
            audit: Audit::define("ratelimit", names, ACTIONS)?,
            origin: agree(plugin)?,
            rules,
            refusal: config.refusal,
            headers: config.headers,
            on_error: config.on_error,
        })
    }

    fn request_headers(&self, stream: &mut Stream, request: &mut RequestHeaders) -> Outcome {
        match self.decide(stream, request.headers()) {
            Ok(None) => Outcome::Continue,
            Ok(Some(refusal)) => refusal.into(),
            Err(error) => self.on_error.over([Err(error)]),
        }
    }

    fn response_headers(&self, stream: &mut Stream, response: &mut ResponseHeaders) -> Outcome {
        let told = if stream.fields.is_empty() { Ok(()) } else { tell(&stream.fields, response.headers()) };
        let refunded = if stream.taken.is_empty() { Ok(()) } else { self.refund(stream, response) };
        self.on_error.over([told, refunded])
    }
}

impl LocalRateLimit {
    /// Charges the request, or says with what to refuse it.
    fn decide<S: Subject<Error = HostError>>(
        &self,
        stream: &mut Stream,
        request: &S,
    ) -> Result<Option<Response>, HostError> {
        let mut asked = Vec::new();
        for (i, rule) in self.rules.iter().enumerate() {
            if let Some(asks) = rule.asked(self.origin.key(), request)? {
                asked.push((i, rule, asks));
            }
        }
        if asked.is_empty() {
            return Ok(None);
        }
        let now = self.now()?;
        let (leased, mut demanded): (Vec<_>, Vec<_>) = asked
            .into_iter()
            .partition(|(_, rule, asks)| rule.lease > 0 && rule.leases.borrow_mut().use_up(asks.tag, asks.cost, now));
        let demands = demanded.iter().map(|(_, rule, asks)| rule.demand(asks)).collect::<Vec<_>>();
        let answers = limiter::decide(&demands, now);
        let refused =
            |(answer, (_, rule, _)): (&Answer, &(usize, &Rule<RuleCells>, Asked))| answer.refuses() && !rule.shadow;
        let admitted = matches!(&answers, Ok(answers) if !answers.iter().zip(&demanded).any(refused));
        if !admitted {
            for (_, rule, asks) in &leased {
                rule.leases.borrow_mut().give_back(asks.tag, asks.cost, rule.lease, now);
            }
        }
        let answers = answers.map_err(|(_, error)| error)?;
        let mut fields = Fields::default();
        let mut wait = 0;
        let mut violated = Vec::new();
        for ((_, rule, asks), answer) in demanded.iter().zip(&answers) {
            self.note(&mut stream.trail, rule, answer, admitted)?;
            if rule.shadow {
                continue;
            }
            if self.headers || !admitted {
                fields.add(&rule.name, rule.limits_of(asks, answer), answer);
            }
            if answer.refuses() {
                wait = wait.max(answer.wait);
                violated.push(rule.name.as_str());
            }
        }
        if !admitted {
            return Ok(Some(self.refusal(wait, &violated, fields)));
        }
        for (i, rule, asks) in leased {
            self.audit.counts(&rule.name, "allowed")?;
            stream.keep(i, rule, asks, None);
        }
        for ((i, rule, asks), answer) in demanded.drain(..).zip(answers) {
            let Some(receipt) = answer.receipt else { continue };
            if rule.lease > 0 {
                let until = rule.limits(asks.tier).iter().map(|limit| limit.usable_until(now)).min().unwrap_or(now);
                rule.leases.borrow_mut().hold(asks.tag, receipt.count.saturating_sub(asks.cost), until);
            }
            stream.keep(i, rule, asks, (rule.lease == 0).then_some(receipt));
        }
        stream.fields = fields;
        Ok(None)
    }

    /// Gives back what the response's status does not count.
    fn refund(&self, stream: &mut Stream, response: &ResponseHeaders) -> Result<(), HostError> {
        let status = response.status()?;
        for taken in std::mem::take(&mut stream.taken) {
            let Some(rule) = self.rules.get(taken.rule).filter(|rule| !rule.counts(status)) else { continue };
            let now = self.now()?;
            let is_back = match &taken.receipt {
                Some(receipt) => limiter::refund(&rule.table, rule.limits(taken.asked.tier), receipt, now)?,
                None => {
                    rule.leases.borrow_mut().give_back(taken.asked.tag, taken.asked.cost, rule.lease, now);
                    true
                }
            };
            self.audit.counts(&rule.name, if is_back { "refunded" } else { "contended" })?;
        }
        Ok(())
    }

    fn refusal(&self, wait: u64, violated: &[&str], fields: Fields) -> Response {
        let status = self.refusal.status.get();
        let response = Response::new(status).details("rate_limited").header(X_ENVOY_RATELIMITED, "true");
        let response = response.header(RETRY_AFTER, seconds(wait).to_string());
        let response = response.header(RATELIMIT, fields.limit).header(RATELIMIT_POLICY, fields.policy);
        let response = response.grpc_status(match self.refusal.grpc_status {
            RefusalGrpcStatus::ResourceExhausted => GrpcStatus::RESOURCE_EXHAUSTED,
            RefusalGrpcStatus::Unavailable => GrpcStatus::UNAVAILABLE,
        });
        match &self.refusal.body {
            Some(body) => response.body(body.as_str()),
            None => response
                .header(CONTENT_TYPE, "application/problem+json")
                .body(problem(status, violated.iter().copied())),
        }
    }

    fn note(
        &self,
        trail: &mut Trail,
        rule: &Rule<RuleCells>,
        answer: &Answer,
        admitted: bool,
    ) -> Result<(), HostError> {
        if answer.refuses() {
            // Whether it is done was decided with all other rules.
            let _ = self.audit.acts(trail, &rule.name, "limited", rule.shadow);
        } else if admitted {
            self.audit.counts(&rule.name, "allowed")?;
        }
        if answer.overflow {
            self.audit.counts(&rule.name, "overflow")?;
        }
        if answer.contended {
            self.audit.counts(&rule.name, "contended")?;
        }
        Ok(())
    }

    fn now(&self) -> Result<Now, HostError> {
        let monotone = clock::monotonic()?.as_nanos();
        Ok(self.origin.now(u64::try_from(monotone).unwrap_or(u64::MAX)))
    }
}

impl Stream {
    /// Remembers what may have to be given back.
    fn keep(&mut self, number: usize, rule: &Rule<RuleCells>, asked: Asked, receipt: Option<Receipt>) {
        if rule.waits_for_status() {
            self.taken.push(Taken { rule: number, asked, receipt });
        }
    }
}

impl RuleCells {
    fn new(plugin: &PluginContext, rule: &str, sets: u32, windows: usize) -> Result<Self, ConfigError> {
        // How many limits there are is part of a set's form.
        let layout = LAYOUT * 4 + u32::try_from(windows).unwrap_or_default();
        Ok(Self {
            sets: SharedCells::new(plugin, &["rule.", rule].concat(), layout, sets)?,
            overflow: SharedCell::new(plugin, &["overflow.", rule].concat(), layout)?,
        })
    }
}

impl Cells for RuleCells {
    type Error = HostError;
    type Version = Version;

    fn read(&self, cell: Cell) -> Result<(Option<Vec<u8>>, Version), HostError> {
        self.with(cell, SharedCell::read)
    }

    fn swap(&self, cell: Cell, value: &[u8], version: Version) -> Result<bool, HostError> {
        self.with(cell, |cell| cell.write(value, version))
    }
}

impl RuleCells {
    fn with<T>(&self, cell: Cell, then: impl FnOnce(&SharedCell) -> T) -> T {
        let set = match cell {
            Cell::Set(number) => self.sets.get(number),
            Cell::Overflow => None,
        };
        then(set.as_ref().unwrap_or(&self.overflow))
    }
}

/// The secret and the time that all workers agree on: the first one's.
fn agree(plugin: &PluginContext) -> Result<Origin, ConfigError> {
    let cell = SharedCell::new(plugin, "origin", LAYOUT)?;
    let refused = |error: HostError| ConfigError::new("", format!("no shared values: {error}"));
    let random = tamis::random::bytes().map_err(refused)?;
    let nanoseconds = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let (wall, monotone) = (clock::wall().map_err(refused)?, clock::monotonic().map_err(refused)?);
    let proposal = Origin::proposal(random, nanoseconds(wall), nanoseconds(monotone));
    if cell.create(&proposal).map_err(refused)? == Creation::Created {
        tamis::log::info(format_args!("nothing was counted under this vm_id before: all limits begin unused"));
    }
    let value = cell.get().map_err(refused)?.unwrap_or_default();
    Origin::read(&value)
        .ok_or_else(|| ConfigError::new("", "another plugin has written to this plugin's shared values"))
}

fn tell(fields: &Fields, headers: &mut tamis::Headers) -> Result<(), HostError> {
    headers.set(&RATELIMIT, fields.limit.as_bytes())?;
    headers.set(&RATELIMIT_POLICY, fields.policy.as_bytes())
}
