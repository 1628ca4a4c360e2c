//! What a worker has taken ahead, for some keys.
//!
//! A worker that holds `lease` of a counter admits so many requests without asking anybody. What all workers hold together is what
//! can pass beyond the limit in some interval: `workers · lease`. There is room for [`PLACES`] keys; who has the place of another
//! takes it over, and what was left there is lost, never given twice.

use crate::window::Now;

/// How many keys a worker has room for, for each rule.
pub const PLACES: usize = 1024;

/// What this worker holds of one rule's counters.
#[derive(Debug, Default)]
pub struct Leases {
    /// None until the first lease.
    places: Vec<Place>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    tag: u64,
    left: u64,
    until: u64,
}

impl Leases {
    /// Uses what is held, if it is enough.
    pub fn use_up(&mut self, tag: u64, count: u64, now: Now) -> bool {
        match self.place(tag) {
            Some(place) if place.tag == tag && place.until > now.0 && place.left >= count => {
                place.left -= count;
                true
            }
            _ => false,
        }
    }

    /// Holds what was taken, until that time.
    pub fn hold(&mut self, tag: u64, count: u64, until: Now) {
        if self.places.is_empty() {
            self.places = vec![Place::default(); PLACES];
        }
        if let Some(place) = self.place(tag) {
            // What is left of the same key's last lease was too little for a request; it may still be used.
            let left = if place.tag == tag && place.until == until.0 { place.left } else { 0 };
            *place = Place { tag, left: left.saturating_add(count), until: until.0 };
        }
    }

    /// Takes back what a request did not need after all, up to a whole lease.
    pub fn give_back(&mut self, tag: u64, count: u64, lease: u64, now: Now) {
        if let Some(place) = self.place(tag)
            && place.tag == tag
            && place.until > now.0
        {
            place.left = place.left.saturating_add(count).min(lease);
        }
    }

    fn place(&mut self, tag: u64) -> Option<&mut Place> {
        let places = u64::try_from(self.places.len()).ok().filter(|places| *places > 0)?;
        self.places.get_mut(usize::try_from(tag % places).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Now = Now(1_000);

    #[test]
    fn what_is_held_is_used_once() {
        let mut leases = Leases::default();
        assert!(!leases.use_up(7, 1, NOW));
        leases.hold(7, 3, Now(2_000));
        assert!(leases.use_up(7, 2, NOW));
        assert!(!leases.use_up(7, 2, NOW), "one is left");
        assert!(leases.use_up(7, 1, NOW));
        assert!(!leases.use_up(7, 1, NOW));
    }

    #[test]
    fn it_ends_with_its_window_and_with_another_key_in_its_place() {
        let mut leases = Leases::default();
        leases.hold(7, 3, Now(2_000));
        assert!(!leases.use_up(7, 1, Now(2_000)));
        leases.hold(7 + PLACES as u64, 3, Now(9_000));
        assert!(!leases.use_up(7, 1, NOW) && leases.use_up(7 + PLACES as u64, 1, NOW));
    }

    #[test]
    fn what_comes_back_is_never_more_than_a_lease() {
        let mut leases = Leases::default();
        leases.hold(7, 2, Now(2_000));
        leases.give_back(7, 5, 3, NOW);
        assert!(leases.use_up(7, 3, NOW) && !leases.use_up(7, 1, NOW));
    }
}
