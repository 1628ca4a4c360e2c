//! Names with values, for templates: of an object in a body, and of a form.

use minijinja::value::{Enumerator, Value};

/// Members in their order. Of those that have one name the last one counts.
#[derive(Debug, Default)]
pub struct Members {
    pairs: Vec<(Value, Value)>,
    /// The places of those that count, by their names: looking one up takes few steps, however many there are.
    by_name: Vec<u32>,
}

impl Members {
    pub fn new(pairs: Vec<(Value, Value)>) -> Self {
        let mut by_name = sorted(&pairs);
        by_name.reverse();
        by_name.dedup_by(|earlier, kept| name(&pairs, *earlier) == name(&pairs, *kept));
        by_name.reverse();
        Self { pairs, by_name }
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        pair(&self.pairs, self.place(name)?).map(|(_, value)| value)
    }

    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// The names, each once.
    pub fn names(&self) -> Enumerator {
        let counts = |(place, (name, _)): &(u32, &(Value, Value))| {
            name.as_str().and_then(|name| self.place(name)) == Some(*place)
        };
        let names = (0_u32..).zip(&self.pairs).filter(|pair| counts(pair));
        Enumerator::Values(names.map(|(_, (name, _))| name.clone()).collect())
    }

    fn place(&self, wanted: &str) -> Option<u32> {
        let found = self.by_name.binary_search_by(|place| name(&self.pairs, *place).cmp(&Some(wanted)));
        self.by_name.get(found.ok()?).copied()
    }
}

/// The places of pairs by their names, and those of one name in their order. By a heap: the library's ways to sort are fast, and
/// cost a module ten kilobytes.
pub fn sorted(pairs: &[(Value, Value)]) -> Vec<u32> {
    let mut heap = (0_u32..).take(pairs.len()).collect::<Vec<_>>();
    let before = |a: &u32, b: &u32| (name(pairs, *a), a) < (name(pairs, *b), b);
    let sift = |heap: &mut [u32], mut at: usize| {
        loop {
            let mut largest = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if let (Some(there), Some(other)) = (heap.get(largest), heap.get(child))
                    && before(there, other)
                {
                    largest = child;
                }
            }
            if largest == at {
                return;
            }
            heap.swap(at, largest);
            at = largest;
        }
    };
    for at in (0..heap.len() / 2).rev() {
        sift(&mut heap, at);
    }
    for end in (1..heap.len()).rev() {
        heap.swap(0, end);
        sift(heap.get_mut(..end).unwrap_or_default(), 0);
    }
    heap
}

fn pair(pairs: &[(Value, Value)], place: u32) -> Option<&(Value, Value)> {
    usize::try_from(place).ok().and_then(|place| pairs.get(place))
}

/// The name of the pair at a place.
pub fn name(pairs: &[(Value, Value)], place: u32) -> Option<&str> {
    pair(pairs, place)?.0.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_name_counts_and_the_order_stays() {
        let pair = |name: &str, value: i64| (Value::from(name), Value::from(value));
        let members = Members::new(vec![pair("b", 1), pair("a", 2), pair("b", 3), pair("", 4)]);
        assert_eq!(members.len(), 3);
        let value = |name| members.get(name).map(ToString::to_string);
        assert_eq!(
            [value("a"), value("b"), value(""), value("c")],
            [Some("2".into()), Some("3".into()), Some("4".into()), None]
        );
        let Enumerator::Values(names) = members.names() else { panic!() };
        let many = (0..1000).map(|i| pair(&format!("{}", i * 7919 % 1000), i)).collect::<Vec<_>>();
        let order = sorted(&many).into_iter().map(|place| name(&many, place).unwrap().to_owned()).collect::<Vec<_>>();
        assert!(order.is_sorted() && order.len() == 1000);
        assert_eq!(names.iter().filter_map(Value::as_str).collect::<Vec<_>>(), ["a", "b", ""]);
    }
}
