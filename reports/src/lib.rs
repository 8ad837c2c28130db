//! Results of plimsoll as files: CSV, JSON, plots and HTML.
//!
//! The crate never prints and never reads a clock: it turns [`plimsoll_core::results::RunResults`] into
//! rows, figures and pages, and writes them where the caller says. The same results give the same bytes.
//!
//! # Where things are
//!
//! | module | what lives there |
//! | --- | --- |
//! | [`folder`] | entry points: a run's folder written, read back, rendered again |
//! | [`sweep`] | the same for a sweep |
//! | [`summary`] | `summary.json` as a type that reads back |
//! | [`text`] | the summary for a terminal |
//! | [`limits`] | what holds a run back, in sentences |
//! | [`explain`] | why: lives of tasks, failed placements |
//! | [`rows`], [`bill`] | the CSV files |
//! | [`elasticity`], [`recovery`] | the CSV files of the measures |
//! | [`columns`] | every file, column and field in words; headers come from there |
//! | [`chart`], [`series`] | what the plots show, thinned to what can be seen |
//! | [`number`] | numbers, money and times as text |
//! | `plot`, `html` | SVG, PNG and pages |
//!
//! # Questions and answers
//!
//! *Why is the report rendered from `report-data.json` and not from the CSV files?* The plots need a
//! thousandth of what the series hold, and a page rendered again has to be the same bytes. Both pages,
//! the first and every later one, are drawn from the same small file.
//!
//! *How do figures follow a dark page?* They carry fixed colours; the page's style sheet matches those
//! colours and replaces them. So a figure is the same text on its own and inside a page.

mod bands;
pub mod bill;
pub mod chart;
mod charts;
pub mod columns;
mod data;
pub mod elasticity;
pub mod explain;
pub mod folder;
mod html;
pub mod limits;
pub mod number;
mod plot;
pub mod recovery;
pub mod rows;
pub mod series;
pub mod summary;
pub mod sweep;
#[cfg(test)]
mod testing;
pub mod text;
mod words;

pub use folder::{
    ReadError, RunFacts, RunFolder, ScenarioSource, read_run_facts, render_report, write_run,
    write_run_facts,
};
pub use summary::{RunMeta, Summary};
pub use sweep::{ComparisonRow, SweepReport, SweepRow, write_sweep};
pub use text::summary_text;
