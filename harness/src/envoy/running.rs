//! An Envoy with the listeners of scenarios, which can change.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use serde_json::Value;

use super::binary::EnvoyBinary;
use super::bootstrap::{self, Chain, Form};
use super::process::{EnvoyError, EnvoyProcess};
use super::run::NotRun;
use super::watched::WatchedEnvoy;
use super::{admin, log};

/// An Envoy with its listeners.
pub(super) struct Running {
    envoy: WatchedEnvoy,
    chains: RefCell<Vec<Chain>>,
    form: Form,
    accepted: BTreeMap<String, SocketAddr>,
    rejected: BTreeMap<String, String>,
}

/// Why a changed chain is not there.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotChanged {
    /// Envoy says no to it.
    #[error("Envoy rejects the chain: {0}")]
    Rejected(String),
    /// The file cannot be written, Envoy not be asked, or it takes too long.
    #[error("the chain cannot be changed: {0}")]
    System(#[from] io::Error),
}

impl Running {
    /// Starts one, with a listener for each chain that it accepts.
    pub(super) fn start(binary: &EnvoyBinary, chains: &[Chain], form: Form) -> Result<Self, EnvoyError> {
        let bootstrap = |file: &_| bootstrap::bootstrap(chains, file);
        let envoy = WatchedEnvoy::start(binary, 1, listeners(chains, form), bootstrap)?;
        let (accepted, rejected) = (envoy.process().listeners()?, envoy.process().rejected_listeners()?);
        Ok(Self { envoy, chains: RefCell::new(chains.to_vec()), form, accepted, rejected })
    }

    pub(super) fn process(&self) -> &EnvoyProcess {
        self.envoy.process()
    }

    /// Where a chain's listener is.
    pub(super) fn address(&self, chain: &Chain) -> Result<SocketAddr, NotRun> {
        if let Some(address) = self.accepted.get(&chain.name) {
            return Ok(*address);
        }
        let vm_ids = chain.plugins.iter().map(|plugin| plugin.vm_id.clone()).collect::<Vec<_>>();
        let verdict = self.rejected.get(&chain.name).map_or("no reason is given", String::as_str);
        Err(NotRun::Rejected {
            verdict: verdict.to_owned(),
            log: log::complaints_about(&self.process().log(), &chain.name, &vm_ids),
        })
    }

    /// Puts a chain in the place of the one of its name, and waits until new connections get it. The old one stays when it
    /// is rejected.
    pub(super) fn change(&self, chain: &Chain) -> Result<(), NotChanged> {
        let mut chains = self.chains.borrow_mut();
        let Some(place) = chains.iter_mut().find(|other| other.name == chain.name) else { return Ok(()) };
        // Envoy leaves out what has not changed.
        if place == chain {
            return Ok(());
        }
        let before = std::mem::replace(place, chain.clone());
        let changed = self.update(&chain.name, &chains);
        if changed.is_err()
            && let Some(place) = chains.iter_mut().find(|other| other.name == chain.name)
        {
            *place = before;
        }
        changed
    }

    fn update(&self, listener: &str, chains: &[Chain]) -> Result<(), NotChanged> {
        self.envoy.change(listeners(chains, self.form))?;
        // Other listeners may have been rejected in the same update.
        match admin::rejected_listeners(self.process().admin())?.remove(listener) {
            Some(why) => Err(NotChanged::Rejected(why)),
            None => Ok(()),
        }
    }
}

fn listeners(chains: &[Chain], form: Form) -> Value {
    let mut listeners = bootstrap::listeners(chains);
    bootstrap::convert(&mut listeners, form);
    listeners
}
