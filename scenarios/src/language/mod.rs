//! The scenario language: from YAML to a [`Scenario`], with everything that is wrong said at once and
//! in its place.
//!
//! A file becomes a tree of values with positions (`yaml`, `json`); changes by path are made to the
//! tree (`overrides`); the tree is checked against the schema of the types in [`raw`]
//! (`validate`), which also brings the spellings of the different AWS APIs together; what remains is
//! read by serde and turned into a scenario (`lower`).
//!
//! ```no_run
//! use plimsoll::language::{LoadOptions, load};
//!
//! match load(std::path::Path::new("web.yaml"), &LoadOptions::default()) {
//!     Ok(loaded) => println!("{} services", loaded.scenario.services.len()),
//!     Err(diagnostics) => eprint!("{diagnostics}"),
//! }
//! ```

mod arrival_times;
mod diagnostic;
mod document;
mod job_trace;
mod json;
mod lower;
mod metric_trace;
mod note;
mod overrides;
mod pattern;
pub mod raw;
mod reference;
mod request_trace;
mod schema;
mod source;
mod spot_trace;
mod store;
mod sweep;
mod trace;
mod tree;
mod validate;
mod yaml;

pub use diagnostic::{Diagnostic, Diagnostics, suggestion};
pub use document::{
    Document, LoadOptions, Loaded, Resolved, load, load_with, task_definition_facts,
};
pub use lower::task_definition::TaskDefinitionFacts;
pub use note::{Note, NoteKind, NoteSummary};
pub use overrides::Override;
pub use reference::reference_markdown;
pub use schema::json_schema;
pub use source::{SourceId, Sources};
pub use sweep::{Alternative, SweepParameter, SweepSpec};
pub use tree::{Entry, Node, Position, Value};

#[cfg(doc)]
use plimsoll_core::scenario::Scenario;
