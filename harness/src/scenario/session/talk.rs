//! Connections in the harness: one act after the other.

use std::collections::BTreeMap;

use super::Session;
use crate::cost::Cost;
use crate::scenario::connection::{Act, Connection, Does};
use crate::scenario::run::Cuts;
use crate::scenario::split::pieces;
use crate::scenario::{Effects, Observed};
use crate::stream::End;
use crate::testbed::connection::{self as seen, Gets, SILENCE};

impl Session {
    pub(super) fn connection(&mut self, step: &Connection, cuts: &Cuts) -> (Observed, Cost) {
        let attributes = self.attributes();
        self.set_faults(step.worker, step.fault.as_ref(), true);
        let mut connection = seen::Connection::begin(&mut self.proxy, step.worker, attributes);
        self.settle(&mut connection);
        let (mut acts, mut bodies) = (Vec::new(), 0);
        for act in &step.acts {
            let cuts = cuts.of(bodies);
            bodies += usize::from(act.says().is_some());
            acts.push(self.act(&mut connection, act, cuts));
        }
        self.settle(&mut connection);
        let mut seen = connection.seen().clone();
        seen.acts = acts;
        let cost = connection.forget(&mut self.proxy);
        self.pump();
        self.set_faults(step.worker, step.fault.as_ref(), false);
        // There are no trailers, and no access log shows what a filter has stored: nothing of these is left out.
        let effects = Effects { state: Some(BTreeMap::new()), ..Effects::default() };
        (Observed { connection: Some(Box::new(seen)), trailers: true, effects, ..Observed::default() }, cost)
    }

    /// What comes of an act.
    fn act(&mut self, connection: &mut seen::Connection, act: &Act, cuts: &[usize]) -> Gets {
        let before = connection.seen().lengths();
        let end = match &act.does {
            Does::Says(end, _) | Does::Ends(end) | Does::Breaks(end) => *end,
            Does::Waits(_) => End::Client,
        };
        let said_to_nobody = !connection.is_there(end);
        match &act.does {
            _ if said_to_nobody => {}
            Does::Says(end, body) => {
                for piece in pieces(body.as_bytes(), cuts) {
                    connection.says(&mut self.proxy, *end, &piece);
                    self.pump();
                }
            }
            Does::Ends(end) => connection.ends(&mut self.proxy, *end),
            Does::Breaks(end) => connection.breaks(&mut self.proxy, *end),
            Does::Waits(time) => self.advance(time.0),
        }
        self.settle_by(connection, act, before);
        Gets { said_to_nobody, ..connection.seen().since(before) }
    }

    /// Gives filters answers, each at its own time: until what the act names has come, or else until nothing happens for as long
    /// as it has to be silent in a real Envoy.
    fn settle_by(&mut self, connection: &mut seen::Connection, act: &Act, before: [usize; 2]) {
        loop {
            self.pump();
            connection.look(&mut self.proxy);
            let Some(last) = self.last_answer() else { return };
            let limit = if !act.awaits() {
                last.min(self.elapsed() + SILENCE)
            } else if act.fits(&connection.seen().since(before)) {
                return;
            } else {
                last
            };
            if !self.pass_time(limit) {
                return;
            }
        }
    }

    /// Gives filters the answers that they wait for, each at its own time.
    fn settle(&mut self, connection: &mut seen::Connection) {
        self.answer_all();
        connection.look(&mut self.proxy);
    }
}
