//! The phases.

mod cells;

use tamis::attributes::filter_state;
use tamis::audit::{Audit, Trail};
use tamis::matching::{Remembered, Subject};
use tamis::shared::{Creation, SharedCell};
use tamis::{
    ConfigError, Filter, GrpcStatus, HeaderMap, HeaderName, HostError, OnError, Outcome, PluginContext, RequestHeaders,
    Response, ResponseHeaders, clock,
};

use crate::config::{Config, Refusal, RefusalGrpcStatus};
use crate::fields::{Fields, problem, seconds};
use crate::limiter::{self, Answer, Asking};
use crate::note::{Note, Taken};
use crate::origin::Origin;
use crate::rule::{Asked, Rule};
use crate::window::Now;
use cells::{Last, RuleCells};

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
    /// The name of the note that a request leaves for its response; none when no response has anything to do.
    note: Option<String>,
}

/// A rule that is for a request.
struct Claim<'r> {
    number: usize,
    rule: &'r Rule<RuleCells>,
    asked: Asked,
    /// Whether a lease has had it.
    leased: bool,
}

#[tamis::filter]
impl Filter for LocalRateLimit {
    type Config = Config;
    type Stream = ();

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
        let last = Last::default();
        let rule = |(i, rule)| {
            Rule::new(rule, &format!("rules[{i}]"), |name, sets, windows| {
                // How many limits there are is part of a set's form.
                let layout = LAYOUT * 4 + u32::try_from(windows).unwrap_or_default();
                RuleCells::new(plugin, (i, name), layout, sets, &last)
            })
        };
        let rules = config.rules.into_iter().enumerate().map(rule).collect::<Result<Vec<_>, _>>()?;
        let waits = config.headers || rules.iter().any(Rule::waits_for_status);
        Ok(Self {
            origin: agree(plugin)?,
            rules,
            audit,
            refusal: config.refusal,
            headers: config.headers,
            on_error: config.on_error,
            note: waits.then(note).transpose()?,
        })
    }

    fn request_headers(&self, (): &mut (), request: &mut RequestHeaders) -> Outcome {
        let mut note = Note::default();
        match self.decide(&mut note, request.headers()) {
            Ok(None) if note.is_empty() => Outcome::Continue,
            Ok(None) => self.on_error.over([self.leave(&note)]),
            Ok(Some(refusal)) => refusal.into(),
            Err(error) => self.on_error.over([Err(error)]),
        }
    }

    fn response_headers(&self, (): &mut (), response: &mut ResponseHeaders) -> Outcome {
        let Some(name) = &self.note else { return Outcome::Continue };
        let note = match filter_state::get(name) {
            Ok(note) => note.as_deref().and_then(Note::read).unwrap_or_default(),
            Err(error) => return self.on_error.over([Err(error)]),
        };
        let told = if note.fields.is_empty() { Ok(()) } else { tell(&note.fields, response.headers()) };
        let refunded = if note.taken.is_empty() { Ok(()) } else { self.refund(&note.taken, response) };
        self.on_error.over([told, refunded])
    }
}

impl LocalRateLimit {
    /// Charges the request, or says with what to refuse it.
    fn decide<S: Subject<Error = HostError>>(
        &self,
        note: &mut Note,
        request: &S,
    ) -> Result<Option<Response>, HostError> {
        let request = Remembered::new(request);
        // Nearly always it is one, which then needs no list.
        let (mut first, mut others) = (None, Vec::new());
        for (number, rule) in self.rules.iter().enumerate() {
            if let Some(asked) = rule.asked(self.origin.key(), &request)? {
                let claim = Claim { number, rule, asked, leased: false };
                if first.is_none() {
                    first = Some(claim);
                } else {
                    others.push(claim);
                }
            }
        }
        let Some(mut claim) = first else { return Ok(None) };
        let now = self.now()?;
        if others.is_empty() {
            claim.use_lease(now);
            if claim.leased {
                return self.conclude(note, &[claim], &[], now);
            }
            let demand = claim.rule.demand(&claim.asked);
            let mut asking = Asking::new(&demand);
            let answer = asking.ask(now)?;
            // What nearly every request comes to, without all that might be.
            if self.note.is_none() && claim.rule.lease == 0 && answer.receipt.is_some() && !answer.overflow {
                return claim.rule.table.cells.counters.allowed.add(1).map(|()| None);
            }
            return self.conclude(note, &[claim], std::slice::from_ref(answer), now);
        }
        others.insert(0, claim);
        self.decide_all(note, &mut others, now)
    }

    /// Charges a request that several rules are for.
    fn decide_all(&self, note: &mut Note, claims: &mut [Claim<'_>], now: Now) -> Result<Option<Response>, HostError> {
        claims.iter_mut().for_each(|claim| claim.use_lease(now));
        let demands = demanded(claims).map(|claim| claim.rule.demand(&claim.asked)).collect::<Vec<_>>();
        match limiter::decide(&demands, now) {
            Ok(answers) => self.conclude(note, claims, &answers, now),
            Err((_, error)) => {
                give_back(claims, now);
                Err(error)
            }
        }
    }

    /// Does what the answers say, which are those of the claims that no lease has had.
    fn conclude(
        &self,
        note: &mut Note,
        claims: &[Claim<'_>],
        answers: &[Answer],
        now: Now,
    ) -> Result<Option<Response>, HostError> {
        let refuses = |(answer, claim): (&Answer, &Claim<'_>)| answer.refuses() && !claim.rule.shadow;
        let admitted = !answers.iter().zip(demanded(claims)).any(refuses);
        if !admitted {
            give_back(claims, now);
        }
        let mut trail = Trail::default();
        for (answer, claim) in answers.iter().zip(demanded(claims)) {
            self.count(&mut trail, claim.rule, answer, admitted)?;
        }
        if !admitted {
            return Ok(Some(self.refusal(answers, demanded(claims), now)));
        }
        if self.headers {
            note.fields = told(answers, demanded(claims), now);
        }
        let mut answers = answers.iter();
        for Claim { number, rule, asked, leased } in claims {
            let mut keep = |receipt| {
                if rule.waits_for_status() {
                    note.taken.push(Taken { rule: *number, asked: *asked, receipt });
                }
            };
            if *leased {
                rule.table.cells.counters.allowed.add(1)?;
                keep(None);
                continue;
            }
            let Some(receipt) = answers.next().and_then(|answer| answer.receipt.as_ref()) else { continue };
            if rule.lease > 0 {
                let until = rule.limits(asked.tier).iter().map(|limit| limit.usable_until(now)).min().unwrap_or(now);
                rule.leases.borrow_mut().hold(asked.tag, receipt.count.saturating_sub(asked.cost), until);
            }
            keep((rule.lease == 0).then_some(*receipt));
        }
        Ok(None)
    }

    /// Leaves the note for the response.
    fn leave(&self, note: &Note) -> Result<(), HostError> {
        self.note.as_ref().map_or(Ok(()), |name| filter_state::set(name, &note.to_bytes()))
    }

    /// Gives back what the response's status does not count.
    fn refund(&self, taken: &[Taken], response: &ResponseHeaders) -> Result<(), HostError> {
        let status = response.status()?;
        for taken in taken {
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

    fn count(
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
        Ok(self.origin.now(clock::monotonic_nanoseconds()?))
    }
}

impl Claim<'_> {
    /// Has a lease have it, if that is enough.
    fn use_lease(&mut self, now: Now) {
        let Self { rule, asked, .. } = self;
        self.leased = rule.lease > 0 && rule.leases.borrow_mut().use_up(asked.tag, asked.cost, now);
    }
}

/// The claims that no lease has had.
fn demanded<'c>(claims: &'c [Claim<'c>]) -> impl Iterator<Item = &'c Claim<'c>> + Clone {
    claims.iter().filter(|claim| !claim.leased)
}

/// Gives the leases back what they have had of a request that is not admitted.
fn give_back(claims: &[Claim<'_>], now: Now) {
    for Claim { rule, asked, .. } in claims.iter().filter(|claim| claim.leased) {
        rule.leases.borrow_mut().give_back(asked.tag, asked.cost, rule.lease, now);
    }
}

/// The name of notes, which no other filter can guess.
fn note() -> Result<String, ConfigError> {
    let random =
        tamis::random::bytes::<8>().map_err(|error| ConfigError::new("", format!("no random bytes: {error}")))?;
    Ok(format!("ratelimit.note.{:016x}", u64::from_le_bytes(random)))
}

/// The secret and the time that all workers agree on: the first one's.
fn agree(plugin: &PluginContext) -> Result<Origin, ConfigError> {
    let cell = SharedCell::new(plugin, "origin", LAYOUT)?;
    let refused = |error: HostError| ConfigError::new("", format!("no shared values: {error}"));
    let random = tamis::random::bytes().map_err(refused)?;
    let nanoseconds = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let (wall, monotone) = (clock::wall().map_err(refused)?, clock::monotonic_nanoseconds().map_err(refused)?);
    let proposal = Origin::proposal(random, nanoseconds(wall), monotone);
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
