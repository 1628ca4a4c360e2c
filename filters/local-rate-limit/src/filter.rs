//! The phases.

use tamis::audit::{Audit, Trail};
use tamis::matching::{Remembered, Subject};
use tamis::metrics::{Counter, Metric};
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

/// What has a place in access logs, and can be in shadow; all else is only counted, in the same form.
const ACTIONS: [&str; 1] = ["limited"];

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

/// A rule that is for a request.
struct Claim<'r> {
    number: usize,
    rule: &'r Rule<RuleCells>,
    asked: Asked,
    /// Whether a lease has had it.
    leased: bool,
}

/// The shared values of a rule.
#[derive(Debug)]
struct RuleCells {
    sets: SharedCells,
    overflow: SharedCell,
    counters: Counters,
}

/// What a rule counts beside what it refuses.
#[derive(Debug)]
struct Counters {
    allowed: Counter,
    overflow: Counter,
    contended: Counter,
    refunded: Counter,
}

#[tamis::filter]
impl Filter for LocalRateLimit {
    type Config = Config;
    type Stream = Stream;

    fn new(config: Config, plugin: &PluginContext) -> Result<Self, ConfigError> {
        if !(1..=100).contains(&config.rules.len()) {
            return Err(ConfigError::new("rules", "expected 1 to 100 rules"));
        }
        for (i, rule) in config.rules.iter().enumerate() {
            if config.rules.iter().take(i).any(|before| before.name == rule.name) {
                return Err(ConfigError::new(format!("rules[{i}].name"), "another rule has this name"));
            }
        }
        let audit = Audit::define("ratelimit", config.rules.iter().map(|rule| rule.name.as_str()), ACTIONS)?;
        let rule = |(i, rule)| {
            Rule::new(rule, &format!("rules[{i}]"), |name, sets, windows| RuleCells::new(plugin, name, sets, windows))
        };
        let rules = config.rules.into_iter().enumerate().map(rule).collect::<Result<_, _>>()?;
        Ok(Self {
            origin: agree(plugin)?,
            rules,
            audit,
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
        let request = Remembered::new(request);
        let mut claims = Vec::new();
        for (number, rule) in self.rules.iter().enumerate() {
            if let Some(asked) = rule.asked(self.origin.key(), &request)? {
                claims.push(Claim { number, rule, asked, leased: false });
            }
        }
        if claims.is_empty() {
            return Ok(None);
        }
        let now = self.now()?;
        for Claim { rule, asked, leased, .. } in &mut claims {
            *leased = rule.lease > 0 && rule.leases.borrow_mut().use_up(asked.tag, asked.cost, now);
        }
        let demanded = || claims.iter().filter(|claim| !claim.leased);
        let demands = demanded().map(|claim| claim.rule.demand(&claim.asked)).collect::<Vec<_>>();
        let answers = limiter::decide(&demands, now);
        let refuses = |(answer, claim): (&Answer, &Claim<'_>)| answer.refuses() && !claim.rule.shadow;
        let admitted = matches!(&answers, Ok(answers) if !answers.iter().zip(demanded()).any(refuses));
        if !admitted {
            for Claim { rule, asked, .. } in claims.iter().filter(|claim| claim.leased) {
                rule.leases.borrow_mut().give_back(asked.tag, asked.cost, rule.lease, now);
            }
        }
        let answers = answers.map_err(|(_, error)| error)?;
        for (answer, claim) in answers.iter().zip(demanded()) {
            self.note(&mut stream.trail, claim.rule, answer, admitted)?;
        }
        if !admitted {
            return Ok(Some(self.refusal(&answers, demanded(), now)));
        }
        if self.headers {
            stream.fields = told(&answers, demanded(), now);
        }
        let mut answers = answers.into_iter();
        for Claim { number, rule, asked, leased } in claims {
            if leased {
                rule.table.cells.counters.allowed.add(1)?;
                stream.keep(number, rule, asked, None);
                continue;
            }
            let Some(receipt) = answers.next().and_then(|answer| answer.receipt) else { continue };
            if rule.lease > 0 {
                let until = rule.limits(asked.tier).iter().map(|limit| limit.usable_until(now)).min().unwrap_or(now);
                rule.leases.borrow_mut().hold(asked.tag, receipt.count.saturating_sub(asked.cost), until);
            }
            stream.keep(number, rule, asked, (rule.lease == 0).then_some(receipt));
        }
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
            let counters = &rule.table.cells.counters;
            if is_back { &counters.refunded } else { &counters.contended }.add(1)?;
        }
        Ok(())
    }

    fn refusal<'c>(
        &self,
        answers: &[Answer],
        claims: impl Iterator<Item = &'c Claim<'c>> + Clone,
        now: Now,
    ) -> Response {
        let fields = told(answers, claims.clone(), now);
        let refusing = || {
            let refuses = |(answer, claim): &(&Answer, &Claim<'_>)| answer.refuses() && !claim.rule.shadow;
            answers.iter().zip(claims.clone()).filter(refuses)
        };
        let wait = refusing().map(|(answer, _)| answer.wait).max().unwrap_or_default();
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
                .body(problem(status, refusing().map(|(_, claim)| claim.rule.name.as_str()))),
        }
    }

    fn note(
        &self,
        trail: &mut Trail,
        rule: &Rule<RuleCells>,
        answer: &Answer,
        admitted: bool,
    ) -> Result<(), HostError> {
        let counters = &rule.table.cells.counters;
        if answer.refuses() {
            // Whether it is done was decided with all other rules.
            let _ = self.audit.acts(trail, &rule.name, "limited", rule.shadow);
        } else if admitted {
            counters.allowed.add(1)?;
        }
        if answer.overflow {
            counters.overflow.add(1)?;
        }
        if answer.contended {
            counters.contended.add(1)?;
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
        let counter = |action| Counter::define(&["ratelimit.rule.", rule, ".action.", action].concat());
        Ok(Self {
            sets: SharedCells::new(plugin, &["rule.", rule].concat(), layout, sets)?,
            overflow: SharedCell::new(plugin, &["overflow.", rule].concat(), layout)?,
            counters: Counters {
                allowed: counter("allowed")?,
                overflow: counter("overflow")?,
                contended: counter("contended")?,
                refunded: counter("refunded")?,
            },
        })
    }
}

impl Cells for RuleCells {
    type Error = HostError;
    type Version = (SharedCell, Version);

    fn read(&self, cell: Cell) -> Result<(Option<Vec<u8>>, Self::Version), HostError> {
        let set = match cell {
            Cell::Set(number) => self.sets.get(number),
            Cell::Overflow => None,
        };
        let cell = set.unwrap_or_else(|| self.overflow.clone());
        let (value, version) = cell.read()?;
        Ok((value, (cell, version)))
    }

    fn swap(&self, value: &[u8], (cell, version): &Self::Version) -> Result<bool, HostError> {
        cell.write(value, *version)
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

/// The fields of all rules that are not in shadow.
fn told<'c>(answers: &[Answer], claims: impl Iterator<Item = &'c Claim<'c>>, now: Now) -> Fields {
    let mut fields = Fields::default();
    for (answer, Claim { rule, asked, .. }) in answers.iter().zip(claims).filter(|(_, claim)| !claim.rule.shadow) {
        fields.add(&rule.name, rule.limits_of(asked, answer), answer, now);
    }
    fields
}

fn tell(fields: &Fields, headers: &mut tamis::Headers) -> Result<(), HostError> {
    headers.set(&RATELIMIT, fields.limit.as_bytes())?;
    headers.set(&RATELIMIT_POLICY, fields.policy.as_bytes())
}
