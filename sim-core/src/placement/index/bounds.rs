//! Bounds on the free CPU and memory of a set of instances.

/// CPU (in 1/128 000 vCPU) and memory (in MiB) of an instance or of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::placement) struct Size {
    pub(in crate::placement) cpu: u32,
    pub(in crate::placement) memory: u32,
}

impl Size {
    pub(in crate::placement) fn fits_in(self, free: Self) -> bool {
        self.cpu <= free.cpu && self.memory <= free.memory
    }
}

/// Levels of free CPU that a bound tells apart.
const LEVELS: usize = 16;

/// The levels of free CPU for one shape, finer at the low end, where full instances crowd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::placement) struct Steps([u32; LEVELS]);

impl Steps {
    /// Levels for instances of `cpu`.
    pub(in crate::placement) fn new(cpu: u32) -> Self {
        const SIXTY_FOURTHS: [u64; LEVELS] =
            [0, 1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56];
        Self(SIXTY_FOURTHS.map(|part| (u64::from(cpu) * part / 64) as u32))
    }

    /// The highest level that is not above `cpu`.
    pub(in crate::placement) fn step(&self, cpu: u32) -> usize {
        self.0.iter().map(|level| usize::from(*level <= cpu)).sum::<usize>().saturating_sub(1)
    }
}

/// How much is free at most in a set of instances: of CPU, of memory, and of memory among those
/// instances whose CPU reaches a level. Two separate maxima would come from different instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::placement) struct Bounds {
    cpu: u32,
    /// By level; never rises.
    memory: [u32; LEVELS],
}

impl Bounds {
    pub(in crate::placement) fn of(sizes: &[Size], steps: &Steps) -> Self {
        let mut bounds = Self::default();
        for size in sizes {
            let step = steps.step(size.cpu);
            bounds.cpu = bounds.cpu.max(size.cpu);
            bounds.memory[step] = bounds.memory[step].max(size.memory);
        }
        for level in (0..LEVELS - 1).rev() {
            bounds.memory[level] = bounds.memory[level].max(bounds.memory[level + 1]);
        }
        bounds
    }

    pub(in crate::placement) fn include(&mut self, size: Size, steps: &Steps) {
        self.cpu = self.cpu.max(size.cpu);
        for level in &mut self.memory[..=steps.step(size.cpu)] {
            *level = (*level).max(size.memory);
        }
    }

    pub(in crate::placement) fn unite(&mut self, other: &Self) {
        self.cpu = self.cpu.max(other.cpu);
        for (level, other) in self.memory.iter_mut().zip(&other.memory) {
            *level = (*level).max(*other);
        }
    }

    /// Whether the bounds may be lower without an instance of `size`.
    pub(in crate::placement) fn depend_on(&self, size: Size, steps: &Steps) -> bool {
        // The lowest bound of those that count the instance is the last of them.
        self.cpu <= size.cpu || self.memory[steps.step(size.cpu)] <= size.memory
    }

    /// Whether an instance with room for `size`, whose CPU is of level `step`, may be in the set.
    pub(in crate::placement) fn may_hold(&self, size: Size, step: usize) -> bool {
        size.cpu <= self.cpu && size.memory <= self.memory[step]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maxima_of_different_instances_do_not_add_up() {
        let steps = Steps::new(6400);
        let sizes = [Size { cpu: 6400, memory: 10 }, Size { cpu: 50, memory: 900 }];
        let bounds = Bounds::of(&sizes, &steps);
        let holds = |cpu, memory| bounds.may_hold(Size { cpu, memory }, steps.step(cpu));
        assert!(holds(6400, 10));
        assert!(holds(50, 900));
        assert!(!holds(100, 11), "level 1 is reached by the first instance only");
        assert!(!holds(6401, 1));
        assert!(!holds(0, 901));
    }

    #[test]
    fn including_one_by_one_is_the_bound_of_all() {
        let steps = Steps::new(640);
        let sizes: Vec<Size> =
            (0..50).map(|n| Size { cpu: n * 37 % 641, memory: n * 101 % 500 }).collect();
        let mut bounds = Bounds::default();
        for size in &sizes {
            bounds.include(*size, &steps);
        }
        assert_eq!(bounds, Bounds::of(&sizes, &steps));
        let (left, right) = sizes.split_at(20);
        let mut united = Bounds::of(left, &steps);
        united.unite(&Bounds::of(right, &steps));
        assert_eq!(bounds, united);
        for (index, size) in sizes.iter().enumerate() {
            let mut others = sizes.clone();
            others.remove(index);
            let changed = Bounds::of(&others, &steps) != bounds;
            assert!(!changed || bounds.depend_on(*size, &steps), "{size:?}");
        }
    }
}
