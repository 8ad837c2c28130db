//! Shaded bands behind the lines of a panel.

use std::io;

use plotters::prelude::DrawingBackend;

use super::canvas::{Canvas, Point};
use super::ink::Ink;
use crate::chart::BandKind;

/// Between the strokes of a hatched band.
const HATCH: f64 = 9.0;
/// Least width of a band; an instant would not be seen.
const LEAST: f64 = 2.0;
const OPACITY: f64 = 0.28;

/// Draws a band of one kind from the upper left corner `from` to the lower right one `to`.
pub(super) fn band<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    kind: BandKind,
    from: Point,
    to: Point,
) -> io::Result<()> {
    let middle = f64::midpoint(from.0, to.0);
    let half = ((to.0 - from.0) / 2.0).max(LEAST / 2.0);
    let (left, right) = (middle - half, middle + half);
    canvas.rectangle((left, from.1), (right, to.1), Ink::Fault, OPACITY)?;
    if kind == BandKind::ZoneOutage {
        hatch(canvas, (left, from.1), (right, to.1))?;
    }
    for x in [left, right] {
        canvas.line(&[(x, from.1), (x, to.1)], Ink::Fault, 1.0)?;
    }
    Ok(())
}

/// Strokes that rise to the right at 45 degrees, clipped to the rectangle.
fn hatch<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, from: Point, to: Point) -> io::Result<()> {
    let height = to.1 - from.1;
    let mut foot = from.0 - height + HATCH;
    while foot < to.0 {
        let start = foot.max(from.0);
        let end = (foot + height).min(to.0);
        if start < end {
            let y = |x: f64| to.1 - (x - foot);
            canvas.line(&[(start, y(start)), (end, y(end))], Ink::Fault, 0.5)?;
        }
        foot += HATCH;
    }
    Ok(())
}
