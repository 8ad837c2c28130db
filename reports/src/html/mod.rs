//! Pages: one self-contained file each, without script and without any request.

mod elements;
mod run;
mod style;
mod sweep;

pub(crate) use elements::escape;
pub(crate) use run::run_page;
pub(crate) use sweep::sweep_page;
