//! Draws a [`Chart`]: panels over one time axis.

use std::io;

use plotters::prelude::DrawingBackend;

use super::Place;
use super::axis::{ValueAxis, time_caption, time_ticks};
use super::bands::band;
use super::canvas::{Align, Canvas, Point, Type, text_width};
use super::ink::Ink;
use crate::chart::{BandKind, Chart, Form, Line, Panel};

const RIGHT: f64 = 18.0;
const TITLE_HEIGHT: f64 = 34.0;
const LEGEND_ROW: f64 = 22.0;
const PANEL_GAP: f64 = 16.0;
const STRIP_HEIGHT: f64 = 26.0;
const AXIS_HEIGHT: f64 = 50.0;
/// Spread of values beyond which latencies need a logarithmic axis.
const LOG_RATIO: f64 = 60.0;

/// An entry of a legend.
struct Entry<'a> {
    name: &'a str,
    ink: Ink,
    symbol: Symbol,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Symbol {
    Line,
    Area,
    Dash,
    Up,
    Down,
    Band(BandKind),
}

/// Left margin: inside a page, the page has one of its own.
pub(super) fn inset(place: Place) -> f64 {
    if place == Place::Alone { 12.0 } else { 2.0 }
}

/// Whether a panel is the first: it alone shows the scaling actions and explains the bands.
fn entries<'a>(chart: &'a Chart, panel: &'a Panel, first: bool) -> Vec<Entry<'a>> {
    let lines = panel.lines.iter().map(|line| {
        let filled = panel.stacked || line.form == Form::Area;
        let symbol = if filled { Symbol::Area } else { Symbol::Line };
        Entry { name: &line.name, ink: Ink::Hue(line.hue), symbol }
    });
    let mut entries: Vec<_> = lines.collect();
    if let Some(bound) = &panel.bound {
        entries.push(Entry { name: &bound.name, ink: Ink::Text, symbol: Symbol::Dash });
    }
    if first {
        if chart.marks.iter().any(|mark| mark.out) {
            entries.push(Entry { name: "scale-out", ink: UP, symbol: Symbol::Up });
        }
        if chart.marks.iter().any(|mark| !mark.out) {
            entries.push(Entry { name: "scale-in", ink: DOWN, symbol: Symbol::Down });
        }
        for kind in [BandKind::ZoneOutage, BandKind::Other] {
            if let Some(band) = chart.bands.iter().find(|band| band.kind == kind) {
                let symbol = Symbol::Band(kind);
                entries.push(Entry { name: &band.name, ink: Ink::Fault, symbol });
            }
        }
    }
    entries
}

const UP: Ink = Ink::Hue(crate::chart::Hue::Vermillion);
const DOWN: Ink = Ink::Hue(crate::chart::Hue::Green);

/// Left edge of each entry and its row, after the label of the panel; and the number of rows.
fn legend_layout(
    panel: &Panel,
    entries: &[Entry<'_>],
    width: f64,
    inset: f64,
) -> (Vec<(f64, usize)>, usize) {
    let mut x = inset + text_width(&panel.label, Type::HEAD) + 22.0;
    let mut row = 0;
    let mut places = Vec::new();
    for entry in entries {
        let needed = 26.0 + text_width(entry.name, Type::TICK);
        if x + needed > width - RIGHT && x > inset + 0.5 {
            row += 1;
            x = inset;
        }
        places.push((x, row));
        x += needed + 18.0;
    }
    (places, row + 1)
}

fn plot_height(index: usize, width: f64, panels: usize) -> f64 {
    let base = if width < 600.0 { 170.0 } else { 240.0 };
    if index == 0 || panels > 2 { base } else { base * 0.5 }
}

pub(crate) fn height(chart: &Chart, width: f64, place: Place) -> f64 {
    let mut height = if place == Place::Alone { TITLE_HEIGHT + 8.0 } else { 4.0 };
    for (index, panel) in chart.panels.iter().enumerate() {
        let entries = entries(chart, panel, index == 0);
        let (_, rows) = legend_layout(panel, &entries, width, inset(place));
        height += rows as f64 * LEGEND_ROW + 10.0 + plot_height(index, width, chart.panels.len());
        if index == 0 && !chart.marks.is_empty() {
            height += STRIP_HEIGHT;
        }
        if index > 0 {
            height += PANEL_GAP;
        }
    }
    height + AXIS_HEIGHT
}

/// The rectangle of a panel's data, and the time axis.
#[derive(Clone, Copy)]
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    length: f64,
}

impl Frame {
    fn x(&self, seconds: f64) -> f64 {
        let share = if self.length > 0.0 { (seconds / self.length).clamp(0.0, 1.0) } else { 0.5 };
        self.left + share * (self.right - self.left)
    }

    fn y(&self, axis: &ValueAxis, value: f64) -> f64 {
        self.bottom - axis.place(value) * (self.bottom - self.top)
    }
}

pub(crate) fn draw<DB: DrawingBackend>(
    chart: &Chart,
    canvas: &Canvas<'_, DB>,
    place: Place,
) -> io::Result<()> {
    let (width, _) = canvas.size();
    let mut y = 4.0;
    if place == Place::Alone {
        canvas.text(&chart.title, (inset(place), 24.0), Align::Left, Type::TITLE)?;
        y = TITLE_HEIGHT + 8.0;
    }
    let axes: Vec<ValueAxis> = chart
        .panels
        .iter()
        .enumerate()
        .map(|(index, panel)| {
            let height = plot_height(index, width, chart.panels.len());
            value_axis(panel, ((height / 45.0) as usize).max(4))
        })
        .collect();
    let labels = chart.panels.iter().zip(&axes).flat_map(|(panel, axis)| {
        axis.ticks.iter().map(|tick| text_width(&axis.label(*tick, panel.unit), Type::TICK))
    });
    // One left edge for all panels, so that their times are above each other.
    let left = inset(place) + 2.0 + labels.fold(20.0, f64::max) + 8.0;
    let mut frame =
        Frame { left, right: width - RIGHT, top: 0.0, bottom: 0.0, length: chart.length };
    let ticks = time_ticks(chart.start, chart.length, ((frame.right - frame.left) / 72.0) as usize);
    for (index, (panel, axis)) in chart.panels.iter().zip(&axes).enumerate() {
        if index > 0 {
            y += PANEL_GAP;
        }
        let entries = entries(chart, panel, index == 0);
        y += legend(panel, &entries, canvas, (inset(place), width), y)? + 10.0;
        frame.top = y;
        frame.bottom = y + plot_height(index, width, chart.panels.len());
        for it in &chart.bands {
            let (from, to) = (frame.x(it.from), frame.x(it.until));
            band(canvas, it.kind, (from, frame.top), (to, frame.bottom))?;
        }
        grid(panel, axis, canvas, frame)?;
        for tick in &ticks {
            let x = frame.x((tick.at - chart.start) as f64);
            canvas.line(&[(x, frame.top), (x, frame.bottom)], Ink::Grid, 0.5)?;
        }
        if panel.stacked {
            stack(panel, axis, canvas, frame)?;
        } else {
            for line in &panel.lines {
                draw_line(line, axis, canvas, frame)?;
            }
        }
        if let Some(bound) = &panel.bound {
            canvas.dashes(frame.left, frame.right, frame.y(axis, bound.value), Ink::Text)?;
        }
        canvas.line(&[(frame.left, frame.bottom), (frame.right, frame.bottom)], Ink::Muted, 1.0)?;
        y = frame.bottom;
        if index == 0 && !chart.marks.is_empty() {
            marks(chart, canvas, frame)?;
            y += STRIP_HEIGHT;
        }
    }
    for tick in &ticks {
        let x = frame.x((tick.at - chart.start) as f64);
        canvas.line(&[(x, y), (x, y + 5.0)], Ink::Muted, 1.0)?;
        let half = text_width(&tick.label, Type::TICK) / 2.0;
        let x = x.clamp(half + 2.0, (width - half - 2.0).max(half + 2.0));
        canvas.text(&tick.label, (x, y + 15.0), Align::Center, Type::TICK)?;
    }
    let caption = time_caption(chart.start, chart.length);
    canvas.text(&caption, (frame.right, y + 36.0), Align::Right, Type::TICK)
}

/// Draws the label and the legend of a panel; returns their height.
fn legend<DB: DrawingBackend>(
    panel: &Panel,
    entries: &[Entry<'_>],
    canvas: &Canvas<'_, DB>,
    (inset, width): (f64, f64),
    top: f64,
) -> io::Result<f64> {
    let (places, rows) = legend_layout(panel, entries, width, inset);
    canvas.text(&panel.label, (inset, top + LEGEND_ROW / 2.0), Align::Left, Type::HEAD)?;
    for (entry, (x, row)) in entries.iter().zip(places) {
        let y = top + (row as f64 + 0.5) * LEGEND_ROW;
        match entry.symbol {
            Symbol::Line => canvas.line(&[(x, y), (x + 18.0, y)], entry.ink, 3.0)?,
            Symbol::Area => canvas.rectangle(
                (x, y - 5.0),
                (x + 18.0, y + 5.0),
                entry.ink,
                AREA_OPACITY_LEGEND,
            )?,
            Symbol::Dash => canvas.dashes(x, x + 19.0, y, entry.ink)?,
            Symbol::Up => triangle(canvas, (x + 9.0, y), true, entry.ink)?,
            Symbol::Down => triangle(canvas, (x + 9.0, y), false, entry.ink)?,
            Symbol::Band(kind) => band(canvas, kind, (x, y - 6.0), (x + 18.0, y + 6.0))?,
        }
        canvas.text(
            entry.name,
            (x + 24.0, y),
            Align::Left,
            Type { ink: Ink::Text, ..Type::TICK },
        )?;
    }
    Ok(rows as f64 * LEGEND_ROW)
}

const AREA_OPACITY: f64 = 0.35;
const AREA_OPACITY_LEGEND: f64 = 0.6;
const STACK_OPACITY: f64 = 0.85;

fn value_axis(panel: &Panel, ticks: usize) -> ValueAxis {
    let values = || panel.lines.iter().flat_map(|line| &line.points).filter_map(|point| point.1);
    let mut high = if panel.stacked {
        stack_sums(panel).into_iter().fold(0.0, f64::max)
    } else {
        values().fold(0.0, f64::max)
    };
    let mut low = values().fold(0.0, f64::min);
    if let Some(bound) = &panel.bound {
        high = high.max(bound.value);
        low = low.min(bound.value);
    }
    let positive =
        values().chain(panel.bound.as_ref().map(|bound| bound.value)).filter(|v| *v > 0.0);
    let smallest = positive.fold(f64::INFINITY, f64::min);
    if panel.unit == crate::chart::AxisUnit::Millis
        && smallest.is_finite()
        && high > smallest * LOG_RATIO
        && low >= 0.0
    {
        return ValueAxis::logarithmic(smallest, high);
    }
    // A line along the upper edge would look cut off; of 100 percent everybody knows that it is the end.
    let room = if panel.unit == crate::chart::AxisUnit::Percent { 1.0 } else { 1.04 };
    ValueAxis::linear(low, high * room, ticks)
}

fn grid<DB: DrawingBackend>(
    panel: &Panel,
    axis: &ValueAxis,
    canvas: &Canvas<'_, DB>,
    frame: Frame,
) -> io::Result<()> {
    // In a low panel every second label would touch its neighbour.
    let every = if (frame.bottom - frame.top) / (axis.ticks.len() as f64) < 18.0 { 2 } else { 1 };
    for tick in axis.ticks.iter().step_by(every) {
        let y = frame.y(axis, *tick);
        canvas.line(&[(frame.left, y), (frame.right, y)], Ink::Grid, 1.0)?;
        canvas.text(
            &axis.label(*tick, panel.unit),
            (frame.left - 8.0, y),
            Align::Right,
            Type::TICK,
        )?;
    }
    Ok(())
}

/// The points of `line` on the canvas, cut at gaps; steps get their corners.
fn pieces(line: &Line, axis: &ValueAxis, frame: Frame) -> Vec<Vec<Point>> {
    let mut pieces: Vec<Vec<Point>> = Vec::new();
    let mut piece: Vec<Point> = Vec::new();
    let steps = line.form != Form::Line;
    for (at, value) in &line.points {
        let x = frame.x(*at);
        if steps && let Some(last) = piece.last().copied() {
            piece.push((x, last.1));
        }
        match value {
            Some(value) => piece.push((x, frame.y(axis, *value))),
            None => pieces.push(std::mem::take(&mut piece)),
        }
    }
    // The last value holds to the end of the axis; otherwise a step chart would end one interval early.
    if steps
        && line.points.len() > 1
        && let Some(last) = piece.last().copied()
    {
        piece.push((frame.right, last.1));
    }
    pieces.push(piece);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

fn draw_line<DB: DrawingBackend>(
    line: &Line,
    axis: &ValueAxis,
    canvas: &Canvas<'_, DB>,
    frame: Frame,
) -> io::Result<()> {
    let ink = Ink::Hue(line.hue);
    for piece in pieces(line, axis, frame) {
        if line.form == Form::Area {
            let (Some(first), Some(last)) = (piece.first().copied(), piece.last().copied()) else {
                continue;
            };
            let mut outline = piece;
            outline.push((last.0, frame.bottom));
            outline.push((first.0, frame.bottom));
            canvas.fill(&outline, ink, AREA_OPACITY)?;
            // A spike narrower than a pixel has no area; its edge keeps it in sight.
            canvas.line(&outline[..outline.len() - 2], ink, 1.0)?;
        } else {
            let width = match line.form {
                Form::Broad => 5.0,
                Form::Step => 2.0,
                Form::Line | Form::Area => 1.5,
            };
            canvas.line(&piece, ink, width)?;
        }
    }
    Ok(())
}

/// The height of the stack at each point. All lines of a stack have the same times.
fn stack_sums(panel: &Panel) -> Vec<f64> {
    let length = panel.lines.iter().map(|line| line.points.len()).max().unwrap_or(0);
    let at =
        |line: &Line, index: usize| line.points.get(index).and_then(|point| point.1).unwrap_or(0.0);
    (0..length).map(|index| panel.lines.iter().map(|line| at(line, index)).sum()).collect()
}

fn stack<DB: DrawingBackend>(
    panel: &Panel,
    axis: &ValueAxis,
    canvas: &Canvas<'_, DB>,
    frame: Frame,
) -> io::Result<()> {
    let length = panel.lines.first().map_or(0, |line| line.points.len());
    let mut base = vec![0.0; length];
    for line in &panel.lines {
        let mut top = Vec::new();
        let mut bottom = Vec::new();
        for (index, ((at, value), base)) in line.points.iter().zip(&mut base).enumerate() {
            let (from, to) = (
                frame.x(*at),
                line.points.get(index + 1).map_or(frame.right, |next| frame.x(next.0)),
            );
            let low = frame.y(axis, *base);
            *base += value.unwrap_or(0.0);
            let high = frame.y(axis, *base);
            top.extend([(from, high), (to, high)]);
            bottom.extend([(from, low), (to, low)]);
        }
        simplify(&mut top);
        simplify(&mut bottom);
        bottom.reverse();
        top.append(&mut bottom);
        canvas.fill(&top, Ink::Hue(line.hue), STACK_OPACITY)?;
    }
    Ok(())
}

/// Drops points on a level between two others.
fn simplify(points: &mut Vec<Point>) {
    let mut kept: Vec<Point> = Vec::with_capacity(points.len());
    for point in points.iter() {
        if let [.., before, last] = kept.as_slice()
            && before.1.to_bits() == last.1.to_bits()
            && last.1.to_bits() == point.1.to_bits()
        {
            kept.pop();
        }
        kept.push(*point);
    }
    *points = kept;
}

/// Scaling actions in a strip under the axis: out above, in below; those on one spot are drawn once.
fn marks<DB: DrawingBackend>(
    chart: &Chart,
    canvas: &Canvas<'_, DB>,
    frame: Frame,
) -> io::Result<()> {
    for out in [true, false] {
        let mut last = f64::NEG_INFINITY;
        for mark in chart.marks.iter().filter(|mark| mark.out == out) {
            let x = frame.x(mark.at);
            if x - last < 3.0 {
                continue;
            }
            last = x;
            let y = frame.bottom + if out { 8.0 } else { 18.0 };
            triangle(canvas, (x, y), out, if out { UP } else { DOWN })?;
        }
    }
    Ok(())
}

fn triangle<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    (x, y): Point,
    up: bool,
    ink: Ink,
) -> io::Result<()> {
    let height = if up { 4.0 } else { -4.0 };
    canvas.fill(&[(x - 4.0, y + height), (x + 4.0, y + height), (x, y - height)], ink, 1.0)
}
