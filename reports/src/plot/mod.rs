//! Charts as SVG text and PNG files.
//!
//! Figures have a plain light background of their own. Inside a page, [`page_css`] lets the page show
//! through and follows its dark theme.

mod axis;
mod bands;
mod canvas;
mod ink;
mod intervals;
mod timeline;

use std::io;
use std::path::Path;

use plotters::prelude::{BitMapBackend, DrawingBackend, IntoDrawingArea, SVGBackend};

use crate::chart::Chart;
use canvas::{Canvas, Raster, SCALE};
pub(crate) use ink::page_css;
pub(crate) use intervals::{IntervalChart, IntervalRow, ScatterChart, ScatterPoint};

/// Something that can be drawn at a given width.
pub(crate) trait Figure {
    /// Name of its files, without an extension.
    fn id(&self) -> &str;
    /// Title, also its text alternative.
    fn title(&self) -> &str;
    /// Height in logical pixels at this width.
    fn height(&self, width: f64, place: Place) -> f64;
    /// Draws it.
    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, place: Place) -> io::Result<()>;
}

/// Where a figure stands: a page writes the title itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file of its own, with its title.
    Alone,
    /// Inside a page.
    Page,
}

impl Figure for Chart {
    fn id(&self) -> &str {
        &self.id
    }

    fn title(&self) -> &str {
        &self.title
    }

    fn height(&self, width: f64, place: Place) -> f64 {
        timeline::height(self, width, place)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, place: Place) -> io::Result<()> {
        timeline::draw(self, canvas, place)
    }
}

/// Width of a figure of its own.
pub(crate) const WIDE: u32 = 960;
/// Width of a figure for a narrow screen.
pub(crate) const NARROW: u32 = 400;

/// The figure as SVG, `width` logical pixels wide.
pub(crate) fn svg<F: Figure>(figure: &F, width: u32, place: Place) -> io::Result<String> {
    let (device_width, device_height) = device_size(figure, width, place);
    let mut text = String::new();
    {
        let area =
            SVGBackend::with_string(&mut text, (device_width, device_height)).into_drawing_area();
        draw(figure, &area, place, Raster::Vector)?;
        area.present().map_err(|error| io::Error::other(error.to_string()))?;
    }
    // The backend asks for device pixels; the figure is meant in logical ones.
    let height = f64::from(device_height) / SCALE;
    let from = format!("<svg width=\"{device_width}\" height=\"{device_height}\"");
    let mut to = format!("<svg width=\"{width}\" height=\"{height}\" stroke-linejoin=\"round\"");
    if place == Place::Page {
        // The page's own text stands for the picture.
        to.push_str(" aria-hidden=\"true\"");
    } else {
        let title = crate::html::escape(figure.title());
        to = format!("{to} role=\"img\" aria-label=\"{title}\"");
    }
    Ok(text.replacen(&from, &to, 1).replace(" \"", "\"").replace("opacity=\"1\" ", ""))
}

/// Writes the figure as PNG with [`SCALE`] device pixels for each logical one.
pub(crate) fn write_png<F: Figure>(figure: &F, path: &Path) -> io::Result<()> {
    let area =
        BitMapBackend::new(path, device_size(figure, WIDE, Place::Alone)).into_drawing_area();
    draw(figure, &area, Place::Alone, Raster::Pixels)?;
    area.present().map_err(|error| io::Error::other(error.to_string()))
}

fn device_size<F: Figure>(figure: &F, width: u32, place: Place) -> (u32, u32) {
    let height = figure.height(f64::from(width), place).clamp(40.0, 8_000.0);
    (width * SCALE as u32, (height * SCALE) as u32)
}

fn draw<F: Figure, DB: DrawingBackend>(
    figure: &F,
    area: &plotters::prelude::DrawingArea<DB, plotters::coord::Shift>,
    place: Place,
    raster: Raster,
) -> io::Result<()> {
    let canvas = Canvas::new(area, raster);
    let size = canvas.size();
    canvas.rectangle((0.0, 0.0), size, ink::Ink::Paper, 1.0)?;
    figure.draw(&canvas, place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{AxisUnit, Band, BandKind, Form, Hue, Line, Mark, Panel};
    use crate::charts::charts;
    use crate::testing;

    fn chart(points: Vec<(f64, Option<f64>)>, form: Form, stacked: bool, length: f64) -> Chart {
        let line = Line { name: "a".to_owned(), hue: Hue::Blue, form, points };
        let panel = Panel {
            label: "tasks".to_owned(),
            unit: AxisUnit::Millis,
            lines: vec![line],
            stacked,
            bound: None,
        };
        Chart {
            id: "x".to_owned(),
            title: "<x> & \"y\"".to_owned(),
            caption: String::new(),
            start: testing::START,
            length,
            panels: vec![panel],
            marks: vec![Mark { at: 0.0, out: true }],
            bands: Vec::new(),
        }
    }

    #[test]
    fn odd_series_draw() {
        let cases: [Vec<(f64, Option<f64>)>; 6] = [
            vec![],
            vec![(0.0, Some(3.0))],
            vec![(0.0, None), (60.0, None)],
            vec![(0.0, Some(0.0)), (60.0, Some(0.0))],
            vec![(0.0, Some(-5.0)), (60.0, Some(1e12)), (120.0, None), (180.0, Some(1e-9))],
            vec![(0.0, Some(1e-300)), (60.0, Some(1e300))],
        ];
        for points in cases {
            for form in [Form::Line, Form::Step, Form::Area] {
                for (stacked, length) in [(false, 240.0), (true, 240.0), (false, 0.0)] {
                    let chart = chart(points.clone(), form, stacked, length);
                    let text = svg(&chart, WIDE, Place::Alone).expect("draws");
                    assert!(text.ends_with("</svg>\n"));
                    assert!(!text.contains("NaN"));
                }
            }
        }
    }

    #[test]
    fn faults_are_shaded_behind_every_panel_and_explained_once() {
        let mut chart = chart(vec![(0.0, Some(1.0)), (60.0, Some(2.0))], Form::Line, false, 240.0);
        chart.panels.push(chart.panels[0].clone());
        let drawn = |chart: &Chart| svg(chart, WIDE, Place::Page).expect("draws");
        let shades = |text: &str| {
            let tags = text.split('<').filter(|tag| tag.starts_with("rect "));
            tags.filter(|tag| tag.contains("opacity=\"0.28\"") && tag.contains("#8C8F97")).count()
        };
        let plain = drawn(&chart);
        assert_eq!((shades(&plain), plain.matches("outage").count()), (0, 0));
        let band =
            |from, until, kind, name: &str| Band { from, until, kind, name: name.to_owned() };
        let outage = |from, until| band(from, until, BandKind::ZoneOutage, "zone outage: a");
        chart.bands = vec![
            outage(60.0, 120.0),
            outage(180.0, 180.0),
            band(30.0, 90.0, BandKind::Other, "fault: slow"),
        ];
        let text = drawn(&chart);
        // Three in each of two panels, and two in the legend.
        assert_eq!(shades(&text), 3 * 2 + 2);
        for name in ["zone outage: a", "fault: slow"] {
            assert_eq!(text.matches(name).count(), 1, "{name}");
        }
        // They lie behind the lines.
        let (first, line) = (text.find("opacity=\"0.28\""), text.rfind("#0072B2"));
        assert!(first < line);
        assert!(!text.contains("NaN"));
    }

    #[test]
    fn titles_are_escaped() {
        let chart = chart(vec![(0.0, Some(1.0))], Form::Line, false, 60.0);
        let text = svg(&chart, WIDE, Place::Alone).expect("draws");
        assert!(text.contains("aria-label=\"&lt;x&gt; &amp; &quot;y&quot;\""));
        assert!(!text.contains("<x>"));
    }

    #[test]
    fn a_run_of_46_days_stays_below_300_kilobytes_a_figure() {
        let (results, bill) = testing::web_run_of(46, 60);
        for chart in charts(&results, &bill).0 {
            let text = svg(&chart, WIDE, Place::Alone).expect("draws");
            assert!(text.len() < 300_000, "{} has {} bytes", chart.id, text.len());
        }
    }

    #[test]
    fn figures_are_the_same_bytes_each_time() {
        let (results, bill) = testing::web_run();
        let folder = tempfile::tempdir().expect("temporary folder");
        let chart = &charts(&results, &bill).0[0];
        let png = |name: &str| {
            let path = folder.path().join(name);
            write_png(chart, &path).expect("draws");
            std::fs::read(path).expect("written")
        };
        assert!(png("a.png") == png("b.png"));
        let text = || svg(chart, WIDE, Place::Alone).expect("draws");
        assert!(text() == text());
    }
}
