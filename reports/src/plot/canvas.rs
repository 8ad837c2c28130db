//! A drawing surface in logical pixels over any backend of plotters, with our own font.

use std::io;
use std::sync::Once;

use plotters::coord::Shift;
use plotters::element::{PathElement, Polygon, Rectangle, Text};
use plotters::prelude::{Circle, DrawingArea, DrawingBackend, ShapeStyle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, IntoFont, TextStyle, register_font};

use super::ink::Ink;

/// Device pixels per logical pixel. Coordinates of the backends are whole numbers, so that a finer
/// raster also places the points of an SVG more exactly.
pub(crate) const SCALE: f64 = 2.0;

/// Makes our font known under the name that browsers map to theirs.
fn register() {
    static FONT: Once = Once::new();
    FONT.call_once(|| {
        // Both are TrueType files inside the program; should one not parse, drawing text reports it.
        let _ = register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular());
        let _ = register_font("sans-serif", FontStyle::Bold, dejavu::sans::bold());
    });
}

/// Where a text stands relative to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Center,
    Right,
}

/// Size and weight of a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Type {
    pub(crate) size: f64,
    pub(crate) bold: bool,
    pub(crate) ink: Ink,
}

impl Type {
    pub(crate) const TITLE: Self = Self { size: 20.0, bold: true, ink: Ink::Text };
    pub(crate) const HEAD: Self = Self { size: 15.0, bold: true, ink: Ink::Text };
    pub(crate) const TICK: Self = Self { size: 14.5, bold: false, ink: Ink::Muted };

    fn font(self) -> FontDesc<'static> {
        let style = if self.bold { FontStyle::Bold } else { FontStyle::Normal };
        FontDesc::new(FontFamily::SansSerif, self.size * SCALE, style)
    }
}

/// The width of `text` in logical pixels. Browsers may substitute a font; ours is a wide one, so that
/// theirs fits.
pub(crate) fn text_width(text: &str, style: Type) -> f64 {
    register();
    let width = style.font().box_size(text).map_or(0, |size| size.0);
    f64::from(width) / SCALE
}

/// A surface.
pub(crate) struct Canvas<'a, DB: DrawingBackend> {
    area: &'a DrawingArea<DB, Shift>,
    raster: Raster,
}

/// What becomes of the drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Raster {
    /// Shapes for a browser.
    Vector,
    /// Pixels.
    Pixels,
}

/// A point in logical pixels.
pub(crate) type Point = (f64, f64);

impl<'a, DB: DrawingBackend> Canvas<'a, DB> {
    pub(crate) fn new(area: &'a DrawingArea<DB, Shift>, raster: Raster) -> Self {
        register();
        Self { area, raster }
    }

    /// Width and height in logical pixels.
    pub(crate) fn size(&self) -> Point {
        let (width, height) = self.area.dim_in_pixel();
        (f64::from(width) / SCALE, f64::from(height) / SCALE)
    }

    /// A line through `points`; one point becomes a dot.
    pub(crate) fn line(&self, points: &[Point], ink: Ink, width: f64) -> io::Result<()> {
        match points {
            [] => Ok(()),
            [only] => self.dot(*only, width * 1.5, ink),
            // The joints of a thick path have no limit in the bitmap backend: at a sharp spike they would
            // reach far out of the figure. Single strokes have no joints.
            _ if self.raster == Raster::Pixels => device_path(points)
                .windows(2)
                .try_for_each(|pair| self.segment(pair[0], pair[1], ink, width)),
            _ => self.draw(&PathElement::new(device_path(points), stroke(ink, width))),
        }
    }

    /// A stroke in pixels. Level and upright ones are rectangles: as thin polygons they would come out
    /// slightly askew.
    fn segment(&self, from: (i32, i32), to: (i32, i32), ink: Ink, width: f64) -> io::Result<()> {
        if from.0 != to.0 && from.1 != to.1 {
            return self.draw(&PathElement::new(vec![from, to], stroke(ink, width)));
        }
        let thick = device_length(width).max(1) as i32;
        // The backend leaves out the last row and column of a filled rectangle.
        let (before, after) = (thick / 2, thick - thick / 2);
        let low = (from.0.min(to.0) - before, from.1.min(to.1) - before);
        let high = (from.0.max(to.0) + after, from.1.max(to.1) + after);
        self.draw(&Rectangle::new([low, high], ink.color().filled()))
    }

    /// A horizontal dashed line.
    pub(crate) fn dashes(&self, from: f64, to: f64, y: f64, ink: Ink) -> io::Result<()> {
        let mut x = from;
        while x < to {
            self.line(&[(x, y), ((x + 7.0).min(to), y)], ink, 1.5)?;
            x += 12.0;
        }
        Ok(())
    }

    /// A filled polygon.
    pub(crate) fn fill(&self, points: &[Point], ink: Ink, opacity: f64) -> io::Result<()> {
        if points.len() < 3 {
            return Ok(());
        }
        self.draw(&Polygon::new(device_path(points), ink.color().mix(opacity).filled()))
    }

    /// A filled rectangle.
    pub(crate) fn rectangle(
        &self,
        from: Point,
        to: Point,
        ink: Ink,
        opacity: f64,
    ) -> io::Result<()> {
        self.draw(&Rectangle::new([device(from), device(to)], ink.color().mix(opacity).filled()))
    }

    /// A filled circle.
    pub(crate) fn dot(&self, at: Point, radius: f64, ink: Ink) -> io::Result<()> {
        self.draw(&Circle::new(device(at), device_length(radius), ink.color().filled()))
    }

    /// A text whose middle line is at the height of `at`.
    pub(crate) fn text(&self, text: &str, at: Point, align: Align, style: Type) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let horizontal = match align {
            Align::Left => HPos::Left,
            Align::Center => HPos::Center,
            Align::Right => HPos::Right,
        };
        // The bitmap backend centres the box of a font, which reaches further up than its digits.
        let lower = if self.raster == Raster::Pixels { style.size * 0.1 } else { 0.0 };
        let at = (at.0, at.1 + lower);
        let color = style.ink.color();
        let style: TextStyle<'_> = style.font().into_font().color(&color);
        self.draw(&Text::new(
            text.to_owned(),
            device(at),
            style.pos(Pos::new(horizontal, VPos::Center)),
        ))
    }

    fn draw<E>(&self, element: &E) -> io::Result<()>
    where
        for<'b> &'b E: plotters::element::PointCollection<'b, (i32, i32)>,
        E: plotters::element::Drawable<DB>,
    {
        self.area.draw(element).map_err(|error| io::Error::other(error.to_string()))
    }
}

fn stroke(ink: Ink, width: f64) -> ShapeStyle {
    ink.color().stroke_width(device_length(width).max(1))
}

fn device_length(length: f64) -> u32 {
    libm::floor(length * SCALE + 0.5) as u32
}

fn device(point: Point) -> (i32, i32) {
    let whole = |x: f64| libm::floor(x * SCALE + 0.5) as i32;
    (whole(point.0), whole(point.1))
}

/// The points in device pixels without those that repeat their predecessor.
fn device_path(points: &[Point]) -> Vec<(i32, i32)> {
    let mut path: Vec<(i32, i32)> = points.iter().map(|point| device(*point)).collect();
    path.dedup();
    path
}
