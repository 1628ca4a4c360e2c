//! What came of scenarios, for machines: JSON, and the XML that JUnit made common.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::budget::Figures;
use super::difference::Difference;
use super::engine::Engine;
use super::report::{ExchangeReport, Report, Verdict};

/// The reports as JSON: per scenario its engine and file, per exchange its verdict, what differs, and what it cost.
#[must_use]
pub fn json(reports: &[Report]) -> String {
    let scenarios = reports.iter().map(scenario).collect::<Vec<_>>();
    // Nothing in it can fail: all names are texts.
    let text = serde_json::to_string_pretty(&Whole { version: 1, scenarios }).unwrap_or_default();
    format!("{text}\n")
}

/// The reports as JUnit's XML: a suite per scenario, a case per exchange. What an engine cannot do is skipped.
#[must_use]
pub fn junit(reports: &[Report]) -> String {
    let sum = |verdict| reports.iter().map(|report| report.count(verdict)).sum::<usize>();
    let tests = reports.iter().map(|report| report.exchanges.len()).sum::<usize>();
    let (failures, skipped) = (sum(Verdict::Failed), sum(Verdict::NotApplicable));
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    line(
        &mut xml,
        format_args!("<testsuites name=\"tamis\" tests=\"{tests}\" failures=\"{failures}\" skipped=\"{skipped}\">"),
    );
    for report in reports {
        let (failures, skipped) = (report.count(Verdict::Failed), report.count(Verdict::NotApplicable));
        let (name, tests) = (escaped(&report.scenario), report.exchanges.len());
        let file = escaped(&report.file.to_string_lossy());
        line(
            &mut xml,
            format_args!(
                "  <testsuite name=\"{name}\" file=\"{file}\" tests=\"{tests}\" failures=\"{failures}\" skipped=\"{skipped}\">"
            ),
        );
        for exchange in &report.exchanges {
            case(&mut xml, report, exchange);
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn case(xml: &mut String, report: &Report, exchange: &ExchangeReport) {
    let class = format!("{} ({})", report.scenario, report.engine);
    let attributes = format!("classname=\"{}\" name=\"{}\"", escaped(&class), escaped(&exchange.name));
    let lines = exchange.differences.iter().map(ToString::to_string).collect::<Vec<_>>();
    match (&exchange.not_run, lines.first()) {
        (Some(why), _) => {
            line(xml, format_args!("    <testcase {attributes}><skipped message=\"{}\"/></testcase>", escaped(why)));
        }
        (None, Some(first)) => {
            let (first, all) = (escaped(first), escaped(&lines.join("\n")));
            line(
                xml,
                format_args!("    <testcase {attributes}><failure message=\"{first}\">{all}</failure></testcase>"),
            );
        }
        (None, None) if !exchange.not_applicable.is_empty() => {
            let what = escaped(&exchange.not_applicable.join(", "));
            let note = format!("<system-out>not applicable here, and not looked at: {what}</system-out>");
            line(xml, format_args!("    <testcase {attributes}>{note}</testcase>"));
        }
        (None, None) => line(xml, format_args!("    <testcase {attributes}/>")),
    }
}

/// Text as XML has it, in attributes too. Characters that XML 1.0 cannot hold at all become U+FFFD.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' | '\n' | '\r' => escaped.push_str(&format!("&#{};", u32::from(character))),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}

#[derive(Serialize)]
struct Whole<'r> {
    version: u32,
    scenarios: Vec<ScenarioJson<'r>>,
}

#[derive(Serialize)]
struct ScenarioJson<'r> {
    name: &'r str,
    file: &'r Path,
    engine: &'r str,
    exchanges: Vec<ExchangeJson<'r>>,
}

#[derive(Serialize)]
struct ExchangeJson<'r> {
    name: &'r str,
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_run: Option<&'r str>,
    differences: &'r [Difference],
    not_applicable: &'r [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Figures>,
    /// To a tenth: it is an estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_microseconds_in_envoy: Option<f64>,
}

fn scenario(report: &Report) -> ScenarioJson<'_> {
    // Fuel is part of the estimate.
    let estimates = report.engine != Engine::Native.to_string();
    let exchanges = report.exchanges.iter().map(|exchange| ExchangeJson {
        name: &exchange.name,
        verdict: exchange.verdict(),
        not_run: exchange.not_run.as_deref(),
        differences: &exchange.differences,
        not_applicable: &exchange.not_applicable,
        cost: exchange.figures(),
        estimated_microseconds_in_envoy: exchange
            .figures()
            .filter(|_| estimates)
            .map(|figures| (figures.estimated_microseconds() * 10.0).round() / 10.0),
    });
    let exchanges = exchanges.collect();
    ScenarioJson { name: &report.scenario, file: &report.file, engine: &report.engine, exchanges }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Cost;
    use crate::scenario::Observed;
    use crate::scenario::model::{Exchange, Step};

    fn reports() -> Vec<Report> {
        let exchange = |name: &str| Step::Exchange(Box::new(Exchange { name: name.to_owned(), ..Exchange::default() }));
        let mut failed = ExchangeReport::new(&exchange("a<b & \"c\"\u{1}"), Observed::default(), None, 0);
        failed.differences = vec![Difference::values("body", "\"]]>\"", "\"\""), Difference::told("two\nlines")];
        let mut passed = ExchangeReport::not_run(&exchange("fine"), "");
        passed.not_run = None;
        passed.cost = Some(Cost { vm_entries: 3, ..Cost::default() });
        let exchanges = vec![passed, failed, ExchangeReport::not_run(&exchange("later"), "no clock")];
        vec![Report { scenario: "s".to_owned(), file: "s.yaml".into(), engine: "e".to_owned(), exchanges }]
    }

    #[test]
    fn junit_is_well_formed() {
        assert_eq!(
            junit(&reports()),
            r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="tamis" tests="3" failures="1" skipped="1">
  <testsuite name="s" file="s.yaml" tests="3" failures="1" skipped="1">
    <testcase classname="s (e)" name="fine"/>
    <testcase classname="s (e)" name="a&lt;b &amp; &quot;c&quot;�"><failure message="body: expected &quot;]]&gt;&quot;, saw &quot;&quot;">body: expected &quot;]]&gt;&quot;, saw &quot;&quot;&#10;two&#10;lines</failure></testcase>
    <testcase classname="s (e)" name="later"><skipped message="no clock"/></testcase>
  </testsuite>
</testsuites>
"#
        );
    }

    #[test]
    fn json_has_verdicts_differences_and_costs() {
        let json: serde_json::Value = serde_json::from_str(&json(&reports())).unwrap();
        let exchange = |i: usize| json["scenarios"][0]["exchanges"][i].clone();
        assert_eq!(exchange(0)["verdict"], "passed");
        assert_eq!(exchange(0)["cost"]["vm_entries"], 3);
        assert_eq!(exchange(0)["estimated_microseconds_in_envoy"], 5.9);
        assert_eq!(exchange(1)["verdict"], "failed");
        assert_eq!(exchange(1)["differences"][0]["seen"], "\"\"");
        assert_eq!(exchange(1)["differences"][1]["message"], "two\nlines");
        assert_eq!((&exchange(2)["verdict"], &exchange(2)["not_run"]), (&"not_applicable".into(), &"no clock".into()));
    }
}
