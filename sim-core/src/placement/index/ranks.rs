//! How many instances have less CPU free than a task asks for.

/// One ECS CPU unit, the grain in which tasks ask for CPU.
const UNIT: u32 = 125;
/// Instances of more CPU have no ranks: 1 024 vCPU.
const MOST_UNITS: u32 = 1 << 20;

/// A multiset of free CPU with cumulative counts (a binary indexed tree).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::placement) struct CpuRanks {
    sums: Vec<u32>,
}

impl CpuRanks {
    /// For instances of up to `cpu`; `None` if that is too much.
    pub(in crate::placement) fn new(cpu: u32) -> Option<Self> {
        let units = cpu / UNIT;
        (units < MOST_UNITS).then(|| Self { sums: vec![0; units as usize + 2] })
    }

    fn change(&mut self, cpu: u32, apply: impl Fn(&mut u32)) {
        let mut at = (cpu / UNIT) as usize + 1;
        while let Some(sum) = self.sums.get_mut(at) {
            apply(sum);
            at += at & at.wrapping_neg();
        }
    }

    pub(in crate::placement) fn add(&mut self, cpu: u32) {
        self.change(cpu, |sum| *sum += 1);
    }

    pub(in crate::placement) fn remove(&mut self, cpu: u32) {
        self.change(cpu, |sum| *sum -= 1);
    }

    /// How many are below `cpu`; `None` if that is no whole number of units.
    pub(in crate::placement) fn below(&self, cpu: u32) -> Option<u32> {
        let mut at = ((cpu / UNIT) as usize).min(self.sums.len() - 1);
        let mut below = 0;
        while at > 0 {
            below += self.sums[at];
            at &= at - 1;
        }
        cpu.is_multiple_of(UNIT).then_some(below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_equal_a_count() {
        let mut ranks = CpuRanks::new(16_000).expect("small");
        let mut all: Vec<u32> = (0..500_u32).map(|n| n * 7919 % 16_001).collect();
        for cpu in &all {
            ranks.add(*cpu);
        }
        for cpu in all.drain(..200) {
            ranks.remove(cpu);
        }
        for cpu in (0..40_000).step_by(125) {
            let below = all.iter().filter(|it| **it < cpu).count() as u32;
            assert_eq!(ranks.below(cpu), Some(below), "{cpu}");
        }
        assert_eq!(ranks.below(126), None);
        assert_eq!(CpuRanks::new(u32::MAX), None);
    }
}
