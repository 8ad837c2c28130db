//! Writes `reports/OUTPUTS.md` from the table of all files and columns.

fn main() -> std::io::Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/OUTPUTS.md");
    std::fs::write(path, plimsoll_reports::columns::reference_markdown())
}
