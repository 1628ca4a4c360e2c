//! Tokens and keys of clouds and services that say by a prefix whose they are.
//!
//! * Source: the services' own documentation of their formats; the table below has a row for each prefix.
//! * Rule: the prefix, not within a word, and as many characters of its alphabet as the service uses. Where the length is
//!   known the token is matched as a whole, else it is followed to its last character. Scores 90.
//! * Known misses: older formats without a prefix; keys that only what is around them tells (values behind names are for these).

use crate::entity::Candidate;
use crate::open::{Open, is_base64url};
use crate::view::{View, is_word};

const SCORE: i32 = 90;

/// A prefix, and what follows it.
#[derive(Debug)]
pub(crate) struct Prefix {
    service: &'static str,
    pub prefix: &'static str,
    /// How many characters follow at least, and at most; without the latter as many as there are.
    least: usize,
    most: Option<usize>,
    alphabet: fn(u8) -> bool,
}

const fn row(
    service: &'static str,
    prefix: &'static str,
    least: usize,
    most: Option<usize>,
    alphabet: fn(u8) -> bool,
) -> Prefix {
    Prefix { service, prefix, least, most, alphabet }
}

fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn letters(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn dotted(byte: u8) -> bool {
    is_base64url(byte) || byte == b'.'
}

pub(crate) const PREFIXES: &[Prefix] = &[
    row("AWS access key", "AKIA", 16, Some(16), upper),
    row("AWS temporary access key", "ASIA", 16, Some(16), upper),
    row("AWS bearer token", "ABIA", 16, Some(16), upper),
    row("AWS context credential", "ACCA", 16, Some(16), upper),
    row("GitHub personal token", "ghp_", 36, Some(100), letters),
    row("GitHub OAuth token", "gho_", 36, Some(100), letters),
    row("GitHub user token", "ghu_", 36, Some(100), letters),
    row("GitHub server token", "ghs_", 36, Some(100), letters),
    row("GitHub refresh token", "ghr_", 36, Some(100), letters),
    row("GitHub fine-grained token", "github_pat_", 60, None, is_base64url),
    row("GitLab personal token", "glpat-", 20, None, dotted),
    row("GitLab deploy token", "gldt-", 20, None, is_base64url),
    row("GitLab runner token", "glrt-", 20, None, dotted),
    row("Slack bot token", "xoxb-", 20, None, is_base64url),
    row("Slack user token", "xoxp-", 20, None, is_base64url),
    row("Slack workspace token", "xoxa-", 20, None, is_base64url),
    row("Slack refresh token", "xoxr-", 20, None, is_base64url),
    row("Slack session token", "xoxs-", 20, None, is_base64url),
    row("Slack rotated token", "xoxe.xox", 20, None, dotted),
    row("Slack app token", "xapp-", 20, None, is_base64url),
    row("Stripe secret key", "sk_live_", 16, None, letters),
    row("Stripe test key", "sk_test_", 16, None, letters),
    row("Stripe restricted key", "rk_live_", 16, None, letters),
    row("Stripe restricted test key", "rk_test_", 16, None, letters),
    row("Stripe webhook secret", "whsec_", 24, None, letters),
    row("Google API key", "AIza", 35, Some(35), is_base64url),
    row("Google OAuth secret", "GOCSPX-", 28, Some(28), is_base64url),
    row("Google access token", "ya29.", 20, None, dotted),
    row("SendGrid", "SG.", 60, None, dotted),
    row("npm", "npm_", 36, Some(36), letters),
    row("PyPI", "pypi-AgE", 50, None, is_base64url),
    row("RubyGems", "rubygems_", 48, Some(48), hex),
    row("DigitalOcean personal token", "dop_v1_", 64, Some(64), hex),
    row("DigitalOcean OAuth token", "doo_v1_", 64, Some(64), hex),
    row("DigitalOcean refresh token", "dor_v1_", 64, Some(64), hex),
    row("Vault service token", "hvs.", 24, None, is_base64url),
    row("Vault batch token", "hvb.", 24, None, is_base64url),
    row("OpenAI project key", "sk-proj-", 20, None, is_base64url),
    row("OpenAI service key", "sk-svcacct-", 20, None, is_base64url),
    row("Anthropic", "sk-ant-", 20, None, is_base64url),
    row("Shopify access token", "shpat_", 32, Some(32), |byte| byte.is_ascii_hexdigit()),
    row("Shopify custom app", "shpca_", 32, Some(32), |byte| byte.is_ascii_hexdigit()),
    row("Shopify private app", "shppa_", 32, Some(32), |byte| byte.is_ascii_hexdigit()),
    row("Shopify shared secret", "shpss_", 32, Some(32), |byte| byte.is_ascii_hexdigit()),
    row("Hugging Face", "hf_", 30, Some(40), letters),
    row("Databricks", "dapi", 32, Some(34), |byte| hex(byte) || byte == b'-'),
    row("Twilio API key", "SK", 32, Some(32), hex),
    row("Square access token", "sq0atp-", 22, Some(22), is_base64url),
    row("Square secret", "sq0csp-", 43, Some(43), is_base64url),
    row("Grafana service account", "glsa_", 32, None, is_base64url),
    row("Linear", "lin_api_", 40, Some(40), letters),
    row("Postman", "PMAK-", 50, None, is_base64url),
    row("New Relic", "NRAK-", 27, Some(27), upper),
    row("Atlassian", "ATATT3", 50, None, |byte| is_base64url(byte) || byte == b'='),
    row("Docker Hub", "dckr_pat_", 27, None, is_base64url),
    row("Doppler", "dp.pt.", 40, None, letters),
    row("Sentry", "sntrys_", 40, None, |byte| is_base64url(byte) || matches!(byte, b'+' | b'/' | b'=')),
    row("Notion", "ntn_", 40, None, letters),
    row("Figma", "figd_", 40, None, is_base64url),
    row("Supabase", "sbp_", 40, Some(40), hex),
    row("Pulumi", "pul-", 40, Some(40), hex),
    row("Mailchimp transactional", "md-", 22, Some(22), is_base64url),
    row("Age", "AGE-SECRET-KEY-1", 58, Some(58), upper),
];

/// The tokens that are known: whose they are, and how they begin.
///
/// ```
/// # use dlp_masking::detect::token;
/// assert!(token::known().any(|(service, prefix)| service == "npm" && prefix == "npm_"));
/// ```
pub fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    PREFIXES.iter().map(|row| (row.service, row.prefix))
}

impl Prefix {
    /// Where in it the three bytes begin that are the rarest in other texts: where the scan stops to look.
    pub fn anchor(&self) -> usize {
        let rare = |at: &usize| {
            let three = self.prefix.as_bytes().iter().skip(*at).take(3);
            three.map(|byte| u32::from(commonness(*byte))).sum::<u32>()
        };
        (0..=self.prefix.len().saturating_sub(3)).min_by_key(rare).unwrap_or(0)
    }

    /// What can be the first byte behind it.
    pub fn first(&self) -> Vec<u8> {
        (0..=u8::MAX).filter(|byte| (self.alphabet)(*byte)).collect()
    }

    /// A token whose anchor is at `at`.
    pub fn at(&self, view: &View<'_>, at: usize, anchor: usize, floor: usize) -> Option<Candidate> {
        let start = at.checked_sub(anchor).filter(|start| *start >= floor)?;
        if !view.has(start, self.prefix.as_bytes()) || view.before(start, 1).is_some_and(is_word) {
            return None;
        }
        let body = start + self.prefix.len();
        let Some(most) = self.most else {
            let open = if (self.alphabet)(b'.') { Open::Dotted } else { Open::Plain };
            let long = view.run(body, self.least, self.alphabet) == self.least;
            // A dot at the end may be a sentence's.
            let end = body + self.least - usize::from(view.before(body + self.least, 1) == Some(b'.'));
            return long.then(|| Candidate::open(start, end, SCORE, open));
        };
        let length = view.run(body, most + 1, self.alphabet);
        let end = body + length;
        let whole = (self.least..=most).contains(&length) && !view.get(end).is_some_and(is_word);
        whole.then(|| Candidate::new(start, end, SCORE))
    }
}

/// How common a byte is in text, JSON and code, roughly. What joins the parts of tokens is taken for rare, because the scan
/// stops there in any case.
pub(crate) fn commonness(byte: u8) -> u8 {
    match byte {
        b'_' | b'-' => 0,
        b'.' => 1,
        b'Z' | b'X' | b'Q' | b'J' | b'K' | b'V' | b'W' | b'Y' => 2,
        b'A'..=b'Z' => 3,
        b'z' | b'q' | b'x' | b'j' => 4,
        b'k' | b'v' | b'w' => 5,
        b'b' | b'f' | b'g' | b'y' | b'p' | 0x80.. => 6,
        b'0'..=b'9' => 13,
        b',' | b':' | b'"' | b' ' => 9,
        _ => 7,
    }
}
