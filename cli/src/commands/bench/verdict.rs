//! From bursts to ratios: differences inside a cycle, medians of a block, the spread over blocks; and whether they can be judged.

use super::block::Measured;
use super::experiment::{BASE, CONTROL, NATIVE, Variant, Which};
use super::slice::Slice;

/// More processors than this busy with something else, and a burst does not count.
const FOREIGN: f64 = 0.25;
/// Fewer pairs of quiet bursts than this, and a block does not count.
pub const PAIRS: usize = 5;
/// The control may cost this share of the native filter's cost, which is what ratios on it are good to.
const SHARE: f64 = 0.2;
/// Fewer good blocks than this, and nothing is judged.
const BLOCKS: usize = 2;

/// A median with the least and the most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    /// Of some figures; nothing of none.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut figures = figures.into_iter().collect::<Vec<_>>();
        figures.sort_by(f64::total_cmp);
        let middle = (*figures.get(figures.len().checked_sub(1)? / 2)? + *figures.get(figures.len() / 2)?) / 2.0;
        Some(Self { median: middle, least: *figures.first()?, most: *figures.last()? })
    }
}

/// What one good block says.
#[derive(Debug, Clone)]
struct Costs {
    /// What each variant costs a request beyond no filter, in microseconds.
    filter: Vec<f64>,
    /// What a whole request costs without a filter.
    base: f64,
    /// What each variant's start costs beyond that without a filter, in milliseconds.
    start: Vec<f64>,
}

/// All that was measured, and how much of it counts.
pub struct Results<'a> {
    variants: &'a [Variant],
    good: Vec<Costs>,
    /// Why a block does not count.
    pub refused: Vec<String>,
    judged: bool,
}

/// What counts.
#[derive(Debug, Clone, Copy)]
struct Limits {
    foreign: f64,
    pairs: usize,
    control: f64,
}

const STRICT: Limits = Limits { foreign: FOREIGN, pairs: PAIRS, control: SHARE };
/// For a look at figures that cannot be judged.
const ANY: Limits = Limits { foreign: f64::INFINITY, pairs: 1, control: f64::INFINITY };

impl<'a> Results<'a> {
    /// Sorts the blocks. When too few are good, the figures are those of all, and say little.
    pub fn new(variants: &'a [Variant], blocks: &[Vec<Measured>]) -> Self {
        let mut this = Self { variants, good: Vec::new(), refused: Vec::new(), judged: true };
        for (number, block) in blocks.iter().enumerate() {
            match this.costs(block, STRICT) {
                Ok(costs) => this.good.push(costs),
                Err(why) => this.refused.push(format!("block {}: {why}", number + 1)),
            }
        }
        if this.good.len() < BLOCKS {
            this.judged = false;
            this.good = blocks.iter().filter_map(|block| this.costs(block, ANY).ok()).collect();
        }
        this
    }

    /// Whether enough blocks count.
    pub fn can_be_judged(&self) -> bool {
        self.judged
    }

    /// What a variant costs a request beyond no filter, in microseconds.
    pub fn cost(&self, which: Which) -> Option<Spread> {
        self.over_blocks(which, |costs, at| costs.filter.get(at).copied())
    }

    /// What the whole request costs, as a multiple of one without a filter.
    pub fn whole(&self, which: Which) -> Option<Spread> {
        self.over_blocks(which, |costs, at| Some((costs.filter.get(at)? + costs.base) / costs.base))
    }

    /// What a variant costs, as a multiple of what another one costs.
    pub fn ratio(&self, which: Which, to: Which) -> Option<Spread> {
        let to = self.at(to)?;
        self.over_blocks(which, |costs, at| Some(costs.filter.get(at)? / costs.filter.get(to)?))
    }

    /// What a variant's start costs beyond one without a filter, in milliseconds.
    pub fn start(&self, which: Which) -> Option<Spread> {
        self.over_blocks(which, |costs, at| costs.start.get(at).copied())
    }

    /// The same as a multiple of another one's.
    pub fn start_ratio(&self, which: Which, to: Which) -> Option<Spread> {
        let to = self.at(to)?;
        self.over_blocks(which, |costs, at| Some(costs.start.get(at)? / costs.start.get(to)?))
    }

    /// A whole request without a filter, in microseconds.
    pub fn base(&self) -> Option<Spread> {
        Spread::of(self.good.iter().map(|costs| costs.base))
    }

    fn over_blocks(&self, which: Which, figure: impl Fn(&Costs, usize) -> Option<f64>) -> Option<Spread> {
        let at = self.at(which)?;
        Spread::of(self.good.iter().map(|costs| figure(costs, at)).collect::<Option<Vec<_>>>()?)
    }

    fn at(&self, which: Which) -> Option<usize> {
        self.variants.iter().position(|variant| variant.which == which)
    }

    fn costs(&self, block: &[Measured], limits: Limits) -> Result<Costs, String> {
        let of = |which| self.at(which).and_then(|at| block.get(at)).ok_or_else(|| "a variant is missing".to_owned());
        let base = of(BASE)?;
        let filter = block.iter().zip(self.variants).map(|(measured, variant)| {
            cost(&measured.slices, &base.slices, limits)
                .ok_or_else(|| format!("too few quiet bursts of {}", variant.name))
        });
        let filter = filter.collect::<Result<Vec<_>, _>>()?;
        let figure = |which| self.at(which).and_then(|at| filter.get(at)).copied().unwrap_or(f64::NAN);
        let (control, native) = (figure(CONTROL), figure(NATIVE));
        // A comparison with what is no number is false, and refuses. Without a limit anything goes, a cost below zero as well.
        let quiet = limits.control.is_infinite() || native > 0.0 && control.abs() <= limits.control * native;
        if !quiet {
            return Err(format!("the control costs {control:.2} us, the native filter {native:.2}"));
        }
        let whole = base.slices.iter().filter(|slice| slice.foreign <= limits.foreign).map(|slice| slice.cost);
        let whole = Spread::of(whole).ok_or("no quiet burst without a filter")?;
        let start = block.iter().map(|measured| measured.start - base.start).collect();
        Ok(Costs { filter, base: whole.median, start })
    }
}

/// The median of the differences inside cycles.
fn cost(slices: &[Slice], base: &[Slice], limits: Limits) -> Option<f64> {
    let quiet = |slice: &Slice| slice.foreign <= limits.foreign;
    let pairs = slices.iter().zip(base).filter(|(slice, base)| quiet(slice) && quiet(base));
    let differences = pairs.map(|(slice, base)| slice.cost - base.cost).collect::<Vec<_>>();
    if differences.len() < limits.pairs { None } else { Spread::of(differences).map(|spread| spread.median) }
}

#[cfg(test)]
mod tests {
    use super::super::experiment::Works;
    use super::*;

    const EMPTY: Which = Which("empty");
    const VARIANTS: [(Which, f64); 4] = [(BASE, 20.0), (CONTROL, 20.1), (NATIVE, 23.0), (EMPTY, 24.5)];

    fn variants() -> Vec<Variant> {
        VARIANTS.map(|(which, _)| Variant::new(which, "v", None, Works::Unseen)).into_iter().collect()
    }

    /// Bursts whose cost drifts from cycle to cycle, for all alike.
    fn block(foreign: f64, control: f64) -> Vec<Measured> {
        let slices = |cost: f64| (0..8).map(|cycle| Slice { cost: cost + f64::from(cycle), foreign }).collect();
        let costs = VARIANTS.map(|(which, cost)| if which == CONTROL { cost + control } else { cost });
        costs.map(|cost| Measured { start: cost * 10.0, slices: slices(cost) }).into_iter().collect()
    }

    #[test]
    fn drift_does_not_matter_and_ratios_are_of_costs() {
        let variants = variants();
        let results = Results::new(&variants, &[block(0.0, 0.0), block(0.1, 0.0)]);
        assert!(results.can_be_judged());
        assert_eq!(results.cost(NATIVE).unwrap().median, 3.0);
        assert_eq!(results.ratio(EMPTY, NATIVE).unwrap().median, 1.5);
        assert_eq!(results.start_ratio(EMPTY, NATIVE).unwrap().median, 1.5);
        assert_eq!(results.whole(EMPTY).unwrap().median, (4.5 + 23.5) / 23.5);
        assert_eq!(results.cost(Which("lua")), None);
    }

    #[test]
    fn a_block_with_others_at_work_or_a_control_that_is_off_does_not_count() {
        let variants = variants();
        let results = Results::new(&variants, &[block(0.0, 0.0), block(0.5, 0.0), block(0.0, 1.0), block(0.0, -1.0)]);
        assert!(!results.can_be_judged());
        assert_eq!(results.good.len(), 4, "the figures are those of all");
        let control = "block 3: the control costs 1.10 us, the native filter 3.00";
        assert_eq!(results.refused[..2], ["block 2: too few quiet bursts of v", control]);
    }

    #[test]
    fn figures_that_make_no_sense_are_shown_and_not_judged() {
        let variants = variants();
        let mut odd = block(0.0, 0.0);
        odd.swap(0, 2);
        let results = Results::new(&variants, &[odd]);
        assert!(!results.can_be_judged());
        assert_eq!(results.cost(NATIVE).unwrap().median, -3.0);
    }

    #[test]
    fn a_median_lies_in_the_middle() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Some(Spread { median: 2.0, least: 1.0, most: 3.0 }));
        assert_eq!(Spread::of([1.0, 2.0]).unwrap().median, 1.5);
        assert_eq!(Spread::of([]), None);
    }
}
