//! Figures of a sweep: means with their intervals, and one measure against another.

use std::io;

use plotters::prelude::DrawingBackend;

use super::axis::ValueAxis;
use super::canvas::{Align, Canvas, Type, text_width};
use super::ink::Ink;
use super::timeline::inset;
use super::{Figure, Place};
use crate::chart::{AxisUnit, Hue};

const ROW: f64 = 26.0;
const TITLE: f64 = 40.0;
const HEAD: f64 = 30.0;
const FOOT: f64 = 30.0;

/// Differences against a baseline for one metric: a dot and its 95 % interval for each point.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IntervalChart {
    /// Name of its files.
    pub(crate) id: String,
    /// What it is.
    pub(crate) title: String,
    /// Quantity and unit of the axis.
    pub(crate) label: String,
    /// How its values are written.
    pub(crate) unit: AxisUnit,
    /// Name of the line at zero.
    pub(crate) baseline: String,
    /// A row for each point.
    pub(crate) rows: Vec<IntervalRow>,
}

/// A point of the comparison.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IntervalRow {
    /// Name.
    pub(crate) name: String,
    /// Difference.
    pub(crate) value: f64,
    /// Half width of its interval.
    pub(crate) half_width: f64,
    /// Whether the difference is more than noise.
    pub(crate) significant: bool,
}

/// Two measures of each point, both with intervals.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScatterChart {
    /// Name of its files.
    pub(crate) id: String,
    /// What it is.
    pub(crate) title: String,
    /// Quantity and unit of the horizontal axis, and how it is written.
    pub(crate) x: (String, AxisUnit),
    /// The same for the vertical axis.
    pub(crate) y: (String, AxisUnit),
    /// Points.
    pub(crate) points: Vec<ScatterPoint>,
}

/// A point of a scatter chart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScatterPoint {
    /// Name.
    pub(crate) name: String,
    /// Horizontal value and half width of its interval.
    pub(crate) x: (f64, f64),
    /// The same for the vertical value.
    pub(crate) y: (f64, f64),
    /// Whether it is the baseline.
    pub(crate) baseline: bool,
}

/// Cuts `text` so that it fits `width`.
fn fitted(text: &str, width: f64, style: Type) -> String {
    if text_width(text, style) <= width {
        return text.to_owned();
    }
    let mut chars: Vec<char> = text.chars().collect();
    while chars.pop().is_some() {
        let shorter: String = chars.iter().collect::<String>() + "…";
        if text_width(&shorter, style) <= width {
            return shorter;
        }
    }
    String::new()
}

fn axis_of(values: impl Iterator<Item = f64>, with_zero: bool, ticks: usize) -> ValueAxis {
    let (mut low, mut high) =
        if with_zero { (0.0, 0.0) } else { (f64::INFINITY, f64::NEG_INFINITY) };
    for value in values.filter(|value| value.is_finite()) {
        low = f64::min(low, value);
        high = f64::max(high, value);
    }
    if low > high {
        (low, high) = (0.0, 1.0);
    }
    ValueAxis::linear(low, high, ticks)
}

impl Figure for IntervalChart {
    fn id(&self) -> &str {
        &self.id
    }

    fn title(&self) -> &str {
        &self.title
    }

    fn height(&self, _width: f64, place: Place) -> f64 {
        let title = if place == Place::Alone { TITLE } else { 0.0 };
        title + HEAD + self.rows.len() as f64 * ROW + FOOT + 10.0
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, place: Place) -> io::Result<()> {
        let (width, _) = canvas.size();
        let mut top = 4.0;
        if place == Place::Alone {
            canvas.text(&self.title, (12.0, 22.0), Align::Left, Type::TITLE)?;
            top = TITLE;
        }
        canvas.text(&self.label, (inset(place), top + 11.0), Align::Left, Type::HEAD)?;
        let name = Type { ink: Ink::Text, ..Type::TICK };
        let names = self.rows.iter().map(|row| text_width(&row.name, name)).fold(40.0, f64::max);
        let left = inset(place) + names.min(width * 0.36) + 14.0;
        let right = width - 34.0;
        let ends = self
            .rows
            .iter()
            .flat_map(|row| [row.value - row.half_width, row.value + row.half_width]);
        let axis = axis_of(ends, true, if width < 600.0 { 3 } else { 6 });
        let x = |value: f64| left + axis.place(value) * (right - left);
        let (from, to) = (top + HEAD, top + HEAD + self.rows.len() as f64 * ROW);
        for tick in &axis.ticks {
            canvas.line(&[(x(*tick), from), (x(*tick), to)], Ink::Grid, 1.0)?;
            canvas.text(
                &axis.label(*tick, self.unit),
                (x(*tick), to + 13.0),
                Align::Center,
                Type::TICK,
            )?;
        }
        canvas.line(&[(x(0.0), from - 4.0), (x(0.0), to)], Ink::Text, 1.5)?;
        let half = text_width(&self.baseline, Type::TICK) / 2.0;
        let at = x(0.0).clamp(left.min(width - half), (width - half - 4.0).max(left));
        if text_width(&self.label, Type::HEAD) + 40.0 + half < at {
            canvas.text(&self.baseline, (at, from - 14.0), Align::Center, Type::TICK)?;
        }
        for (index, row) in self.rows.iter().enumerate() {
            let y = from + (index as f64 + 0.5) * ROW;
            // What is only noise is grey and hollow in meaning: the text says so as well.
            let ink = Ink::Hue(if row.significant { Hue::Blue } else { Hue::Grey });
            canvas.text(
                &fitted(&row.name, left - 13.0, name),
                (left - 12.0, y),
                Align::Right,
                name,
            )?;
            let (low, high) = (x(row.value - row.half_width), x(row.value + row.half_width));
            canvas.line(&[(low, y), (high, y)], ink, 2.0)?;
            for end in [low, high] {
                canvas.line(&[(end, y - 4.0), (end, y + 4.0)], ink, 2.0)?;
            }
            canvas.dot((x(row.value), y), 4.5, ink)?;
        }
        Ok(())
    }
}

impl Figure for ScatterChart {
    fn id(&self) -> &str {
        &self.id
    }

    fn title(&self) -> &str {
        &self.title
    }

    fn height(&self, width: f64, place: Place) -> f64 {
        let title = if place == Place::Alone { TITLE } else { 0.0 };
        title + if width < 600.0 { 300.0 } else { 400.0 }
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, place: Place) -> io::Result<()> {
        let (width, height) = canvas.size();
        let mut top = 4.0;
        if place == Place::Alone {
            canvas.text(&self.title, (12.0, 22.0), Align::Left, Type::TITLE)?;
            top = TITLE;
        }
        canvas.text(&self.y.0, (inset(place), top + 11.0), Align::Left, Type::HEAD)?;
        let ends = |pair: (f64, f64)| [pair.0 - pair.1, pair.0 + pair.1];
        let ticks = if width < 600.0 { 3 } else { 6 };
        let across = axis_of(self.points.iter().flat_map(|p| ends(p.x)), false, ticks);
        let up = axis_of(self.points.iter().flat_map(|p| ends(p.y)), false, 5);
        let labels = up.ticks.iter().map(|tick| text_width(&up.label(*tick, self.y.1), Type::TICK));
        let left = inset(place) + 2.0 + labels.fold(20.0, f64::max) + 8.0;
        let (right, from, to) = (width - 30.0, top + HEAD, height - 52.0);
        let x = |value: f64| left + across.place(value) * (right - left);
        let y = |value: f64| to - up.place(value) * (to - from);
        for tick in &up.ticks {
            canvas.line(&[(left, y(*tick)), (right, y(*tick))], Ink::Grid, 1.0)?;
            canvas.text(
                &up.label(*tick, self.y.1),
                (left - 8.0, y(*tick)),
                Align::Right,
                Type::TICK,
            )?;
        }
        for tick in &across.ticks {
            canvas.line(&[(x(*tick), from), (x(*tick), to)], Ink::Grid, 1.0)?;
            canvas.text(
                &across.label(*tick, self.x.1),
                (x(*tick), to + 14.0),
                Align::Center,
                Type::TICK,
            )?;
        }
        canvas.text(&self.x.0, (right, to + 36.0), Align::Right, Type::HEAD)?;
        let name = Type { ink: Ink::Text, ..Type::TICK };
        let mut taken: Vec<(f64, f64, f64, f64)> = Vec::new();
        for point in &self.points {
            let ink = Ink::Hue(if point.baseline { Hue::Vermillion } else { Hue::Blue });
            let (px, py) = (x(point.x.0), y(point.y.0));
            let ([x0, x1], [y0, y1]) = (ends(point.x).map(x), ends(point.y).map(y));
            canvas.line(&[(x0, py), (x1, py)], ink, 1.5)?;
            canvas.line(&[(px, y0), (px, y1)], ink, 1.5)?;
            canvas.dot((px, py), 4.5, ink)?;
        }
        for point in &self.points {
            let (px, py) = (x(point.x.0), y(point.y.0));
            let text = if point.baseline {
                format!("{} (baseline)", point.name)
            } else {
                point.name.clone()
            };
            let text = fitted(&text, (right - left) * 0.6, name);
            let long = text_width(&text, name);
            // Right of the point, else left, above or below: the first place that is free.
            let places = [
                (px + 9.0, py - 9.0),
                (px - 9.0 - long, py - 9.0),
                (px + 9.0, py + 11.0),
                (px - 9.0 - long, py + 11.0),
                (px - long / 2.0, py - 24.0),
                (px - long / 2.0, py + 26.0),
            ];
            let free = places.iter().find(|(x, y)| {
                let inside =
                    *x > left - 4.0 && x + long < width - 2.0 && *y > from - 10.0 && *y < to;
                inside
                    && taken
                        .iter()
                        .all(|t| x + long < t.0 || *x > t.2 || y + 8.0 < t.1 || y - 8.0 > t.3)
            });
            // A crowd of labels is worse than a missing one: the table below names every point.
            if let Some((x, y)) = free {
                taken.push((*x, y - 8.0, x + long, y + 8.0));
                canvas.text(&text, (*x, *y), Align::Left, name)?;
            }
        }
        Ok(())
    }
}
