//! The figures and pictures of the README are those of the tree they stand in.
//!
//! Each part between `<!-- begin: NAME -->` and `<!-- end: NAME -->` is made here and compared.
//! `PLIMSOLL_UPDATE_README=1 cargo test --test readme` writes them anew, pictures included.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What the command prints, and the folder it wrote.
fn plimsoll(arguments: &[&str]) -> (String, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = Command::cargo_bin("plimsoll")
        .expect("the command is built")
        .current_dir(root())
        .env("COLUMNS", "100")
        .env("NO_COLOR", "1")
        .args(arguments)
        .arg("--out")
        .arg(folder.path().join("results"))
        .output()
        .expect("the command runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (String::from_utf8(output.stdout).expect("text"), folder)
}

fn updating() -> bool {
    std::env::var_os("PLIMSOLL_UPDATE_README").is_some()
}

/// Compares a part of the README with what it should be, or writes it.
fn check_part(name: &str, expected: &str) {
    let path = root().join("README.md");
    let text = std::fs::read_to_string(&path).expect("a README");
    let (begin, end) = (format!("<!-- begin: {name} -->\n"), format!("<!-- end: {name} -->"));
    let from = text.find(&begin).expect("the part begins") + begin.len();
    let until = from + text[from..].find(&end).expect("the part ends");
    if updating() {
        let text = format!("{}{expected}{}", &text[..from], &text[until..]);
        std::fs::write(&path, text).expect("the README is written");
    } else {
        assert_eq!(&text[from..until], expected, "the README's part `{name}` is stale");
    }
}

/// Compares a committed picture with the one a run drew, or writes it.
fn check_picture(folder: &tempfile::TempDir, drawn: &str, committed: &str) {
    let drawn = std::fs::read(folder.path().join("results/plots").join(drawn)).expect("a plot");
    let path = root().join("reports/pictures").join(committed);
    if updating() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        std::fs::write(&path, drawn).expect("the picture is written");
    } else {
        assert!(std::fs::read(&path).expect("a picture") == drawn, "`{committed}` is stale");
    }
}

/// One test, since its parts share the README.
#[test]
fn the_readme_shows_what_the_tree_computes() {
    let (text, folder) = plimsoll(&["run", "scenarios/library/web-on-ec2.yaml"]);
    // The last line names the folder, which is a temporary one here.
    let (summary, _) = text.trim_end().rsplit_once('\n').expect("more than one line");
    let block = format!("```text\n{summary}\nreport: plimsoll-out/web-on-ec2/report.html\n```\n");
    check_part("web-on-ec2", &block);
    for plot in ["demand-shop-web.svg", "latency-shop-web.svg", "instances-shop.svg", "cost.svg"] {
        check_picture(&folder, plot, &format!("web-on-ec2-{plot}"));
    }

    let mut table = String::from(
        "| scenario | cost of the week | per month | per million requests | p99 | requests over 400 ms |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    for name in ["web-on-ec2", "web-on-fargate", "web-on-fargate-spot"] {
        let path = format!("scenarios/library/{name}.yaml");
        let (json, _folder) = plimsoll(&["run", "--format", "json", &path]);
        let summary: Value = serde_json::from_str(&json).expect("JSON");
        let total: f64 = summary["cost"]["totalUsd"].as_str().expect("money").parse().expect("USD");
        let load = &summary["services"]["shop-web"];
        let requests = load["requests"]["served"].as_f64().expect("requests");
        writeln!(
            table,
            "| `{name}` | {total:.2} USD | {:.0} USD | {:.3} USD | {:.0} ms | {:.4} % |",
            total / 168.0 * 730.0,
            total / requests * 1e6,
            load["latencyMs"]["p99"].as_f64().expect("a latency"),
            100.0 * load["sloViolationFraction"].as_f64().expect("a fraction"),
        )
        .expect("a string takes it");
    }
    check_part("three-ways", &table);

    let (text, folder) = plimsoll(&["sweep", "scenarios/library/placement-sweep.yaml"]);
    let paragraphs: Vec<&str> = text.split("\n\n").collect();
    let wanted = [
        "placement-sweep:",
        "cost.totalUsd",
        "utilization.cpuReserved",
        "tasks.pendingSeconds.p95",
    ];
    let shown: Vec<&str> = wanted
        .iter()
        .map(|start| {
            let found = paragraphs.iter().find(|paragraph| paragraph.starts_with(start));
            found.expect("the table is printed").trim_end()
        })
        .collect();
    check_part("placement", &format!("```text\n{}\n```\n", shown.join("\n\n")));
    check_picture(&folder, "comparison-cost.totalUsd.svg", "placement-sweep-comparison-cost.svg");
}
