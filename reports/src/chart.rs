//! What a plot shows, as data: lines in panels over one time axis, thinned out to what can be seen.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::plot::{self, Place};

/// Most points of a line. A plot is at most about 1400 pixels wide, so that more could not be seen.
pub const MAX_POINTS: usize = 1_400;

/// A figure: panels above each other that share their time axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chart {
    /// Name of its files, without an extension.
    pub id: String,
    /// What it is.
    pub title: String,
    /// What it shows, in one sentence.
    pub caption: String,
    /// Start of the time axis in seconds since 1970.
    pub start: i64,
    /// Its length in seconds.
    pub length: f64,
    /// Panels from top to bottom.
    pub panels: Vec<Panel>,
    /// Scaling actions, marked below the first panel.
    pub marks: Vec<Mark>,
    /// When faults held, shaded behind the lines of every panel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bands: Vec<Band>,
}

/// A panel with its own value axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Panel {
    /// Quantity and unit of the value axis.
    pub label: String,
    /// How the values of the axis are written.
    pub unit: AxisUnit,
    /// Lines, drawn in this order.
    pub lines: Vec<Line>,
    /// Whether the lines are areas on top of each other.
    pub stacked: bool,
    /// A bound that the values are held against.
    pub bound: Option<Bound>,
}

/// How the labels of a value axis look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AxisUnit {
    /// A bare number.
    Number,
    /// A percentage.
    Percent,
    /// US dollars.
    Usd,
    /// Milliseconds.
    Millis,
}

/// A named line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Name in the legend.
    pub name: String,
    /// Colour.
    pub hue: Hue,
    /// How it is drawn.
    pub form: Form,
    /// Seconds from the start of the axis and value; no value is a gap.
    pub points: Vec<(f64, Option<f64>)>,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// From point to point.
    Line,
    /// Each value holds until the next.
    Step,
    /// Steps, so broad that a line on top of them leaves their edges in sight.
    Broad,
    /// Steps, filled down to zero.
    Area,
}

/// A colour of the palette of Okabe and Ito, which people tell apart whatever their colour vision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hue {
    /// Blue.
    Blue,
    /// Vermillion.
    Vermillion,
    /// Bluish green.
    Green,
    /// Reddish purple.
    Purple,
    /// Orange.
    Orange,
    /// Sky blue.
    Sky,
    /// Yellow.
    Yellow,
    /// Grey, for what is left over.
    Grey,
}

impl Hue {
    /// All hues, in the order in which parts of a stack take them.
    pub const ALL: [Self; 8] = [
        Self::Blue,
        Self::Orange,
        Self::Green,
        Self::Purple,
        Self::Sky,
        Self::Vermillion,
        Self::Yellow,
        Self::Grey,
    ];
}

/// A bound, drawn as a dashed line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// Name in the legend.
    pub name: String,
    /// Where it is.
    pub value: f64,
}

/// A scaling action.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// Seconds from the start of the axis.
    pub at: f64,
    /// Whether it added capacity.
    pub out: bool,
}

/// A time at which a fault held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// Seconds from the start of the axis to its beginning.
    pub from: f64,
    /// To its end; no later than that of the axis.
    pub until: f64,
    /// Which kind of fault it is, and how it is drawn.
    pub kind: BandKind,
    /// Name in the legend; the same for all of a kind.
    pub name: String,
}

/// Kind of a band. They differ by their pattern, so that nobody needs to tell colours apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BandKind {
    /// The outage of a zone: hatched.
    ZoneOutage,
    /// Any other fault: plain.
    Other,
}

impl Chart {
    /// The figure as SVG, at the width of a page.
    ///
    /// # Errors
    /// If the drawing fails.
    pub fn to_svg(&self) -> io::Result<String> {
        plot::svg(self, plot::WIDE, Place::Alone)
    }

    /// Writes the figure as PNG.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_png(&self, path: &Path) -> io::Result<()> {
        plot::write_png(self, path)
    }

    /// Whether any panel has a value to draw.
    pub fn has_data(&self) -> bool {
        let lines = self.panels.iter().flat_map(|panel| &panel.lines);
        lines.flat_map(|line| &line.points).any(|(_, value)| value.is_some())
    }
}

/// Values at multiples of `interval` seconds as points: the smallest and the largest value of each of
/// at most half of [`MAX_POINTS`] groups in the order in which they occur, so that every spike stays in
/// sight. A group without data is a gap. Runs of equal values keep their ends only.
pub fn thin(values: &[Option<f64>], interval: f64) -> Vec<(f64, Option<f64>)> {
    let finite = |value: Option<f64>| value.and_then(crate::number::finite);
    let at = |index: usize| index as f64 * interval;
    let mut points: Vec<(f64, Option<f64>)> = Vec::new();
    if values.len() <= MAX_POINTS {
        points.extend(values.iter().enumerate().map(|(index, value)| (at(index), finite(*value))));
    } else {
        let size = values.len().div_ceil(MAX_POINTS / 2);
        for (group, chunk) in values.chunks(size).enumerate() {
            let first = group * size;
            let known =
                || chunk.iter().enumerate().filter_map(|(i, v)| finite(*v).map(|v| (first + i, v)));
            let low = known().min_by(|a, b| a.1.total_cmp(&b.1));
            let high = known().max_by(|a, b| a.1.total_cmp(&b.1));
            match (low, high) {
                (Some(low), Some(high)) if low.1 < high.1 => {
                    let (one, two) = if low.0 < high.0 { (low, high) } else { (high, low) };
                    points.push((at(one.0), Some(one.1)));
                    points.push((at(two.0), Some(two.1)));
                }
                (Some(only), _) => points.push((at(only.0), Some(only.1))),
                _ => points.push((at(first), None)),
            }
        }
    }
    for point in &mut points {
        point.1 = point.1.map(short);
    }
    let mut kept: Vec<(f64, Option<f64>)> = Vec::with_capacity(points.len());
    for (index, point) in points.iter().enumerate() {
        let same =
            |other: Option<&(f64, Option<f64>)>| other.is_some_and(|o| bits(o.1) == bits(point.1));
        if same(kept.last()) && same(points.get(index + 1)) {
            continue;
        }
        kept.push(*point);
    }
    kept
}

fn bits(value: Option<f64>) -> Option<u64> {
    value.map(f64::to_bits)
}

/// `value` with six significant digits: finer than any pixel, and short in the stored file.
pub(crate) fn short(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_survives_thinning() {
        let mut values = vec![Some(1.0); 66_240];
        values[31_001] = Some(99.0);
        values[31_002] = Some(-7.0);
        let points = thin(&values, 60.0);
        assert!(points.len() <= MAX_POINTS);
        let has = |value: f64| points.iter().any(|p| bits(p.1) == Some(value.to_bits()));
        assert!(has(99.0));
        assert!(has(-7.0));
        assert!(points.iter().any(|p| p.0.to_bits() == (31_001.0_f64 * 60.0).to_bits()));
    }

    #[test]
    fn a_noisy_series_is_bounded_and_in_order() {
        let values: Vec<_> = (0..100_000_u64).map(|i| Some((i * 7_919 % 1_013) as f64)).collect();
        let points = thin(&values, 1.0);
        assert!(points.len() <= MAX_POINTS);
        assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn gaps_stay_and_equal_values_collapse() {
        let values = [Some(1.0), Some(1.0), Some(1.0), None, None, None, Some(f64::NAN), Some(2.0)];
        let points = thin(&values, 10.0);
        let expected =
            [(0.0, Some(1.0)), (20.0, Some(1.0)), (30.0, None), (60.0, None), (70.0, Some(2.0))];
        assert_eq!(points, expected);
        assert!(thin(&[], 1.0).is_empty());
        assert_eq!(thin(&[Some(3.0)], 1.0), [(0.0, Some(3.0))]);
    }
}
