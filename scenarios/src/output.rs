//! The output folder: written completely or not at all, and never over somebody else's files.
//!
//! Files are written into a hidden folder beside the target (`.NAME.plimsoll-PID`) and the finished
//! folder is renamed into place. A folder made here carries [`MARKER`], which lists the files that
//! were written; a later run replaces a folder only if it carries the marker and holds nothing else.
//!
//! *Why not a signal handler?* A process can also be killed. The marker of an unfinished folder is
//! locked as long as its process lives, so the next run knows which leftovers nobody is writing to,
//! and removes them.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Name of the file that says that plimsoll made the folder.
pub const MARKER: &str = ".plimsoll";

const MARKER_TITLE: &str =
    "# Made by plimsoll. The next run replaces this folder if it holds only the files listed here.";

const NOT_OURS: &str = "the folder was not made by plimsoll (it has no `.plimsoll` file)";

/// Attempts to rename into place while another run does the same.
const RENAME_ATTEMPTS: u32 = 5;

/// Why an output folder could not be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum OutputError {
    /// The target exists and must not be replaced; nothing was written.
    Refused {
        /// The target.
        target: PathBuf,
        /// What is in the way.
        reason: String,
    },
    /// The file system said no.
    Io {
        /// What was attempted.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// The answer.
        source: io::Error,
    },
}

impl fmt::Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { target, reason } => write!(
                f,
                "will not write to `{}`: {reason}\nhint: give another folder",
                target.display()
            ),
            Self::Io { action, path, source } => {
                write!(f, "cannot {action} `{}`: {source}", path.display())
            }
        }
    }
}

impl std::error::Error for OutputError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused { .. } => None,
            Self::Io { source, .. } => Some(source),
        }
    }
}

fn io_error<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> OutputError + 'a {
    move |source| OutputError::Io { action, path: path.to_owned(), source }
}

/// A folder being written. Dropped before [`publish`](Self::publish), it leaves nothing behind.
#[derive(Debug)]
pub struct OutputFolder {
    /// Where the finished folder goes.
    target: PathBuf,
    /// Where files are written until then.
    staging: PathBuf,
    /// Parent folders that did not exist, outermost first.
    made_parents: Vec<PathBuf>,
    /// Held locked while the folder is unfinished.
    marker: Option<File>,
}

impl OutputFolder {
    /// Checks that `target` may be written and makes the hidden folder beside it.
    ///
    /// # Errors
    /// [`OutputError::Refused`] if something in the way was not made by plimsoll;
    /// [`OutputError::Io`] if the file system refuses.
    pub fn prepare(target: &Path) -> Result<Self, OutputError> {
        let target = resolve(target)?;
        check_replaceable(&target)?;
        let Some((parent, name)) = split(&target) else {
            return Err(refused(&target, "it is not a folder that can be made"));
        };
        let made_parents = make_parents(parent)?;
        remove_leftovers(parent, name);
        let staging = sibling(parent, name, "plimsoll");
        let mut folder = Self { target, staging, made_parents, marker: None };
        fs::create_dir(&folder.staging).map_err(io_error("make the folder", &folder.staging))?;
        let path = folder.staging.join(MARKER);
        let marker = File::create_new(&path).map_err(io_error("write", &path))?;
        // Without the lock (some network file systems have none) only the tidying of leftovers is lost.
        let _ = marker.try_lock();
        folder.marker = Some(marker);
        Ok(folder)
    }

    /// The folder to write into.
    pub fn path(&self) -> &Path {
        &self.staging
    }

    /// Where the finished folder will be.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Moves the finished folder into place and returns its path.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare); the target is then as it was before.
    pub fn publish(mut self) -> Result<PathBuf, OutputError> {
        let files = list_files(&self.staging)?;
        let marker_path = self.staging.join(MARKER);
        if let Some(mut marker) = self.marker.take() {
            let text = marker_text(&files);
            marker.write_all(text.as_bytes()).map_err(io_error("write", &marker_path))?;
        }
        let mut attempt = 1;
        loop {
            // Again, since the run may have taken long and the folder may have changed meanwhile.
            check_replaceable(&self.target)?;
            match self.swap() {
                Ok(()) => break,
                // Another run of the same scenario put its folder there first: replace that one.
                Err(_) if self.target.exists() && attempt < RENAME_ATTEMPTS => attempt += 1,
                Err(source) => {
                    return Err(OutputError::Io {
                        action: "put the finished folder in place at",
                        path: self.target.clone(),
                        source,
                    });
                }
            }
        }
        self.made_parents.clear();
        Ok(self.target.clone())
    }

    fn swap(&self) -> io::Result<()> {
        let Some((parent, name)) = split(&self.target) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let old = sibling(parent, name, "plimsoll-old");
        let moved = match fs::rename(&self.target, &old) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        if let Err(error) = fs::rename(&self.staging, &self.target) {
            if moved {
                // Put back what was there; if that fails too, the first error is the one to report.
                let _ = fs::rename(&old, &self.target);
            }
            return Err(error);
        }
        if moved {
            // The new folder is in place; a leftover is removed by the next run.
            let _ = fs::remove_dir_all(&old);
        }
        Ok(())
    }
}

impl Drop for OutputFolder {
    fn drop(&mut self) {
        self.marker = None;
        // Gone already after a successful publish. In a destructor there is nobody to tell.
        let _ = fs::remove_dir_all(&self.staging);
        for parent in self.made_parents.iter().rev() {
            // Fails, as it should, if somebody else put something there.
            let _ = fs::remove_dir(parent);
        }
    }
}

/// A name for the folder of a scenario that is a single, visible path component on every system.
pub fn folder_name(scenario: &str) -> String {
    let mut name: String = scenario
        .chars()
        .map(|c| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
        .take(100)
        .collect();
    if name.starts_with('.') {
        name.replace_range(..1, "-");
    }
    if name.is_empty() {
        name.push_str("scenario");
    }
    name
}

/// Lets `write` change a folder that plimsoll made, and lists the files that it adds as ours. What
/// `write` returns is handed back.
///
/// # Errors
/// [`OutputError::Refused`] if the folder is missing or somebody else's; [`OutputError::Io`] if its
/// list cannot be read or written.
pub fn update<T>(folder: &Path, write: impl FnOnce() -> T) -> Result<T, OutputError> {
    let marker = folder.join(MARKER);
    if !folder.is_dir() {
        return Err(refused(folder, "there is no such folder"));
    }
    if !marker.is_file() {
        return Err(refused(folder, NOT_OURS));
    }
    let before = list_files(folder)?;
    let value = write();
    let listed = fs::read_to_string(&marker).map_err(io_error("read", &marker))?;
    let mut ours: Vec<String> = listed.lines().skip(1).map(str::to_owned).collect();
    ours.extend(list_files(folder)?.into_iter().filter(|file| !before.contains(file)));
    ours.sort();
    ours.dedup();
    fs::write(&marker, marker_text(&ours)).map_err(io_error("write", &marker))?;
    Ok(value)
}

fn marker_text(files: &[String]) -> String {
    let mut text = String::from(MARKER_TITLE);
    for file in files.iter().filter(|file| file.as_str() != MARKER) {
        text.push('\n');
        text.push_str(file);
    }
    text.push('\n');
    text
}

fn refused(target: &Path, reason: impl Into<String>) -> OutputError {
    OutputError::Refused { target: target.to_owned(), reason: reason.into() }
}

/// The target with symbolic links resolved where it exists, so that the rename replaces what the user
/// means and not the link.
fn resolve(target: &Path) -> Result<PathBuf, OutputError> {
    match target.canonicalize() {
        Ok(path) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            std::path::absolute(target).map_err(io_error("use the path", target))
        }
        Err(error) => Err(io_error("use the path", target)(error)),
    }
}

fn split(target: &Path) -> Option<(&Path, &OsStr)> {
    Some((target.parent()?, target.file_name()?))
}

fn sibling(parent: &Path, name: &OsStr, kind: &str) -> PathBuf {
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{kind}-{}", std::process::id()));
    parent.join(hidden)
}

fn check_replaceable(target: &Path) -> Result<(), OutputError> {
    let metadata = match fs::metadata(target) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error("look at", target)(error)),
    };
    if !metadata.is_dir() {
        return Err(refused(target, "a file of that name is in the way"));
    }
    if std::env::current_dir().is_ok_and(|current| current.starts_with(target)) {
        return Err(refused(target, "it is or contains the current folder"));
    }
    let files = list_files(target)?;
    if files.is_empty() {
        return Ok(());
    }
    let Ok(marker) = fs::read_to_string(target.join(MARKER)) else {
        return Err(refused(target, NOT_OURS));
    };
    let ours: Vec<&str> = marker.lines().skip(1).collect();
    match files.iter().find(|file| file.as_str() != MARKER && !ours.contains(&file.as_str())) {
        Some(foreign) => {
            Err(refused(target, format!("it holds `{foreign}`, which plimsoll did not write")))
        }
        None => Ok(()),
    }
}

/// Paths of all files below `folder`, relative to it, sorted.
fn list_files(folder: &Path) -> Result<Vec<String>, OutputError> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(current) = open.pop() {
        for entry in fs::read_dir(&current).map_err(io_error("read", &current))? {
            let entry = entry.map_err(io_error("read", &current))?;
            let kind = entry.file_type().map_err(io_error("read", &current))?;
            if kind.is_dir() {
                open.push(entry.path());
            } else if let Ok(relative) = entry.path().strip_prefix(folder) {
                files.push(relative.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Makes `parent` and says which folders were made, outermost first.
fn make_parents(parent: &Path) -> Result<Vec<PathBuf>, OutputError> {
    let mut missing: Vec<PathBuf> =
        parent.ancestors().take_while(|path| !path.exists()).map(Path::to_owned).collect();
    missing.reverse();
    for (index, path) in missing.iter().enumerate() {
        match fs::create_dir(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                for made in missing[..index].iter().rev() {
                    let _ = fs::remove_dir(made);
                }
                return Err(io_error("make the folder", path)(error));
            }
        }
    }
    Ok(missing)
}

/// Removes what killed runs for the same target left behind. Best effort: a failure here is no reason
/// not to run.
fn remove_leftovers(parent: &Path, name: &OsStr) {
    let prefix = format!(".{}.plimsoll-", name.to_string_lossy());
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let file_name = entry.file_name();
        let Some(suffix) = file_name.to_str().and_then(|name| name.strip_prefix(&prefix)) else {
            continue;
        };
        let number = suffix.strip_prefix("old-").unwrap_or(suffix);
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        // A lock that can be taken is one that no living process holds.
        let abandoned = File::open(entry.path().join(MARKER))
            .is_ok_and(|marker| marker.try_lock().is_ok() && marker.unlock().is_ok());
        if abandoned {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &OutputFolder, name: &str, text: &str) {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn entries(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_finished_folder_appears_whole() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("a/b");
        let folder = OutputFolder::prepare(&target).unwrap();
        write(&folder, "plots/cost.svg", "x");
        assert!(!target.exists());
        folder.publish().unwrap();
        assert_eq!(entries(&target), [".plimsoll", "plots"]);
        assert_eq!(entries(&home.path().join("a")), ["b"]);
        let marker = fs::read_to_string(target.join(MARKER)).unwrap();
        assert_eq!(marker.lines().collect::<Vec<_>>(), [MARKER_TITLE, "plots/cost.svg"]);
    }

    #[test]
    fn a_dropped_folder_leaves_nothing_not_even_its_parents() {
        let home = tempfile::tempdir().unwrap();
        let folder = OutputFolder::prepare(&home.path().join("a/b/c")).unwrap();
        write(&folder, "summary.json", "{}");
        drop(folder);
        assert_eq!(entries(home.path()), [""; 0]);
    }

    #[test]
    fn the_next_run_replaces_the_folder_of_the_last() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("out");
        for name in ["one.csv", "two.csv"] {
            let folder = OutputFolder::prepare(&target).unwrap();
            write(&folder, name, "x");
            folder.publish().unwrap();
        }
        assert_eq!(entries(&target), [".plimsoll", "two.csv"]);
        assert_eq!(entries(home.path()), ["out"]);
    }

    #[test]
    fn somebody_elses_folder_is_refused_and_untouched() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("thesis");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("chapter.tex"), "text").unwrap();
        let error = OutputFolder::prepare(&target).unwrap_err();
        assert!(matches!(error, OutputError::Refused { .. }), "{error}");
        assert_eq!(entries(&target), ["chapter.tex"]);
        assert_eq!(entries(home.path()), ["thesis"]);
    }

    #[test]
    fn a_file_that_a_person_put_into_our_folder_is_not_lost() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("out");
        let folder = OutputFolder::prepare(&target).unwrap();
        write(&folder, "summary.json", "{}");
        folder.publish().unwrap();
        fs::write(target.join("notes.md"), "mine").unwrap();
        let error = OutputFolder::prepare(&target).unwrap_err().to_string();
        assert!(error.contains("`notes.md`"), "{error}");
        assert_eq!(entries(&target), [".plimsoll", "notes.md", "summary.json"]);
    }

    #[test]
    fn what_appears_during_the_run_is_not_overwritten() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("out");
        let folder = OutputFolder::prepare(&target).unwrap();
        fs::create_dir(&target).unwrap();
        fs::write(target.join("chapter.tex"), "text").unwrap();
        assert!(folder.publish().is_err());
        assert_eq!(entries(&target), ["chapter.tex"]);
        assert_eq!(entries(home.path()), ["out"]);
    }

    #[test]
    fn files_added_later_are_ours_but_not_those_of_others() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("out");
        let folder = OutputFolder::prepare(&target).unwrap();
        write(&folder, "summary.json", "{}");
        folder.publish().unwrap();
        update(&target, || fs::write(target.join("report.html"), "x")).unwrap().unwrap();
        OutputFolder::prepare(&target).unwrap();
        fs::write(target.join("notes.md"), "mine").unwrap();
        update(&target, || fs::write(target.join("report.html"), "y")).unwrap().unwrap();
        assert!(OutputFolder::prepare(&target).is_err());
        assert!(update(home.path(), || ()).is_err());
    }

    #[test]
    fn a_file_in_the_way_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("out");
        fs::write(&target, "text").unwrap();
        let error = OutputFolder::prepare(&target).unwrap_err();
        assert!(matches!(error, OutputError::Refused { .. }), "{error}");
        assert_eq!(fs::read_to_string(&target).unwrap(), "text");
    }

    #[test]
    fn a_file_as_parent_is_an_error_that_leaves_nothing() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("file"), "text").unwrap();
        let error = OutputFolder::prepare(&home.path().join("file/out")).unwrap_err();
        assert!(matches!(error, OutputError::Io { .. }), "{error}");
        assert_eq!(entries(home.path()), ["file"]);
    }

    #[test]
    fn leftovers_of_a_killed_run_go_but_not_those_of_a_living_one() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("out");
        let killed = home.path().join(".out.plimsoll-1");
        fs::create_dir(&killed).unwrap();
        fs::write(killed.join(MARKER), "").unwrap();
        let living = home.path().join(".out.plimsoll-2");
        fs::create_dir(&living).unwrap();
        let lock = File::create(living.join(MARKER)).unwrap();
        lock.try_lock().unwrap();
        let unrelated = home.path().join(".out.plimsoll-notes");
        fs::create_dir(&unrelated).unwrap();
        OutputFolder::prepare(&target).unwrap().publish().unwrap();
        assert_eq!(entries(home.path()), [".out.plimsoll-2", ".out.plimsoll-notes", "out"]);
    }

    #[test]
    fn a_link_is_followed_and_kept() {
        #[cfg(unix)]
        {
            let home = tempfile::tempdir().unwrap();
            fs::create_dir(home.path().join("real")).unwrap();
            std::os::unix::fs::symlink("real", home.path().join("link")).unwrap();
            let folder = OutputFolder::prepare(&home.path().join("link")).unwrap();
            write(&folder, "summary.json", "{}");
            folder.publish().unwrap();
            assert!(home.path().join("link").is_symlink());
            assert_eq!(entries(&home.path().join("real")), [".plimsoll", "summary.json"]);
        }
    }

    #[test]
    fn names_become_one_visible_component() {
        assert_eq!(folder_name("web on ec2/eu"), "web-on-ec2-eu");
        assert_eq!(folder_name(".."), "-.");
        assert_eq!(folder_name(""), "scenario");
    }
}
