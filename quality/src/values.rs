//! Things to find, made up: their check digits are computed here, from the issuers' texts, and not by the code that looks for
//! them.

use dlp_masking::entity::Entity;

use crate::random::Random;

pub const HEX: &str = "0123456789abcdef";
pub const ALPHANUMERIC: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// One of a kind, as somebody may write it.
pub fn value(entity: Entity, random: &mut Random) -> String {
    match entity {
        Entity::Card => card(random),
        Entity::Iban => iban(random),
        Entity::UsSsn => ssn(random),
        Entity::KrRrn => rrn(random),
        Entity::UkNhs => nhs(random),
        Entity::InAadhaar => aadhaar(random),
        Entity::BrCpf => cpf(random),
        Entity::Email => email(random),
        Entity::Phone => phone(random),
        Entity::Ipv4 => {
            format!("{}.{}.{}.{}", random.from(1, 223), random.below(256), random.below(256), random.from(1, 254))
        }
        Entity::Ipv6 => ipv6(random),
        Entity::Jwt => jwt(random),
        Entity::PrivateKey => pem(random),
        Entity::Token => token(random),
    }
}

fn number(text: &str) -> Vec<u32> {
    text.chars().filter_map(|digit| digit.to_digit(10)).collect()
}

/// Puts separators between groups of these lengths.
fn grouped(text: &str, lengths: &[usize], separator: &str) -> String {
    let mut rest = text;
    let mut groups = Vec::new();
    for length in lengths {
        let (group, more) = rest.split_at((*length).min(rest.len()));
        groups.push(group);
        rest = more;
        if rest.is_empty() {
            break;
        }
    }
    if !rest.is_empty() {
        groups.push(rest);
    }
    groups.join(separator)
}

/// ISO/IEC 7812-1, annex B: from the right, every second digit twice, the sum of all digits a multiple of ten.
fn luhn_digit(payload: &str) -> u32 {
    let sum: u32 = number(payload)
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| if place % 2 == 0 { (digit * 2) / 10 + (digit * 2) % 10 } else { *digit })
        .sum();
    (10 - sum % 10) % 10
}

fn card(random: &mut Random) -> String {
    let (prefix, length, groups): (String, usize, &[usize]) = match random.below(12) {
        0..=3 => (format!("4{}", random.digits(1)), 16, &[4, 4, 4, 4]),
        4..=5 => (format!("5{}", random.from(1, 5)), 16, &[4, 4, 4, 4]),
        6 => (random.from(2221, 2720).to_string(), 16, &[4, 4, 4, 4]),
        7..=8 => (random.text(&["34", "37"]).to_owned(), 15, &[4, 6, 5]),
        9 => (random.text(&["6011", "65", "644", "649"]).to_owned(), 16, &[4, 4, 4, 4]),
        10 => (random.from(3528, 3589).to_string(), 16, &[4, 4, 4, 4]),
        _ => ("62".to_owned(), 16, &[4, 4, 4, 4]),
    };
    let payload = format!("{prefix}{}", random.digits(length - 1 - prefix.len()));
    let number = format!("{payload}{}", luhn_digit(&payload));
    match random.below(3) {
        0 => number,
        1 => grouped(&number, groups, " "),
        _ => grouped(&number, groups, "-"),
    }
}

/// Sixteen digits as cards have them, and a wrong one at the end.
pub fn no_card(random: &mut Random) -> String {
    let payload = random.digits(15);
    let wrong = (luhn_digit(&payload) as usize + random.from(1, 9)) % 10;
    grouped(&format!("{payload}{wrong}"), &[4, 4, 4, 4], random.text(&[" ", "-"]))
}

fn iban(random: &mut Random) -> String {
    let (country, bank, digits) = random
        .of(&[
            ("DE", 0, 18),
            ("FR", 0, 23),
            ("GB", 4, 14),
            ("NL", 4, 10),
            ("ES", 0, 20),
            ("IT", 1, 22),
            ("CH", 0, 17),
            ("PL", 0, 24),
            ("NO", 0, 11),
        ])
        .unwrap_or(("DE", 0, 18));
    let account = format!("{}{}", random.string("ABCDEFGHIJKLMNOPQRSTUVWXYZ", bank), random.digits(digits));
    // ISO 13616: the remainder of the number with 00, letters as 10 to 35, taken from 98.
    let rest = format!("{account}{country}00")
        .chars()
        .filter_map(|letter| letter.to_digit(36))
        .fold(0, |rest, value| if value > 9 { (rest * 100 + value) % 97 } else { (rest * 10 + value) % 97 });
    let iban = format!("{country}{:02}{account}", 98 - rest);
    if random.below(2) == 0 { iban } else { grouped(&iban, &[4; 8], " ") }
}

fn ssn(random: &mut Random) -> String {
    let area = loop {
        let area = random.from(1, 899);
        if area != 666 {
            break area;
        }
    };
    let number = format!("{area:03}{:02}{:04}", random.from(1, 99), random.from(1, 9999));
    match random.below(4) {
        0 => grouped(&number, &[3, 2, 4], " "),
        1 => number,
        _ => grouped(&number, &[3, 2, 4], "-"),
    }
}

fn rrn(random: &mut Random) -> String {
    let year = random.from(40, 124);
    let (month, day) = (random.from(1, 12), random.from(1, 28));
    let sex = random.from(1, 2) + if year >= 100 { 2 } else { 0 };
    let payload = format!("{:02}{month:02}{day:02}{sex}{}", year % 100, random.digits(5));
    let weights = [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5];
    let sum: u32 = number(&payload).iter().zip(weights).map(|(digit, weight)| digit * weight).sum();
    // Children since late 2020 have random digits.
    let check = if year > 120 { random.below(10) as u32 } else { (11 - sum % 11) % 10 };
    let number = format!("{payload}{check}");
    if random.below(4) == 0 { number } else { grouped(&number, &[6, 7], "-") }
}

fn nhs(random: &mut Random) -> String {
    loop {
        let payload = random.digits(9);
        let sum: u32 = number(&payload).iter().zip((2..=10).rev()).map(|(digit, weight)| digit * weight).sum();
        let check = (11 - sum % 11) % 11;
        if check < 10 {
            let number = format!("{payload}{check}");
            return if random.below(3) == 0 { number } else { grouped(&number, &[3, 3, 4], " ") };
        }
    }
}

fn aadhaar(random: &mut Random) -> String {
    // Verhoeff's tables, as he printed them.
    const D: [&str; 10] = [
        "0123456789",
        "1234067895",
        "2340178956",
        "3401289567",
        "4012395678",
        "5987604321",
        "6598710432",
        "7659821043",
        "8765932104",
        "9876543210",
    ];
    const P: [&str; 8] = [
        "0123456789",
        "1576283094",
        "5803796142",
        "8916043527",
        "9453126870",
        "4286573901",
        "2793806415",
        "7046913258",
    ];
    let look = |table: &[&str], row: usize, column: usize| {
        let digit = table.get(row).and_then(|row| row.as_bytes().get(column)).copied().unwrap_or(b'0');
        usize::from(digit - b'0')
    };
    let payload = format!("{}{}", random.from(2, 9), random.digits(10));
    let check = number(&payload)
        .iter()
        .rev()
        .enumerate()
        .fold(0, |check, (place, digit)| look(&D, check, look(&P, (place + 1) % 8, *digit as usize)));
    let digit = (0..10).find(|digit| look(&D, check, *digit) == 0).unwrap_or(0);
    let number = format!("{payload}{digit}");
    if random.below(3) == 0 { number } else { grouped(&number, &[4, 4, 4], " ") }
}

fn cpf(random: &mut Random) -> String {
    let mut text = random.digits(9);
    for first in [10_u32, 11] {
        let sum: u32 = number(&text).iter().zip((2..=first).rev()).map(|(digit, weight)| digit * weight).sum();
        let rest = sum % 11;
        text.push_str(&(if rest < 2 { 0 } else { 11 - rest }).to_string());
    }
    if random.below(3) == 0 {
        return text;
    }
    let (body, check) = text.split_at(9);
    format!("{}-{check}", grouped(body, &[3, 3, 3], "."))
}

fn email(random: &mut Random) -> String {
    let names =
        ["maria", "j.smith", "kim_minsu", "o-brien", "team+alerts", "x9", "Anna.Berg", "info", "r2d2", "du.pont.42"];
    let domains =
        ["example.com", "mail.example.org", "corp.example.co.uk", "web-shop.de", "uni.ac.kr", "foo.io", "a1.museum"];
    format!("{}@{}", random.text(&names), random.text(&domains))
}

fn phone(random: &mut Random) -> String {
    match random.below(7) {
        0 => format!("+1 ({}) {}-{}", random.from(201, 989), random.from(200, 999), random.digits(4)),
        1 => format!("+1-{}-{}-{}", random.from(201, 989), random.from(200, 999), random.digits(4)),
        2 => format!("+44 20 {} {}", random.from(7000, 8999), random.digits(4)),
        3 => format!("+4915{}", random.digits(9)),
        4 => format!("+82-10-{}-{}", random.from(2000, 9999), random.digits(4)),
        5 => format!(
            "+33 {} {} {} {} {}",
            random.from(1, 9),
            random.digits(2),
            random.digits(2),
            random.digits(2),
            random.digits(2)
        ),
        _ => format!("+55 11 9{}-{}", random.digits(4), random.digits(4)),
    }
}

fn ipv6(random: &mut Random) -> String {
    let group = |random: &mut Random| format!("{:x}", random.below(0x1_0000));
    match random.below(3) {
        0 => (0..8).map(|_| group(random)).collect::<Vec<_>>().join(":"),
        1 => format!("2001:db8:{}::{}", group(random), group(random)),
        _ => format!("fe80::{}:{}:{}", group(random), group(random), random.from(10, 99)),
    }
}

fn jwt(random: &mut Random) -> String {
    let header = random.text(&[
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9",
        "eyJraWQiOiJhYmMxMjMiLCJhbGciOiJFUzI1NiJ9",
    ]);
    let length = random.from(40, 300);
    format!("{header}.eyJ{}.{}", random.string(BASE64URL, length), random.string(BASE64URL, 43))
}

fn pem(random: &mut Random) -> String {
    let label = random.text(&[
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
    ]);
    let lines: Vec<_> = (0..random.from(2, 12)).map(|_| random.string(ALPHANUMERIC, 64)).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", lines.join("\n"))
}

fn token(random: &mut Random) -> String {
    match random.below(12) {
        0 => format!("AKIA{}", random.string(UPPER, 16)),
        1 => format!("ghp_{}", random.string(ALPHANUMERIC, 36)),
        2 => format!("github_pat_{}_{}", random.string(ALPHANUMERIC, 22), random.string(ALPHANUMERIC, 59)),
        3 => format!("xoxb-{}-{}-{}", random.digits(12), random.digits(12), random.string(ALPHANUMERIC, 24)),
        4 => format!("sk_live_{}", random.string(ALPHANUMERIC, 24)),
        5 => format!("AIza{}", random.string(BASE64URL, 34) + "x"),
        6 => format!("glpat-{}", random.string(ALPHANUMERIC, 20)),
        7 => format!("npm_{}", random.string(ALPHANUMERIC, 36)),
        8 => format!("SG.{}.{}", random.string(ALPHANUMERIC, 22), random.string(ALPHANUMERIC, 43)),
        9 => format!("dop_v1_{}", random.string(HEX, 64)),
        10 => format!("hvs.{}", random.string(ALPHANUMERIC, 95)),
        _ => format!("sk-ant-api03-{}", random.string(ALPHANUMERIC, 93)),
    }
}
