//! Results of plimsoll as files: CSV, JSON, plots and HTML.
//!
//! The crate never prints and never reads a clock: it turns [`plimsoll_core::results::RunResults`] into
//! rows, figures and pages, and writes them where the caller says. The same results give the same bytes.

pub mod bill;
pub mod chart;
mod charts;
pub mod columns;
mod html;
pub mod number;
mod plot;
pub mod rows;
pub mod series;
pub mod summary;
#[cfg(test)]
mod testing;
