//! `tamis manifest --check`: resources that somebody wrote, before somebody applies them.

mod images;
mod reading;

use std::path::PathBuf;

use tamis_oci::resource::check::{self, Fault, Role};

use super::RegistryFlags;
use crate::failure::Failure;
use reading::Resources;

/// What filters are for, by the names that their modules have; of others nothing is known, and nothing is said of their order.
const ROLES: [(&str, Role); 3] =
    [("header-routing", Role::Routing), ("local-rate-limit", Role::Limiting), ("dlp-masking", Role::Bodies)];

/// Checks the files together and prints what is wrong, in the order of the files.
pub fn run(files: &[PathBuf], offline: bool, registry: &RegistryFlags) -> Result<(), Failure> {
    let mut resources = Resources::default();
    for file in files {
        resources.read(file)?;
    }
    let mut faults = check::check(resources.values());
    let loads = check::loads(resources.values());
    let mut known = Vec::new();
    let mut images = images::Images::new(registry, offline);
    for load in loads {
        let name = images.look(&load, &mut faults)?;
        let name = name.unwrap_or_else(|| images::last_name(&load.url));
        let role = ROLES.iter().find(|(filter, _)| *filter == tamis_module::lean_name(&name)).map(|(_, role)| *role);
        known.push((load, role));
    }
    faults.extend(check::hazards(resources.values(), &known));
    let (errors, warnings) = report(&resources, &faults);
    let checked = resources.values().iter().filter(|document| check::is_checked(document)).count();
    let others = resources.values().len() - checked;
    let others = if others == 0 { String::new() } else { format!(", {others} of other kinds not looked at") };
    println!("{}{others}: {}, {}", count(checked, "resource"), count(errors, "error"), count(warnings, "warning"));
    if errors == 0 { Ok(()) } else { Err(Failure::user("resources have errors")) }
}

/// Prints all faults; how many are errors, and how many are not.
fn report(resources: &Resources, faults: &[Fault]) -> (usize, usize) {
    let mut lines = resources.faults();
    for fault in faults {
        let (file, place) = resources.place(fault);
        lines.push((file, place, fault.is_error, fault.message.clone()));
    }
    lines.sort();
    lines.dedup();
    for (file, place, is_error, message) in &lines {
        let word = if *is_error { "error" } else { "warning" };
        println!("{}:{place}: {word}: {message}", resources.file(*file));
    }
    let errors = lines.iter().filter(|(_, _, is_error, _)| *is_error).count();
    (errors, lines.len() - errors)
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
