//! Writes `benches/LAUNCH.md` and the plots beside it: published launch measurements replayed.
//!
//! ```text
//! cargo run --release -p plimsoll --example launch_study
//! ```
//!
//! With `--png FOLDER` the plots are written there as PNG too.

mod study;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let png = match &arguments[..] {
        [] => None,
        [flag, folder] if flag == "--png" => Some(Path::new(folder)),
        _ => bail!("usage: launch_study [--png FOLDER]"),
    };
    let study = study::Study::run().map_err(|problem| anyhow::anyhow!(problem))?;
    let folder = study::folder();
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| path.display().to_string())
    };
    write("LAUNCH.md", &study.markdown())?;
    for chart in study.charts() {
        write(&format!("{}.svg", chart.id), &chart.to_svg()?)?;
        if let Some(folder) = png {
            chart.write_png(&folder.join(format!("{}.png", chart.id)))?;
        }
    }
    Ok(())
}
