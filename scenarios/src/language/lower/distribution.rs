//! Distributions of lengths of time.

use plimsoll_core::engine::{DurationDistribution, variates};

use super::Context;
use crate::language::raw::distribution::{Distribution, DistributionParts, Lognormal};
use crate::language::tree::Path;

/// Turns a distribution into one that can be sampled; reports parameters that make no sense.
pub(super) fn lower(
    context: &Context<'_>,
    path: &Path,
    raw: &Distribution,
) -> Option<DurationDistribution> {
    let parts = match raw {
        Distribution::Fixed(length) => {
            return Some(DurationDistribution::Constant(length.duration()));
        }
        Distribution::Drawn(parts) => parts,
    };
    let (key, built) = build(parts)?;
    match built {
        Ok(distribution) => Some(distribution),
        Err(message) => {
            context.error(&path.key(key), message);
            None
        }
    }
}

type Built = Result<DurationDistribution, &'static str>;

/// The one part that is given; the schema has checked that there is exactly one.
fn build(parts: &DistributionParts) -> Option<(&'static str, Built)> {
    if let Some(length) = parts.constant {
        return Some(("constant", Ok(DurationDistribution::Constant(length.duration()))));
    }
    if let Some(it) = &parts.uniform {
        let built = DurationDistribution::uniform(it.min.duration(), it.max.duration());
        return Some(("uniform", built));
    }
    if let Some(it) = &parts.exponential {
        return Some(("exponential", DurationDistribution::exponential(it.mean.duration())));
    }
    if let Some(it) = &parts.lognormal {
        return Some(("lognormal", lognormal(it)));
    }
    if let Some(it) = &parts.weibull {
        return Some(("weibull", DurationDistribution::weibull(it.scale.duration(), it.shape)));
    }
    if let Some(it) = &parts.pareto {
        return Some(("pareto", DurationDistribution::pareto(it.scale.duration(), it.shape)));
    }
    let values = parts.empirical.as_ref()?.iter().map(|length| length.duration()).collect();
    Some(("empirical", DurationDistribution::empirical(values)))
}

fn lognormal(it: &Lognormal) -> Built {
    match (it.median, it.p95, it.sigma, it.mean, it.cv) {
        (Some(median), Some(p95), None, None, None) => {
            DurationDistribution::lognormal_median_p95(median.duration(), p95.duration())
        }
        (Some(median), None, Some(sigma), None, None) => {
            if median.0 == 0 {
                return Err("the median is zero");
            }
            if sigma <= 0.0 {
                return Err("`sigma` is not above zero");
            }
            // The logarithm of the engine; the 95th percentile does not enter it.
            let median = median.duration().as_secs_f64();
            let (mu, _) = variates::lognormal_from_median_p95(median, 2.0 * median);
            Ok(DurationDistribution::LogNormal { mu, sigma })
        }
        (None, None, None, Some(mean), Some(cv)) => {
            DurationDistribution::lognormal_mean_cv(mean.duration(), cv)
        }
        _ => Err("needs `median` with `p95` or `sigma`, or `mean` with `cv`"),
    }
}
