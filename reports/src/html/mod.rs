//! Pages: one self-contained file each, without script and without any request.

mod elements;
mod run;
mod style;
mod sweep;

pub(crate) use elements::escape;
pub(crate) use run::{cost_per_unit, objective_sentence, run_page, utilization_sentence};
pub(crate) use sweep::sweep_page;
