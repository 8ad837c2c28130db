//! How well placement packs real data, through the placement code that every simulation uses.
//!
//! * [`cluster`]: instances that tasks are placed on one by one;
//! * [`bins`]: tasks with one size on identical instances, against the best packings known;
//! * [`openb`]: the tasks of a production GPU cluster on its machines;
//! * [`report`]: the tables of `benches/PACKING.md`.
//!
//! The data is not part of the project; the folder that holds it is named by whoever runs a study.

pub mod bins;
pub mod cluster;
pub mod openb;
pub mod report;

use std::path::{Path, PathBuf};

/// Why a study could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum StudyError {
    /// A file of data is missing or unreadable.
    Read(PathBuf, csv::Error),
    /// A field of a file is not what the study expects: file, line, column.
    Field(PathBuf, u64, &'static str),
}

impl std::fmt::Display for StudyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Field(path, line, column) => {
                write!(f, "{}:{line}: `{column}` is missing or not a number", path.display())
            }
        }
    }
}

impl std::error::Error for StudyError {}

/// A table of data with named columns.
struct Table {
    path: PathBuf,
    columns: csv::StringRecord,
    rows: Vec<csv::StringRecord>,
}

/// A row of a [`Table`].
#[derive(Clone, Copy)]
struct Row<'a> {
    table: &'a Table,
    fields: &'a csv::StringRecord,
}

impl Table {
    fn read(folder: &Path, name: &str) -> Result<Self, StudyError> {
        let path = folder.join(name);
        let read = || {
            let mut reader = csv::Reader::from_path(&path)?;
            let columns = reader.headers()?.clone();
            let rows = reader.records().collect::<Result<Vec<_>, _>>()?;
            Ok((columns, rows))
        };
        match read() {
            Ok((columns, rows)) => Ok(Self { path, columns, rows }),
            Err(error) => Err(StudyError::Read(path, error)),
        }
    }

    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|fields| Row { table: self, fields })
    }
}

impl<'a> Row<'a> {
    fn text(self, column: &'static str) -> Result<&'a str, StudyError> {
        let at = self.table.columns.iter().position(|name| name == column);
        at.and_then(|at| self.fields.get(at)).ok_or_else(|| self.error(column))
    }

    fn number<T: std::str::FromStr>(self, column: &'static str) -> Result<T, StudyError> {
        self.text(column)?.trim().parse().map_err(|_| self.error(column))
    }

    fn error(self, column: &'static str) -> StudyError {
        let line = self.fields.position().map_or(0, csv::Position::line);
        StudyError::Field(self.table.path.clone(), line, column)
    }
}
