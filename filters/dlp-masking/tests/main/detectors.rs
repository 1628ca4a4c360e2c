//! What is found in short texts, and what is not.

use dlp_masking::detect::keyed::Names;
use dlp_masking::engine::Engine;
use dlp_masking::format::Machine;
use dlp_masking::mask::Mask;
use dlp_masking::plan::{Plan, Rule};
use dlp_masking::scan::HOLD_BACK;

use crate::support::{at_once, is_the_same_for_every_cut, labels};

fn masked(text: &str) -> String {
    String::from_utf8(at_once(&Machine::text(), &labels(), text.as_bytes()).out).unwrap()
}

#[track_caller]
fn all(cases: &[(&str, &str)]) {
    let wrong: Vec<_> =
        cases.iter().map(|(text, expected)| (masked(text), *expected)).filter(|(a, b)| a != b).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn cards() {
    all(&[
        ("4111111111111111", "[card]"),
        ("4111 1111 1111 1111.", "[card]."),
        ("4111-1111-1111-1111, 12/29", "[card], 12/29"),
        ("2024-05-06 4111 1111 1111 1111 123", "2024-05-06 [card] 123"),
        ("1234 4111 1111 1111 1111", "1234 [card]"),
        ("pay 3782 822463 10005!", "pay [card]!"),
        ("36 30569309025904", "36 30569309025904"),
        ("diners 30569309025904", "diners [card]"),
        ("card 4222222222222", "card [card]"),
        ("4222222222222", "4222222222222"),
        ("5105105105105100 2223003122003222", "[card] [card]"),
        ("6011111111111117 3530111333300000", "[card] [card]"),
        ("카드4111111111111111입니다", "카드[card]입니다"),
        // One digit wrong; no network; too long; in a word; mixed separators; a fraction; a uuid.
        ("4111111111111112", "4111111111111112"),
        ("9111111111111110", "9111111111111110"),
        ("41111111111111111111", "41111111111111111111"),
        ("a4111111111111111", "a4111111111111111"),
        ("4111111111111111_a", "4111111111111111_a"),
        ("4111-1111 1111-1111", "4111-1111 1111-1111"),
        ("0.4111111111111111", "0.4111111111111111"),
        ("4111111111111111.5", "4111111111111111.5"),
        ("0000000000000000", "0000000000000000"),
        // What it is called decides.
        ("order 4111111111111111", "order 4111111111111111"),
        ("order 4111 1111 1111 1111", "order [card]"),
    ]);
}

#[test]
fn accounts() {
    all(&[
        ("GB82WEST12345698765432", "[iban]"),
        ("IBAN: DE89 3704 0044 0532 0130 00.", "IBAN: [iban]."),
        ("DE89 3704 0044 0532 0130 01", "DE89 3704 0044 0532 0130 01"),
        ("XX82WEST12345698765432", "XX82WEST12345698765432"),
        ("AGB82WEST12345698765432", "AGB82WEST12345698765432"),
    ]);
}

#[test]
fn persons() {
    all(&[
        ("078-05-1121", "[us_ssn]"),
        ("SSN 078 05 1121 and 078051121", "SSN [us_ssn] and [us_ssn]"),
        ("078051121", "078051121"),
        ("she gave 078051121 as the SSN", "she gave [us_ssn] as the SSN"),
        ("078 05 1121 (social security)", "[us_ssn] (social security)"),
        // Behind another number, behind a word of another kind, in another sentence.
        ("078051121, 17 ssn", "078051121, 17 ssn"),
        ("order 078051121 ssn", "order 078051121 ssn"),
        ("078051121. SSN", "078051121. SSN"),
        (
            "000-05-1121 666-05-1121 900-05-1121 078-00-1121 078-05-0000",
            "000-05-1121 666-05-1121 900-05-1121 078-00-1121 078-05-0000",
        ),
        ("900101-1234568", "[kr_rrn]"),
        // Given out after October 2020: no check digit.
        ("주민등록번호 201101-3234567", "주민등록번호 [kr_rrn]"),
        ("201101-3234567", "[kr_rrn]"),
        ("9001011234568", "[kr_rrn]"),
        ("9013011234568 901301-1234568", "9013011234568 901301-1234568"),
        ("NHS number 943 476 5919", "NHS number [uk_nhs]"),
        ("NHS number 9434765919", "NHS number [uk_nhs]"),
        ("call 943 476 5919", "call 943 476 5919"),
        ("9434765919", "9434765919"),
        ("2341 2341 2346", "[in_aadhaar]"),
        ("Aadhaar: 234123412346", "Aadhaar: [in_aadhaar]"),
        ("234123412346", "234123412346"),
        // Of four groups of four, neither the first three nor the last are one.
        ("1234 2341 2341 2346 2341 2341 2346 1234", "1234 2341 2341 2346 2341 2341 2346 1234"),
        ("12345 2341 2341 2346, 1234, 2341 2341 2346", "12345 [in_aadhaar], 1234, [in_aadhaar]"),
        ("CPF 111.444.777-35", "CPF [br_cpf]"),
        ("cpf=11144477735", "cpf=[br_cpf]"),
        ("111.444.777-36", "111.444.777-36"),
    ]);
}

#[test]
fn addresses() {
    all(&[
        ("mail alice.b+c@mail.example.com.", "mail [email]."),
        ("<bob@example.org>, (eve@a.co)", "<[email]>, ([email])"),
        ("a@b, @x.com, a.@b.com, a@b.c, x@example.123", "a@b, @x.com, a.@b.com, a@b.c, x@example.123"),
        ("4111111111111111@example.com", "[email]"),
        ("from 192.168.17.4:8080, 10.0.0.1/24", "from [ipv4]:8080, [ipv4]/24"),
        (
            "version 1.2.3.4; v1.2.3.4; 1.2.3.4.5; 256.1.1.1; 1.02.3.4",
            "version 1.2.3.4; v1.2.3.4; 1.2.3.4.5; 256.1.1.1; 1.02.3.4",
        ),
        ("2001:db8::8a2e:370:7334 [fe80::1]:80", "[ipv6] [[ipv6]]:80"),
        ("2001:0db8:85a3:0000:0000:8a2e:0370:7334", "[ipv6]"),
        ("::ffff:192.0.2.128", "[ipv6]"),
        (
            "12:30:45, std::vector, a::b, 00:1b:44:11:3a:b7, 1:2:3:4:5:6:7:8:9",
            "12:30:45, std::vector, a::b, 00:1b:44:11:3a:b7, 1:2:3:4:5:6:7:8:9",
        ),
        ("+44 20 7946 0958", "[phone]"),
        ("tel:+1 (415) 555-2671, +82-10-1234-5678;+4915112345678", "tel:[phone], [phone];[phone]"),
        ("+1 415 555 2671 2024", "[phone] 2024"),
        ("1+1234567, +0123456789, +21 12", "1+1234567, +0123456789, +21 12"),
    ]);
}

#[test]
fn secrets() {
    let jwt =
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let jwe = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03JGe.48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6ji.XFBoMYUZodetZdvTiFvSkQ";
    all(&[
        (&format!("Bearer {jwt}."), "Bearer [jwt]."),
        (jwe, "[jwt]"),
        ("eyJub3RoaW5nIjoiaGVyZSJ9.eyJ", "eyJub3RoaW5nIjoiaGVyZSJ9.eyJ"),
        ("x-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\ny", "x[private_key]\ny"),
        (
            "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
        ),
        ("password=hunter2&x=1", "password=[named]&x=1"),
        (
            "\"apiKey\": \"a\\\"b c\", db-password => 'x y', Password: \n",
            "\"apiKey\": \"[named]\", db-password => '[named]', Password: \n",
        ),
        ("passwordless=1 compass=north pwd:", "passwordless=1 compass=north pwd:"),
    ]);
}

/// A name may come behind more letters than are looked at, in a language that writes no spaces.
#[test]
fn names_in_any_language() {
    let mut plan = Plan::default();
    let rule = plan.rule(Rule::new("named"));
    plan.find_named(Names::new(["contraseña", "密码", "пароль", "ПАРОЛЬ", "kennwort"]), rule);
    let engine = Engine { plan, masks: vec![Mask::Label], ..Engine::default() };
    let long = "这是我们所有人都知道的那个非常重要的秘密";
    for (name, meant) in [
        ("contraseña", true),
        ("\"Contraseña\" ", true),
        ("CONTRASEñA", true),
        ("CONTRASEÑA", false),
        ("mi_contraseña", true),
        ("contrasena", false),
        ("contraseñas", false),
        ("пароль", true),
        ("ПАРОЛЬ", true),
        ("Пароль", false),
        ("пароли", false),
        ("密码", true),
        (&format!("{long}密码"), true),
        (&format!("{long}kennwort"), true),
        (&format!("{}kennwort", "x".repeat(60)), false),
        ("码", false),
        ("kennwört", false),
    ] {
        let text = format!("a {name}=hunter2&b");
        let expected = if meant { format!("a {name}=[named]&b") } else { text.clone() };
        let cuts: Vec<_> = (0..text.len()).collect();
        let masked = is_the_same_for_every_cut(&Machine::text(), &engine, text.as_bytes(), &cuts, HOLD_BACK);
        assert_eq!(String::from_utf8(masked.out).unwrap(), expected);
    }
}
