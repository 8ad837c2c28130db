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
    /// A percentile, of metrics whose samples are known: `p99`.
    Percentile(Percentile),
}

impl Statistic {
    /// CloudWatch's name, in general words for a percentile.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SampleCount => "SampleCount",
            Self::Average => "Average",
            Self::Sum => "Sum",
            Self::Minimum => "Minimum",
            Self::Maximum => "Maximum",
            Self::Percentile(_) => "percentiles",
        }
    }
}

/// A percentile, and what an alarm on it does about periods with few samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percentile {
    /// In thousandths of a percent: 99 000 for `p99`; at most 100 000.
    pub rank: u32,
    /// `EvaluateLowSampleCountPercentile` of the alarm that asks.
    pub low_samples: LowSampleCount,
}

/// `EvaluateLowSampleCountPercentile`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LowSampleCount {
    /// `evaluate`: few samples are as good as many.
    #[default]
    Evaluate,
    /// `ignore`: the state does not change in periods with too few samples.
    Ignore,
}

/// All of the samples, as a [`Percentile::rank`].
const WHOLE: u32 = 100_000;

impl Percentile {
    /// What `p99` or `p99.9` means; `None` for anything else. CloudWatch takes up to ten digits behind the
    /// point, here three.
    pub fn parse(text: &str) -> Option<Self> {
        let (percent, digits) = match text.strip_prefix('p')?.split_once('.') {
            Some((_, "")) => return None,
            Some((percent, digits)) => (percent, digits),
            None => (text.strip_prefix('p')?, ""),
        };
        let number = |text: &str, most: usize| {
            let plain = text.len() <= most && text.bytes().all(|it| it.is_ascii_digit());
            if plain { text.parse::<u32>().ok() } else { None }
        };
        let rank = number(percent, 3)? * 1000 + number(&format!("{digits:0<3}"), 3)?;
        (rank <= WHOLE).then_some(Self { rank, low_samples: LowSampleCount::Evaluate })
    }

    /// Samples below which it says little: ten beyond it, on its nearer side. `None` for the least and the
    /// greatest, which no number of samples makes more certain.
    pub fn least_samples(self) -> Option<f64> {
        let beyond =
            if WHOLE <= 2 * self.rank { WHOLE.saturating_sub(self.rank) } else { self.rank };
        (0 < beyond).then(|| 10.0 * f64::from(WHOLE) / f64::from(beyond))
    }

    /// Whether a period with so many samples is passed over.
    pub fn passes_over(self, samples: f64) -> bool {
        self.low_samples == LowSampleCount::Ignore
            && self.least_samples().is_none_or(|least| samples < least)
    }
}

/// The share of the samples that a rank in thousandths of a percent leaves below it.
pub fn fraction_of(rank: u32) -> f64 {
    f64::from(rank) / f64::from(WHOLE)
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
            // All are finite, so that no sign or missing number matters.
            minimum: if other.minimum < self.minimum { other.minimum } else { self.minimum },
            maximum: if self.maximum < other.maximum { other.maximum } else { self.maximum },
        }
    }

    /// A statistic of the set. A percentile cannot be had from a set, unless all its samples are alike.
    pub fn get(&self, statistic: Statistic) -> Option<f64> {
        Some(match statistic {
            Statistic::SampleCount => self.sample_count,
            // Exact for a single value, whatever its weight.
            Statistic::Average | Statistic::Percentile(_) if self.minimum >= self.maximum => {
                self.maximum
            }
            Statistic::Average => self.sum / self.sample_count,
            Statistic::Sum => self.sum,
            Statistic::Minimum => self.minimum,
            Statistic::Maximum => self.maximum,
            Statistic::Percentile(_) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tv_met_2_the_average_of_merged_sets_weighs_their_samples() {
        // Four busy tasks for 40 s, then eight that share the same work for 20 s.
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
            let value = minute.get(statistic).expect("known of any set");
            assert!((value - expected).abs() < 1e-9, "{}: {value}", statistic.name());
        }
    }

    #[test]
    fn percentiles_are_named_as_cloudwatch_names_them() {
        let rank = |text| Percentile::parse(text).map(|it| it.rank);
        for (text, expected) in [
            ("p99", Some(99_000)),
            ("p50", Some(50_000)),
            ("p99.9", Some(99_900)),
            ("p99.95", Some(99_950)),
            ("p0.005", Some(5)),
            ("p0", Some(0)),
            ("p100", Some(100_000)),
            ("p100.1", None),
            ("p101", None),
            ("p99.", None),
            ("p99.9999", None),
            ("p", None),
            ("p+9", None),
            ("p-1", None),
            ("99", None),
            ("tm99", None),
            ("P99", None),
        ] {
            assert_eq!(rank(text), expected, "{text}");
        }
    }

    #[test]
    fn few_samples_are_fewer_than_ten_beyond_the_percentile() {
        let least = |text| Percentile::parse(text).and_then(Percentile::least_samples);
        for (text, expected) in [
            // 10 / (1 − q) from the median on, 10 / q below it.
            ("p99", Some(1000.0)),
            ("p90", Some(100.0)),
            ("p50", Some(20.0)),
            ("p49", Some(10.0 / 0.49)),
            ("p10", Some(100.0)),
            ("p99.9", Some(10_000.0)),
            ("p0", None),
            ("p100", None),
        ] {
            match (least(text), expected) {
                (Some(found), Some(expected)) => {
                    assert!((found - expected).abs() < 1e-9, "{text}: {found}");
                }
                (found, expected) => assert_eq!(found, expected, "{text}"),
            }
        }
        let p99 = Percentile::parse("p99").expect("a percentile");
        assert!(!p99.passes_over(1.0));
        let strict = Percentile { low_samples: LowSampleCount::Ignore, ..p99 };
        assert!(strict.passes_over(999.0) && !strict.passes_over(1000.0));
    }

    #[test]
    fn a_set_has_percentiles_only_if_its_samples_are_alike() {
        let p99 = Statistic::Percentile(Percentile::parse("p99").expect("a percentile"));
        let one = StatisticSet::of(7.0).expect("a sample");
        assert_eq!(one.get(p99), Some(7.0));
        assert_eq!(one.merged(StatisticSet::of(8.0).expect("a sample")).get(p99), None);
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
