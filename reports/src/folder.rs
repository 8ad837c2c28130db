//! The output folder of a run: everything is written from the results, and the report can be rendered
//! again from what was stored.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use plimsoll_core::results::RunResults;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::bill::Bill;
use crate::charts::file_stem;
use crate::data::{FORMAT, ReportData};
use crate::elasticity;
use crate::html;
use crate::plot::{self, Figure, Place};
use crate::recovery;
use crate::rows::{self, Clock};
use crate::summary::{RunMeta, Summary};
use crate::sweep;

/// What is not deterministic about a run: contents of `run.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunFacts {
    /// Version of plimsoll.
    pub version: String,
    /// When the run began, RFC 3339.
    pub started_at: String,
    /// How long it took, in seconds.
    pub wall_seconds: f64,
    /// Where it ran.
    pub host: String,
    /// How it was called.
    pub command_line: Vec<String>,
    /// Threads used.
    pub threads: usize,
    /// Where the scenario was and what the command line changed in it, so that it can be run again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<ScenarioSource>,
}

/// Where a scenario came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScenarioSource {
    /// Absolute path of its file.
    pub file: PathBuf,
    /// Seed of the command line, if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Changes of the command line, as `path=value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
}

/// Writes the deterministic files of a run into the folder `dir`, which is made if it is missing.
/// Returns what was written, in the order of writing.
pub fn write_run(results: &RunResults, meta: &RunMeta, dir: &Path) -> io::Result<Vec<PathBuf>> {
    write_run_with_bill(results, &Bill::new(results), meta, dir)
}

pub(crate) fn write_run_with_bill(
    results: &RunResults,
    bill: &Bill,
    meta: &RunMeta,
    dir: &Path,
) -> io::Result<Vec<PathBuf>> {
    let mut files = Files::new(dir)?;
    let summary = Summary::new(results, bill, meta);
    let data = ReportData::new(results, bill);
    let clock = Clock { start_unix_seconds: results.start_unix_seconds };
    files.text("summary.json", &summary.to_json())?;
    files.write("timeseries.csv", |out| {
        rows::write_timeseries(out, clock, results.record_interval, &results.series)
    })?;
    files.write("elasticity.csv", |out| elasticity::write_elasticity(out, &summary))?;
    files.write("recovery.csv", |out| recovery::write_recovery(out, results))?;
    files.write("tasks.csv", |out| rows::write_tasks(out, clock, &results.task_records))?;
    files.write("unplaced.csv", |out| {
        rows::write_unplaced(out, clock, &results.placement_failures)
    })?;
    files.write("instances.csv", |out| {
        rows::write_instances(out, clock, &results.instance_records)
    })?;
    files.write("events.csv", |out| rows::write_events(out, clock, &results.event_records))?;
    files.write("bill.csv", |out| bill.write_csv(out))?;
    files.json("report-data.json", &data)?;
    render_run(&summary, &data, &mut files)?;
    Ok(files.written)
}

/// Writes `run.json` into the folder `dir`.
pub fn write_run_facts(facts: &RunFacts, dir: &Path) -> io::Result<PathBuf> {
    let mut files = Files::new(dir)?;
    let mut text = serde_json::to_string_pretty(facts).map_err(io::Error::other)?;
    text.push('\n');
    files.text("run.json", &text)?;
    Ok(dir.join("run.json"))
}

/// Reads `run.json` of the folder `dir`.
///
/// # Errors
/// The file is missing or not what [`write_run_facts`] writes.
pub fn read_run_facts(dir: &Path) -> Result<RunFacts, ReadError> {
    read_json(dir, "run.json")
}

/// Renders the plots and the page of a stored run or sweep again. Returns what was written.
pub fn render_report(dir: &Path) -> Result<Vec<PathBuf>, ReadError> {
    if dir.join(sweep::DATA_FILE).exists() {
        let stored: sweep::SweepReport = read_json(dir, sweep::DATA_FILE)?;
        return sweep::render(&stored, dir).map_err(|error| ReadError::io(dir, &error));
    }
    let folder = RunFolder::read(dir)?;
    folder.render(dir).map_err(|error| ReadError::io(dir, &error))
}

fn render_run(summary: &Summary, data: &ReportData, files: &mut Files) -> io::Result<()> {
    for chart in &data.charts {
        files.figure(chart)?;
    }
    files.text("report.html", &html::run_page(summary, data)?)
}

/// A stored run, as far as its report needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct RunFolder {
    /// `summary.json`.
    pub summary: Summary,
    data: ReportData,
}

impl RunFolder {
    /// Reads a folder that [`write_run`] wrote.
    pub fn read(dir: &Path) -> Result<Self, ReadError> {
        let summary = read_json(dir, "summary.json")?;
        let data: ReportData = read_json(dir, "report-data.json")?;
        if data.format != FORMAT {
            let message = format!("is of form {}, this version reads form {FORMAT}", data.format);
            return Err(ReadError { path: dir.join("report-data.json"), message });
        }
        Ok(Self { summary, data })
    }

    /// Writes plots and page into `dir`.
    pub fn render(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let mut files = Files::new(dir)?;
        render_run(&self.summary, &self.data, &mut files)?;
        Ok(files.written)
    }
}

/// Why a stored run could not be read or its report not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it, without a full stop.
    pub message: String,
}

impl ReadError {
    fn io(path: &Path, error: &io::Error) -> Self {
        Self { path: path.to_owned(), message: error.to_string() }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.path.display(), self.message)
    }
}

impl std::error::Error for ReadError {}

/// Largest stored file that is read back, in bytes. A report of the largest run is a few megabytes.
const MAX_FILE: u64 = 256 << 20;

fn read_json<T: DeserializeOwned>(dir: &Path, name: &str) -> Result<T, ReadError> {
    let path = dir.join(name);
    let length = fs::metadata(&path).map_err(|error| ReadError::io(&path, &error))?.len();
    if length > MAX_FILE {
        return Err(ReadError { path, message: format!("is larger than {MAX_FILE} bytes") });
    }
    let bytes = fs::read(&path).map_err(|error| ReadError::io(&path, &error))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| ReadError { message: format!("is damaged: {error}"), path })
}

/// Files written into one folder.
pub(crate) struct Files {
    dir: PathBuf,
    pub(crate) written: Vec<PathBuf>,
}

impl Files {
    pub(crate) fn new(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        Ok(Self { dir: dir.to_owned(), written: Vec::new() })
    }

    pub(crate) fn write(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> io::Result<()> {
        let path = self.dir.join(name);
        let mut out = BufWriter::new(File::create(&path)?);
        write(&mut out)?;
        out.flush()?;
        self.written.push(path);
        Ok(())
    }

    pub(crate) fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.write(name, |out| out.write_all(text.as_bytes()))
    }

    /// Compact JSON with a final newline.
    pub(crate) fn json<T: Serialize>(&mut self, name: &str, value: &T) -> io::Result<()> {
        self.write(name, |out| {
            serde_json::to_writer(&mut *out, value).map_err(io::Error::other)?;
            out.write_all(b"\n")
        })
    }

    /// The figure as `plots/<id>.svg` and `plots/<id>.png`.
    pub(crate) fn figure<F: Figure>(&mut self, figure: &F) -> io::Result<()> {
        fs::create_dir_all(self.dir.join("plots"))?;
        // A stored name is cleaned again: it may have been edited.
        let stem = file_stem(figure.id());
        self.text(&format!("plots/{stem}.svg"), &plot::svg(figure, plot::WIDE, Place::Alone)?)?;
        let path = self.dir.join(format!("plots/{stem}.png"));
        plot::write_png(figure, &path)?;
        self.written.push(path);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn contents(files: &[PathBuf]) -> Vec<Vec<u8>> {
        files.iter().map(|path| fs::read(path).expect("written")).collect()
    }

    #[test]
    fn a_stored_run_renders_to_the_same_bytes() {
        for (results, bill) in [testing::web_run(), testing::batch_run(), testing::empty_run()] {
            let folder = tempfile::tempdir().expect("temporary folder");
            let written = write_run_with_bill(&results, &bill, &testing::meta(), folder.path())
                .expect("writes");
            let first = contents(&written);
            let again = render_report(folder.path()).expect("renders");
            assert!(again.iter().all(|path| written.contains(path)));
            assert!(contents(&written) == first);
            for path in &again {
                fs::remove_file(path).expect("there");
            }
            render_report(folder.path()).expect("renders");
            assert!(contents(&written) == first);
        }
    }

    #[test]
    fn damaged_files_are_errors_or_harmless() {
        let (results, bill) = testing::batch_run();
        let folder = tempfile::tempdir().expect("temporary folder");
        write_run_with_bill(&results, &bill, &testing::meta(), folder.path()).expect("writes");
        for name in ["summary.json", "report-data.json"] {
            let path = folder.path().join(name);
            let whole = fs::read(&path).expect("written");
            let mut errors = 0;
            for step in 0..60 {
                let at = whole.len() * step / 60;
                fs::write(&path, &whole[..at]).expect("writable");
                assert!(RunFolder::read(folder.path()).is_err(), "cut at {at}");
                let mut changed = whole.clone();
                changed[at] = b"9-\"{e"[step % 5];
                fs::write(&path, &changed).expect("writable");
                match RunFolder::read(folder.path()) {
                    Ok(stored) => drop(html::run_page(&stored.summary, &stored.data)),
                    Err(error) => {
                        assert_eq!(error.path, path);
                        errors += 1;
                    }
                }
            }
            assert!(errors > 0);
            fs::write(&path, &whole).expect("writable");
        }
        let missing = RunFolder::read(&folder.path().join("nowhere")).expect_err("not there");
        assert!(missing.to_string().contains("summary.json"));
    }

    #[test]
    fn a_stored_name_cannot_leave_the_folder() {
        let (results, bill) = testing::web_run_of(1, 3_600);
        let folder = tempfile::tempdir().expect("temporary folder");
        let inner = folder.path().join("inner");
        write_run_with_bill(&results, &bill, &testing::meta(), &inner).expect("writes");
        let mut stored = RunFolder::read(&inner).expect("reads");
        stored.data.charts.truncate(1);
        stored.data.charts[0].id = "../../escaped".to_owned();
        let written = stored.render(&inner).expect("renders");
        assert!(written.iter().all(|path| path.starts_with(&inner)));
        assert!(written[0].ends_with("plots/..-..-escaped.svg"));
    }

    /// Set this variable while building the tests to look at the pages of the synthetic runs.
    const SAMPLES: Option<&str> = option_env!("PLIMSOLL_REPORT_SAMPLES");

    #[test]
    fn every_documented_file_is_written() {
        let temporary = tempfile::tempdir().expect("temporary folder");
        let folder = SAMPLES.map_or(temporary.path(), Path::new);
        let (results, bill) = testing::web_run();
        let (batch, batch_bill) = testing::batch_run();
        let mut written =
            write_run_with_bill(&results, &bill, &testing::meta(), &folder.join("web"))
                .expect("writes");
        let more =
            write_run_with_bill(&batch, &batch_bill, &testing::meta(), &folder.join("batch"))
                .expect("writes");
        assert!(more.iter().any(|path| path.ends_with("plots/batch-etl.png")));
        written
            .extend(sweep::write_sweep(&testing::sweep(), &folder.join("sweep")).expect("writes"));
        written.push(write_run_facts(&RunFacts::default(), &folder.join("web")).expect("writes"));
        for file in crate::columns::FILES.iter().filter(|file| !file.name.contains('*')) {
            assert!(written.iter().any(|path| path.ends_with(file.name)), "{}", file.name);
        }
        for path in &written {
            let name = path.file_name().and_then(|name| name.to_str()).expect("UTF-8");
            let documented = crate::columns::FILES.iter().any(|file| file.name == name);
            assert!(
                documented || path.parent().is_some_and(|parent| parent.ends_with("plots")),
                "{name}"
            );
        }
    }

    #[test]
    fn run_facts_are_written_beside_the_results() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let facts = RunFacts { version: "0.1.0".to_owned(), threads: 2, ..RunFacts::default() };
        let path = write_run_facts(&facts, folder.path()).expect("writes");
        let again: RunFacts =
            serde_json::from_slice(&fs::read(path).expect("there")).expect("JSON");
        assert_eq!(again, facts);
    }
}
