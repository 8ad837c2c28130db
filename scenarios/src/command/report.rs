//! `plimsoll report`: the report of stored results, drawn again.

use super::Failure;
use super::arguments::ReportOptions;
use super::console;
use super::run::report_line;
use crate::output;

pub(super) fn report(options: &ReportOptions) -> Result<(), Failure> {
    let folder = &options.folder;
    output::update(folder, || plimsoll_reports::render_report(folder))?.map_err(|error| {
        let message = format!("error: cannot draw the report: {error}");
        // What cannot be read is named as a file of the folder, what cannot be written as the folder.
        if error.path == *folder {
            Failure::Unfinished(message)
        } else {
            Failure::BadInput(message)
        }
    })?;
    if options.quiet { Ok(()) } else { console::print(&report_line(folder)) }
}
