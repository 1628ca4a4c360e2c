//! Labelled texts: sentences as people, programs and forms write them, with things to find in them, and sentences with things
//! that only look so.
//!
//! The sentences were not written from the detectors' words, and are not changed to fit them. Where a detector was changed by
//! what they have shown, it was in general terms: of two words that speak of a number, the nearer one is right.

use dlp_masking::entity::Entity;

use crate::random::Random;
use crate::values::{self, ALPHANUMERIC, HEX};

/// A text, and where things are in it.
#[derive(Debug, Default)]
pub struct Labelled {
    pub text: String,
    pub spans: Vec<(Entity, usize, usize)>,
}

/// Sentences for one kind of thing, with `{}` where it stands.
fn sentences(entity: Entity) -> &'static [&'static str] {
    match entity {
        Entity::Card => &[
            "Please charge my Visa card {} for the two tickets.",
            "card_number={};amount=12.90;currency=EUR",
            "I paid with {} yesterday and it was declined.",
            "{\"method\":\"mastercard\",\"pan\":\"{}\",\"cvc\":\"***\"}",
            "Credit card: {}, expires 04/29",
            "2024-03-01 12:00:01 DEBUG gateway request body={} retry=0",
            "My number is {} - can you see why it fails?",
            "<cardholder>Jo</cardholder><number>{}</number>",
            "Bitte buchen Sie von meiner Kreditkarte {} ab.",
            "cc:{}",
        ],
        Entity::Iban => &[
            "Please transfer the amount to {} until Friday.",
            "IBAN {}",
            "{\"debtor\":{\"iban\":\"{}\"}}",
            "Bankverbindung: {}, BIC unbekannt",
            "refund_account={}",
        ],
        Entity::UsSsn => &[
            "My social security number is {}.",
            "SSN: {}",
            "employee_ssn={}&state=CA",
            "{\"ssn\":\"{}\",\"dob\":\"1980-02-03\"}",
            "Social: {} / married filing jointly",
            "the applicant gave {} as the SSN",
        ],
        Entity::KrRrn => &[
            "주민등록번호: {}",
            "고객 주민번호 {} 확인 부탁드립니다.",
            "rrn={}",
            "{\"name\":\"김민수\",\"residentNumber\":\"{}\"}",
            "본인 확인을 위해 {} 를 입력했습니다.",
        ],
        Entity::UkNhs => &[
            "NHS number: {}",
            "Patient {} was seen in clinic today.",
            "{\"nhsNumber\":\"{}\"}",
            "Referral for NHS no. {} received",
            "nhs_id={}",
        ],
        Entity::InAadhaar => &[
            "Aadhaar number {} is linked to this account.",
            "aadhaar={}",
            "My Aadhar: {}",
            "{\"aadhaarNumber\":\"{}\"}",
            "UIDAI record {} verified",
        ],
        Entity::BrCpf => &[
            "CPF: {}",
            "cpf={}",
            "O CPF do cliente é {}.",
            "{\"documento\":{\"cpf\":\"{}\"}}",
            "Titular do CPF {} autorizou a compra.",
        ],
        Entity::Email => &[
            "Write to {} if anything is missing.",
            "From: <{}>",
            "user={} logged in",
            "{\"to\":[\"{}\"]}",
            "cc {}; bcc nobody",
            "mailto:{}?subject=hello",
        ],
        Entity::Phone => &[
            "Call me at {} after six.",
            "phone={}",
            "tel:{}",
            "{\"mobile\":\"{}\"}",
            "Reception: {}, ask for Jo.",
            "WhatsApp {}",
        ],
        Entity::Ipv4 => &[
            "connection from {} refused",
            "{} - - [10/Oct/2024:13:55:36 +0000] \"GET / HTTP/1.1\" 200 2326",
            "client_ip={} status=200",
            "{\"remote\":\"{}\"}",
            "ping {} failed, see http://{}:8080/",
        ],
        Entity::Ipv6 => {
            &["connection from {} refused", "client [{}]:443 timed out", "addr={} ttl=64", "{\"peer\":\"{}\"}"]
        }
        Entity::Jwt => &[
            "Authorization: Bearer {}",
            "{\"access_token\":\"{}\",\"expires_in\":300}",
            "cookie: session={}; path=/",
            "curl -H 'X-Auth: {}' localhost",
        ],
        Entity::PrivateKey => &["the key is\n{}\nkeep it safe", "{}", "{\n{}\n}", "cat id_rsa\n{}\n$"],
        Entity::Token => &[
            "export TOKEN={}",
            "{\"key\":\"{}\"}",
            "I pushed {} by accident, please revoke it.",
            "https://api.example.com/v1?key={}&q=1",
            "curl -u {}: https://example.com",
        ],
    }
}

/// What only looks like something.
fn decoy(random: &mut Random) -> String {
    let lengths = random.from(10, 16);
    match random.below(25) {
        0 => format!("Order {} has shipped.", random.digits(lengths)),
        1 => format!("order_id={}&total=13.90", random.digits(16)),
        2 => format!("Your tracking number is 1Z{}", random.digits(16)),
        3 => format!("parcel {} delivered", random.digits(20)),
        4 => format!("invoice INV-{}-{} of {}", random.from(2019, 2025), random.digits(6), random.digits(10)),
        5 => {
            let groups = [8, 4, 4, 4, 12].map(|length| random.string(HEX, length));
            format!("request {} done", groups.join("-"))
        }
        6 => {
            let groups = [8, 4, 4, 4, 12].map(|length| random.digits(length));
            format!("{{\"uuid\":\"{}\"}}", groups.join("-"))
        }
        7 => format!("at {} the job began", 1_600_000_000 + random.below(150_000_000)),
        8 => format!("{{\"createdAt\":{}{}}}", 1_600_000_000 + random.below(150_000_000), random.digits(3)),
        9 => format!(
            "2024-0{}-1{}T0{}:2{}:3{}.{}Z",
            random.from(1, 9),
            random.below(10),
            random.below(10),
            random.below(10),
            random.below(10),
            random.digits(6)
        ),
        10 => format!(
            "costs {}.{} EUR, or {},{}.00 USD",
            random.digits(3),
            random.digits(2),
            random.digits(2),
            random.digits(3)
        ),
        11 => format!("md5 {} sha1 {}", random.string(HEX, 32), random.string(HEX, 40)),
        12 => format!("commit {}", random.string(HEX, 40)),
        13 => format!("data:image/png;base64,{}=", random.string(&format!("{ALPHANUMERIC}+/"), 200)),
        14 => format!(
            "version {}.{}.{}.{} released",
            random.below(20),
            random.below(20),
            random.below(20),
            random.below(200)
        ),
        15 => format!("ISBN 978-{}-{}-{}-{}", random.below(10), random.digits(4), random.digits(4), random.below(10)),
        16 => format!("EAN 40{}", random.digits(11)),
        17 => {
            format!("position {}.{}, {}.{}", random.below(90), random.digits(14), random.below(180), random.digits(14))
        }
        18 => format!("MAC {}", (0..6).map(|_| random.string(HEX, 2)).collect::<Vec<_>>().join(":")),
        19 => format!("meet at 1{}:{}0:00, room {}", random.below(10), random.below(6), random.digits(3)),
        20 => {
            format!("call our office at {}-{}-{} today", random.from(201, 989), random.from(200, 999), random.digits(4))
        }
        21 => format!("trace_id={} span_id={}", random.string(HEX, 32), random.string(HEX, 16)),
        22 => format!("<@{}> std::vector<int> a::b @media (min-width: {}px)", random.digits(18), random.digits(4)),
        23 => format!("member {} since {}", values::no_card(random), random.from(1990, 2025)),
        _ => format!("user-{} saw sku {} in batch {}", random.digits(6), random.digits(9), random.digits(12)),
    }
}

/// A text with `things` things to find, and as many that are none.
pub fn text(random: &mut Random, things: usize) -> Labelled {
    let mut labelled = Labelled::default();
    for _ in 0..things {
        let entity = random.of(&Entity::ALL).unwrap_or(Entity::Email);
        thing(random, entity, &mut labelled);
        labelled.text.push_str(random.text(&["\n", " ", "\n\n"]));
        labelled.text.push_str(&decoy(random));
        labelled.text.push('\n');
    }
    labelled
}

fn thing(random: &mut Random, entity: Entity, labelled: &mut Labelled) {
    let sentence = random.text(sentences(entity));
    let mut rest = sentence;
    // The last hole is the thing's; one before it is a bracket of JSON, or the thing again.
    while let Some((before, after)) = rest.split_once("{}") {
        labelled.text.push_str(before);
        let value = values::value(entity, random);
        let start = labelled.text.len();
        labelled.text.push_str(&value);
        labelled.spans.push((entity, start, labelled.text.len()));
        rest = after;
    }
    labelled.text.push_str(rest);
}
