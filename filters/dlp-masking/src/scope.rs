//! Which values of a JSON message are looked at.

use tamis::json::{Path, Step};

/// The most paths of a scope.
pub const MAX_PATHS: usize = 64;

/// Values to look at, by paths. Without an included path all are.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    paths: Vec<Vec<Step>>,
    include: u64,
    exclude: u64,
}

/// Why a path has no place in a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidScope {
    /// It counts from the end of an array.
    #[error("an index from the end is not known before the array has ended; count from its beginning")]
    FromEnd,
    /// There are too many.
    #[error("at most 64 paths can be included and excluded")]
    TooMany,
}

/// How far a place has come on the paths: a bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    /// The paths that begin with the way to here.
    alive: u64,
    /// The paths that end here or on the way.
    inside: u64,
}

/// What a key has made of a place, to be known again: the same key on the same paths leads to the same ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Led {
    alive: u64,
    depth: usize,
    to: Place,
}

impl Led {
    /// Where the key leads from a place, if that is on the same paths.
    #[inline(always)]
    pub fn on(self, place: Place, depth: usize) -> Option<Place> {
        let known = self.alive == place.alive && self.depth == depth;
        known.then_some(Place { alive: self.to.alive, inside: self.to.inside | place.inside })
    }
}

impl Place {
    /// What is to be remembered of a key that led from here.
    pub fn led(self, depth: usize, to: Self) -> Led {
        // What is inside at first stays so.
        Led { alive: self.alive, depth, to: Self { alive: to.alive, inside: to.inside & !self.inside } }
    }

    /// Whether a path goes on below.
    #[inline(always)]
    pub fn is_on_the_way(self) -> bool {
        self.alive != 0
    }
}

impl Scope {
    /// Looks at what is at a path or below it.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] for a path that a stream cannot be asked about.
    pub fn include(&mut self, path: &Path) -> Result<(), InvalidScope> {
        self.include |= self.add(path)?;
        Ok(())
    }

    /// Does not look at what is at a path or below it, included or not.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] for a path that a stream cannot be asked about.
    pub fn exclude(&mut self, path: &Path) -> Result<(), InvalidScope> {
        self.exclude |= self.add(path)?;
        Ok(())
    }

    fn add(&mut self, path: &Path) -> Result<u64, InvalidScope> {
        if path.steps().iter().any(|step| matches!(step, Step::FromEnd(_))) {
            return Err(InvalidScope::FromEnd);
        }
        if self.paths.len() == MAX_PATHS {
            return Err(InvalidScope::TooMany);
        }
        self.paths.push(path.steps().to_vec());
        Ok(1 << (self.paths.len() - 1))
    }

    /// Whether every value is meant.
    pub(crate) fn is_everything(&self) -> bool {
        self.paths.is_empty()
    }

    /// Whether a place is meant.
    #[inline(always)]
    pub(crate) fn has(&self, place: Place) -> bool {
        (self.include == 0 || place.inside & self.include != 0) && place.inside & self.exclude == 0
    }

    /// The whole value.
    pub(crate) fn root(&self) -> Place {
        let all = if self.paths.len() == MAX_PATHS { u64::MAX } else { (1 << self.paths.len()) - 1 };
        self.ended(Place { alive: all, inside: 0 }, 0)
    }

    /// The member of an object, which is `depth` steps deep, by its key.
    pub(crate) fn member(&self, place: Place, depth: usize, key: &[u8]) -> Place {
        self.step(place, depth, |step| match step {
            Step::Name(name) | Step::Token(name, _) => name.as_bytes() == key,
            Step::Wildcard => true,
            _ => false,
        })
    }

    /// An item of an array, which is `depth` steps deep, by its index.
    pub(crate) fn item(&self, place: Place, depth: usize, index: usize) -> Place {
        self.step(place, depth, |step| match step {
            Step::Index(wanted) | Step::Token(_, Some(wanted)) => *wanted == index,
            Step::Wildcard => true,
            _ => false,
        })
    }

    fn step(&self, place: Place, depth: usize, takes: impl Fn(&Step) -> bool) -> Place {
        let mut next = Place { alive: 0, inside: place.inside };
        if place.alive == 0 {
            return next;
        }
        for (number, path) in self.paths.iter().enumerate() {
            let on_the_way = place.alive >> number & 1 == 1;
            if on_the_way && path.get(depth).is_some_and(&takes) {
                next.alive |= 1 << number;
            }
        }
        self.ended(next, depth + 1)
    }

    fn ended(&self, mut place: Place, depth: usize) -> Place {
        for (number, path) in self.paths.iter().enumerate() {
            if place.alive >> number & 1 == 1 && path.len() == depth {
                place.inside |= 1 << number;
            }
        }
        place
    }
}
