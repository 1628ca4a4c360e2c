//! What is found, and where.

use schemars::JsonSchema;
use tamis::config::ReadConfig;

use crate::open::Open;

/// What the built-in detectors find. `docs/filters/dlp-masking-detectors.md` says source, rule and known misses of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Entity {
    /// Numbers of payment cards.
    Card,
    /// International bank account numbers.
    Iban,
    /// Social security numbers of the USA.
    UsSsn,
    /// Resident registration numbers of Korea, foreigners' among them.
    KrRrn,
    /// Patients' numbers of the UK's National Health Service.
    UkNhs,
    /// Aadhaar numbers of India.
    InAadhaar,
    /// Taxpayers' numbers of Brazil (CPF).
    BrCpf,
    /// Mail addresses.
    Email,
    /// Telephone numbers in international form: `+44 20 7946 0958`.
    Phone,
    /// IPv4 addresses.
    Ipv4,
    /// IPv6 addresses.
    Ipv6,
    /// JSON Web Tokens, signed or encrypted.
    Jwt,
    /// Private keys in PEM, to their last line.
    PrivateKey,
    /// Tokens and keys of clouds and services, by their prefixes.
    Token,
}

impl Entity {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Card,
        Self::Iban,
        Self::UsSsn,
        Self::KrRrn,
        Self::UkNhs,
        Self::InAadhaar,
        Self::BrCpf,
        Self::Email,
        Self::Phone,
        Self::Ipv4,
        Self::Ipv6,
        Self::Jwt,
        Self::PrivateKey,
        Self::Token,
    ];

    /// The name that configurations, labels and metrics use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Iban => "iban",
            Self::UsSsn => "us_ssn",
            Self::KrRrn => "kr_rrn",
            Self::UkNhs => "uk_nhs",
            Self::InAadhaar => "in_aadhaar",
            Self::BrCpf => "br_cpf",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Jwt => "jwt",
            Self::PrivateKey => "private_key",
            Self::Token => "token",
        }
    }

    pub(crate) const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// What a detector says of a place: before thresholds and lists of exceptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub start: usize,
    pub end: usize,
    /// How sure the form alone makes it, 0 to 100.
    pub score: i32,
    /// A token whose end is still to be found: it goes on from `end`.
    pub open: Option<Open>,
}

impl Candidate {
    pub fn new(start: usize, end: usize, score: i32) -> Self {
        Self { start, end, score, open: None }
    }

    pub fn open(start: usize, end: usize, score: i32, open: Open) -> Self {
        Self { start, end, score, open: Some(open) }
    }
}

/// A part of a text that a rule is for. A token whose end could not be awaited comes in several: the first one `begins`, the
/// last one `ends`. Everything else does both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// The first byte.
    pub start: usize,
    /// The byte behind the last one.
    pub end: usize,
    /// Which of the [rules](crate::plan::Plan::rules) it is for.
    pub rule: usize,
    /// Whether it has a bounded form, and is here as a whole.
    pub whole: bool,
    /// Whether the found thing begins here.
    pub begins: bool,
    /// Whether it ends here.
    pub ends: bool,
}
