//! Statistics of the samples in a period.

/// What a reader asks of the samples in a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Statistic {
    /// `SampleCount`.
    SampleCount,
    /// `Average`: sum over count.
    #[default]
    Average,
    /// `Sum`.
    Sum,
    /// `Minimum`.
    Minimum,
    /// `Maximum`.
    Maximum,
}

impl Statistic {
    /// CloudWatch's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SampleCount => "SampleCount",
            Self::Average => "Average",
            Self::Sum => "Sum",
            Self::Minimum => "Minimum",
            Self::Maximum => "Maximum",
        }
    }
}

/// `StatisticSet`: what is kept of the samples in a period. Sets of neighbouring periods merge without
/// loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StatisticSet {
    sample_count: f64,
    sum: f64,
    minimum: f64,
    maximum: f64,
}

impl StatisticSet {
    /// One sample; `None` if it is not finite, as CloudWatch drops the result of a division by zero.
    pub fn of(value: f64) -> Option<Self> {
        Self::weighted(value, 1.0)
    }

    /// `sample_count` samples whose mean is `mean`; `None` if there are none, or it is not finite.
    pub fn weighted(mean: f64, sample_count: f64) -> Option<Self> {
        let sum = mean * sample_count;
        let real = mean.is_finite() && sum.is_finite() && sample_count > 0.0;
        real.then_some(Self { sample_count, sum, minimum: mean, maximum: mean })
    }

    /// The set of the samples of both.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        Self {
            sample_count: self.sample_count + other.sample_count,
            sum: self.sum + other.sum,
            minimum: self.minimum.min(other.minimum),
            maximum: self.maximum.max(other.maximum),
        }
    }

    /// A statistic of the set.
    pub fn get(&self, statistic: Statistic) -> f64 {
        match statistic {
            Statistic::SampleCount => self.sample_count,
            // Exact for a single value, whatever its weight.
            Statistic::Average if self.minimum >= self.maximum => self.maximum,
            Statistic::Average => self.sum / self.sample_count,
            Statistic::Sum => self.sum,
            Statistic::Minimum => self.minimum,
            Statistic::Maximum => self.maximum,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_of_merged_sets_weighs_their_samples() {
        // TV-MET-2: four busy tasks for 40 s, then eight that share the same work for 20 s.
        let busy = StatisticSet::weighted(100.0, 4.0 * 40.0).expect("samples");
        let shared = StatisticSet::weighted(50.0, 8.0 * 20.0).expect("samples");
        let minute = busy.merged(shared);
        let all = [
            Statistic::Average,
            Statistic::SampleCount,
            Statistic::Sum,
            Statistic::Minimum,
            Statistic::Maximum,
        ];
        for (statistic, expected) in all.into_iter().zip([75.0, 320.0, 24_000.0, 50.0, 100.0]) {
            let value = minute.get(statistic);
            assert!((value - expected).abs() < 1e-9, "{}: {value}", statistic.name());
        }
    }

    #[test]
    fn what_is_no_number_is_no_sample() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(StatisticSet::of(value), None);
        }
        assert_eq!(StatisticSet::weighted(f64::MAX, 10.0), None);
        assert_eq!(StatisticSet::weighted(1.0, 0.0), None);
    }
}
