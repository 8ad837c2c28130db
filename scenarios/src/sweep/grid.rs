//! The points of a sweep: every combination of one alternative per parameter.

use std::fmt;

/// Names of a parameter and of its alternatives, in the order of the scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Name.
    pub name: String,
    /// Alternatives, at least one.
    pub alternatives: Vec<String>,
}

/// One combination of alternatives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// `parameter=alternative` for each parameter, separated by spaces. It depends on the names only,
    /// so it stays the same when parameters elsewhere gain alternatives.
    pub name: String,
    /// Index of the alternative of each parameter.
    pub choices: Vec<usize>,
}

/// More combinations than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyPoints {
    /// Number of combinations, if it is a number that fits.
    pub points: Option<usize>,
    /// Most that are allowed.
    pub allowed: usize,
}

impl fmt::Display for TooManyPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.points {
            Some(points) => write!(f, "the sweep has {points} points")?,
            None => f.write_str("the sweep has more points than can be counted")?,
        }
        write!(
            f,
            ", but at most {} are allowed\nhint: give fewer alternatives, or raise `--max-points`",
            self.allowed
        )
    }
}

/// All combinations; the last parameter varies fastest.
///
/// # Errors
/// [`TooManyPoints`], before anything is built.
pub fn grid(parameters: &[Parameter], allowed: usize) -> Result<Vec<Point>, TooManyPoints> {
    let counts = parameters.iter().map(|parameter| parameter.alternatives.len());
    let count = counts.clone().try_fold(1_usize, usize::checked_mul);
    let Some(count) = count.filter(|count| *count <= allowed) else {
        return Err(TooManyPoints { points: count, allowed });
    };
    let counts: Vec<usize> = counts.collect();
    let points = (0..count).map(|index| {
        let mut rest = index;
        let mut choices = vec![0; counts.len()];
        for (choice, count) in choices.iter_mut().zip(&counts).rev() {
            *choice = rest % count;
            rest /= count;
        }
        let parts = parameters.iter().zip(&choices).map(|(parameter, choice)| {
            format!("{}={}", parameter.name, parameter.alternatives[*choice])
        });
        Point { name: parts.collect::<Vec<_>>().join(" "), choices }
    });
    Ok(points.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(name: &str, alternatives: &[&str]) -> Parameter {
        Parameter {
            name: name.to_owned(),
            alternatives: alternatives.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    #[test]
    fn every_combination_once_with_the_last_parameter_fastest() {
        let parameters = [
            parameter("placement", &["binpack", "spread"]),
            parameter("target", &["50", "60", "70"]),
        ];
        let points = grid(&parameters, 6).unwrap();
        let names: Vec<&str> = points.iter().map(|point| point.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "placement=binpack target=50",
                "placement=binpack target=60",
                "placement=binpack target=70",
                "placement=spread target=50",
                "placement=spread target=60",
                "placement=spread target=70",
            ]
        );
        assert_eq!(points[5].choices, [1, 2]);
    }

    #[test]
    fn too_many_points_are_refused_before_they_are_built() {
        let ten: Vec<String> = (0..10).map(|value| value.to_string()).collect();
        let ten: Vec<&str> = ten.iter().map(String::as_str).collect();
        let parameters = |n: usize| vec![parameter("p", &ten); n];
        assert_eq!(
            grid(&parameters(4), 1_000),
            Err(TooManyPoints { points: Some(10_000), allowed: 1_000 })
        );
        // 10^20 does not fit 64 bits.
        assert_eq!(
            grid(&parameters(20), 1_000),
            Err(TooManyPoints { points: None, allowed: 1_000 })
        );
    }
}
