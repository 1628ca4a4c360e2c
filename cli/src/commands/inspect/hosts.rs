//! Which Envoys load a module, in few lines.

use tamis_module::gate::{Certainty, HostVerdict, Reason};

/// How many reasons are printed for a range of Envoys.
const SHOWN: usize = 5;

/// One line for the Envoys in which the module loads, then one per reason of each range in which it does not; `before
/// 1.36 from source, not run` where that is so.
pub fn lines(verdicts: &[HostVerdict]) -> Vec<String> {
    let mut lines = Vec::new();
    let loading = ranges(verdicts, |verdict| verdict.loads.is_ok());
    lines.push(match loading.as_slice() {
        [] => "no supported Envoy".to_owned(),
        some => format!("Envoy {}", some.join(", ")),
    });
    let mut told: Vec<&[Reason]> = Vec::new();
    for verdict in verdicts {
        let Err(reasons) = &verdict.loads else { continue };
        if told.contains(&reasons.as_slice()) {
            continue;
        }
        told.push(reasons);
        let same = ranges(verdicts, |other| other.loads.as_ref().err() == Some(reasons));
        let place =
            if same == ranges(verdicts, |_| true) { String::new() } else { format!("not in {}: ", same.join(", ")) };
        lines.extend(reasons.iter().take(SHOWN).map(|reason| format!("{place}{reason}")));
        if reasons.len() > SHOWN {
            lines.push(format!("{place}and {} more reasons", reasons.len() - SHOWN));
        }
    }
    let unread = verdicts.iter().find(|verdict| verdict.certainty == Certainty::Run);
    if let Some(first_run) =
        unread.filter(|_| verdicts.iter().any(|verdict| verdict.certainty == Certainty::FromSource))
    {
        lines.push(format!("before {}: from source, not run", first_run.envoy));
    }
    lines
}

/// The Envoys that fit, as `1.30 to 1.34` and `1.36`.
fn ranges(verdicts: &[HostVerdict], fits: impl Fn(&HostVerdict) -> bool) -> Vec<String> {
    verdicts
        .chunk_by(|one, next| fits(one) == fits(next))
        .filter(|range| range.first().is_some_and(&fits))
        .filter_map(|range| match range {
            [only] => Some(only.envoy.to_string()),
            [first, .., last] => Some(format!("{} to {}", first.envoy, last.envoy)),
            [] => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use tamis_module::gate::EnvoyVersion;

    use super::*;

    fn verdict(envoy: &str, pages: Option<u64>) -> HostVerdict {
        let envoy = envoy.parse::<EnvoyVersion>().unwrap();
        let certainty = envoy.certainty();
        let loads = pages.map_or(Ok(()), |pages| Err(vec![Reason::LargeMemory { pages }]));
        HostVerdict { envoy, loads, certainty }
    }

    #[test]
    fn a_module_that_loads_everywhere_is_two_lines() {
        let verdicts = ["1.35", "1.36", "1.37"].map(|envoy| verdict(envoy, None));
        assert_eq!(lines(&verdicts), ["Envoy 1.35 to 1.37", "before 1.36: from source, not run"]);
    }

    #[test]
    fn reasons_are_told_once_with_their_envoys() {
        let verdicts = [("1.34", Some(1)), ("1.35", Some(1)), ("1.36", Some(2)), ("1.37", None), ("1.38", Some(1))];
        let lines = lines(&verdicts.map(|(envoy, pages)| verdict(envoy, pages)));
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert_eq!(lines[0], "Envoy 1.37");
        assert!(lines[1].starts_with("not in 1.34 to 1.35, 1.38: MEM-8: the memory starts with 1 pages"), "{lines:?}");
        assert!(lines[2].starts_with("not in 1.36: MEM-8: the memory starts with 2 pages"), "{lines:?}");
    }

    #[test]
    fn a_module_that_loads_nowhere_needs_no_range() {
        let lines = lines(&["1.36", "1.37"].map(|envoy| verdict(envoy, Some(1))));
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!(lines[0], "no supported Envoy");
        assert!(lines[1].starts_with("MEM-8: "), "{lines:?}");
    }
}
