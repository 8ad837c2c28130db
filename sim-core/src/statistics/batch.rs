//! Analysis of one long stationary run: warm-up deletion and batch means.

use super::intervals::{Interval, all_finite, mean_interval};
use super::moments::Moments;

/// Observations in a batch of [`mser5`].
const MSER_BATCH: usize = 5;

/// Where the warm-up of a series ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WarmUp {
    /// Observations to delete from the start.
    pub deleted: usize,
    /// Mean of the rest, in whole batches of five.
    pub mean: f64,
    /// The criterion at the minimum.
    pub criterion: f64,
}

/// The mean of a long run from the means of consecutive batches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchMeans {
    /// The interval over batches.
    pub interval: Interval,
    /// Von Neumann's statistic of the batch means. Above 1.645 they are correlated (one-sided 5 %),
    /// and the batches should be longer.
    pub von_neumann: f64,
}

/// Length of the warm-up by MSER-5: the deletion that minimizes the standard error of what is left,
/// on batches of five. `None` if the series is too short: the minimum lies at the last candidate
/// (half of the batches), or there are fewer than two batches.
pub fn mser5(values: &[f64]) -> Option<WarmUp> {
    if !all_finite(values) {
        return None;
    }
    let batches = means_of_batches(values, MSER_BATCH);
    let half = batches.len() / 2;
    let mut best: Option<(usize, f64, f64)> = None;
    for deleted in 0..=half {
        let moments = Moments::of(&batches[deleted..]);
        let n = moments.n() as f64;
        let criterion = moments.sum_of_squares() / (n * n);
        if best.is_none_or(|(_, _, least)| criterion < least) {
            best = Some((deleted, moments.mean(), criterion));
        }
    }
    let (deleted, mean, criterion) = best.filter(|(deleted, _, _)| *deleted < half)?;
    Some(WarmUp { deleted: deleted * MSER_BATCH, mean, criterion })
}

/// Interval for the mean of a stationary series from `n_batches` batches of equal length; what is
/// left over at the end is not used. `None` for fewer than three batches or an empty batch.
pub fn batch_means(values: &[f64], n_batches: usize, level: f64) -> Option<BatchMeans> {
    let length = values.len().checked_div(n_batches).filter(|&length| length > 0)?;
    let means = means_of_batches(&values[..length * n_batches], length);
    Some(BatchMeans { interval: mean_interval(&means, level)?, von_neumann: von_neumann(&means)? })
}

/// Von Neumann's statistic: the lag-1 correlation of a short series, standardized so that it is
/// about standard normal for independent values. `None` for fewer than three values, or equal ones.
pub fn von_neumann(values: &[f64]) -> Option<f64> {
    let (first, last) = (values.first()?, values.last()?);
    if values.len() < 3 || !all_finite(values) {
        return None;
    }
    let moments = Moments::of(values);
    let (mean, squares, k) = (moments.mean(), moments.sum_of_squares(), values.len() as f64);
    let products: f64 = values.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    let ends = (first - mean) * (first - mean) + (last - mean) * (last - mean);
    let statistic =
        libm::sqrt((k * k - 1.0) / (k - 2.0)) * (products / squares + ends / (2.0 * squares));
    statistic.is_finite().then_some(statistic)
}

fn means_of_batches(values: &[f64], length: usize) -> Vec<f64> {
    values.chunks_exact(length).map(|batch| batch.iter().sum::<f64>() / length as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::close;
    use super::*;

    #[test]
    fn tv_27_mser5() {
        let series = [
            0, 1, 1, 2, 2, 3, 4, 4, 5, 5, 6, 7, 7, 8, 8, 9, 10, 8, 9, 11, 10, 9, 12, 10, 11, 8, 10,
            9, 11, 10, 12, 11, 9, 10, 10, 9, 8, 10, 11, 10, 10, 12, 11, 9, 12, 10, 9, 8, 10, 11,
            11, 10, 9, 12, 10, 9, 10, 10, 8, 11, 10, 11, 12, 9, 10, 8, 9, 10, 11, 9, 12, 10, 11,
            10, 11, 9, 10, 8, 10, 9, 11, 12, 10, 10, 9, 10, 10, 11, 9, 12, 8, 9, 10, 11, 10, 12,
            10, 9, 10, 11,
        ]
        .map(f64::from);
        close(Moments::of(&series).mean(), 9.15, 1e-12);
        let warm_up = mser5(&series).unwrap();
        assert_eq!(warm_up.deleted, 15);
        close(warm_up.mean, 10.023_529_4, 5e-8);
        close(warm_up.criterion, 0.015_745_980_1, 5.1e-11);
    }

    #[test]
    fn tv_27_too_short() {
        let batches = [1.2, 4.2, 6.8, 8.6, 9.6, 9.8, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0];
        let series: Vec<f64> = batches.into_iter().flat_map(|mean| [mean; 5]).collect();
        assert_eq!(mser5(&series), None);
        assert_eq!(mser5(&[]), None);
    }

    #[test]
    fn tv_28_batch_means() {
        let series = [
            5.1, 4.8, 5.3, 5.6, 4.9, 5.2, 5.5, 5.0, 4.7, 5.4, 5.8, 5.1, 5.0, 4.6, 5.3, 5.2, 4.9,
            5.5, 5.7, 5.0,
        ];
        let batches = batch_means(&series, 5, 0.95).unwrap();
        close(batches.interval.mean, 5.18, 1e-12);
        close(batches.interval.half_width, 0.122_997, 5.1e-7);
        close(batches.von_neumann, -1.697_957, 5.1e-7);
        assert_eq!(batch_means(&series, 0, 0.95), None);
        assert_eq!(batch_means(&series, 21, 0.95), None);
    }

    #[test]
    fn a_trend_is_seen_as_correlation() {
        let trend: Vec<f64> = (0..20).map(f64::from).collect();
        assert!(von_neumann(&trend).unwrap() > 1.645);
    }
}
