//! Gateway API's own split, which forgets who was where, beside our routing filter, which does not.

use std::collections::BTreeMap;

use super::objects::{self, to};
use super::stage::{Stage, address};
use crate::failure::{Failure, cannot};
use crate::http::{Ask, Connection};
use crate::report::Rows;

const USERS: usize = 301;
/// How often each of them asks.
const TIMES: usize = 3;
/// A user's way is made of a hash, so the share of 301 users scatters: four standard deviations around 20 %.
const SHARE: std::ops::RangeInclusive<usize> = 32..=88;

/// The canary's rule first, then all else to the stable one.
fn by_version(name: &str) -> String {
    let canary =
        format!("{{matches: [{{headers: [{{name: x-version, value: new}}]}}], backendRefs: [{}]}}", to("canary", None));
    objects::route(name, &format!("[{canary}, {{backendRefs: [{}]}}]", to("stable", None)))
}

/// The rows about routing.
pub fn checks(stage: &Stage, rows: &mut Rows) -> Result<(), Failure> {
    rows.check("HTTPRoute 80/20, three requests from each of 301 users", || {
        let rules = format!("[{{backendRefs: [{}, {}]}}]", to("stable", Some(80)), to("canary", Some(20)));
        stage.with("split", &objects::route("split", &rules), || {
            stage.until(&Ask::get("split.test", "/"), "200", |answer| answer.status == 200)?;
            let ways = ways("split.test", "/")?;
            let canary = ways.values().flatten().filter(|way| *way == "canary").count();
            let moved = moved(&ways);
            if moved == 0 {
                return Err(Failure::new("nobody was moved"));
            }
            Ok(format!(
                "{canary} of {} requests to the canary; {moved} of {USERS} users saw both versions",
                USERS * TIMES
            ))
        })
    })?;
    rows.check("HTTPRoute with a match of `x-version`", || {
        stage.with("canary", &by_version("canary"), || {
            let ask = |version: &str| Ask::get("canary.test", "/").with("x-version", version);
            let by = |name: &'static str| move |answer: &crate::http::Answer| answer.header("x-upstream") == Some(name);
            stage.until(&ask("new"), "the canary", by("canary"))?;
            stage.until(&ask("old"), "the stable one", by("stable"))?;
            Ok("`new` to the canary, else to the stable one; every client chooses for itself".to_owned())
        })
    })?;
    rows.check("the same route with `header-routing`, 80/20, sticky by `x-user`", || {
        let image = stage.registry.image("header-routing", "1");
        stage.tamis.push(&stage.options.module("header-routing"), &image)?;
        let config = include_str!("../../../examples/s12-canary/routes.yaml");
        let flags = ["--namespace", "default", "--target", "HTTPRoute/sticky"];
        let policy = stage.tamis.manifest("envoy-extension-policy", &image, config, &flags)?;
        stage.with("sticky", &format!("{}---\n{policy}", by_version("sticky")), || {
            // All of /v2 is new, whatever a client says: that the filter is there.
            let spoofed = Ask::get("sticky.test", "/v2").with("x-version", "old");
            stage.until(&spoofed, "the filter", |answer| answer.header("x-upstream") == Some("canary"))?;
            let ways = ways("sticky.test", "/v1")?;
            let canary = ways.values().filter(|ways| ways.first().is_some_and(|way| way == "canary")).count();
            match moved(&ways) {
                0 if SHARE.contains(&canary) => {}
                moved => return Err(Failure::new(format_args!("{canary} users on the canary, {moved} moved"))),
            }
            let spoofed = ways_of("sticky.test", "/v1", &[("x-version", "new")])?;
            if spoofed != ways {
                return Err(Failure::new("a client has chosen its way itself"));
            }
            Ok(format!(
                "{canary} of {USERS} users to the canary, nobody saw both, and a client's own `x-version` changes nothing"
            ))
        })
    })
}

type Ways = BTreeMap<String, Vec<String>>;

fn ways(host: &str, path: &str) -> Result<Ways, Failure> {
    ways_of(host, path, &[])
}

/// Who has answered each user, in order.
fn ways_of(host: &str, path: &str, headers: &[(&str, &str)]) -> Result<Ways, Failure> {
    let mut connection = Connection::open(address()).map_err(cannot("connect to the gateway"))?;
    let mut ways = Ways::new();
    for _ in 0..TIMES {
        for user in 0..USERS {
            crate::process::check_interrupt()?;
            let user = format!("user-{user}");
            let ask = Ask::get(host, path).with("x-user", &user);
            let ask = headers.iter().fold(ask, |ask, (name, value)| ask.with(name, value));
            let answer = connection.ask(&ask).map_err(cannot("ask the gateway"))?;
            let way = answer.header("x-upstream").unwrap_or("nobody").to_owned();
            ways.entry(user).or_default().push(way);
        }
    }
    Ok(ways)
}

fn moved(ways: &Ways) -> usize {
    ways.values().filter(|ways| ways.iter().any(|way| Some(way) != ways.first())).count()
}
