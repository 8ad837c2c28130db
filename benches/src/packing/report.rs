//! `benches/PACKING.md`.

use std::fmt::Write as _;
use std::path::Path;

use super::cluster::{Rule, Size};
use super::{StudyError, bins, openb};

/// Every this many machines of the list make the small cluster of the replay.
const EVERY: usize = 64;

/// The report over the data in `folder`, as Markdown.
///
/// # Errors
/// A file is missing or not as documented.
pub fn markdown(folder: &Path) -> Result<String, StudyError> {
    let mut text = String::from(
        "# How well placement packs\n\n\
         Written by `cargo run --release -p plimsoll-benches --example packing -- DATA_DIR`; do not edit \
         by hand. Every placement below is a decision of `plimsoll_core::placement`, the code that every \
         simulation uses. The tests of this crate compare the counts with figures that were computed \
         without plimsoll, and allow no difference.\n\n\
         `binpack`, `spread` and `random` are strategies of ECS; `binpack:memory` is what the literature \
         calls best-fit. first-fit (the instance that was added first), most-free (most free memory), \
         dot-product and l2-best-fit are not of ECS. Ties go to the instance that was added first.\n",
    );
    text.push_str(&bins_section(&bins::read(folder)?));
    let machines = openb::machines(folder)?;
    let lists = ["default", "cpu050"];
    let lists: Result<Vec<_>, _> =
        lists.into_iter().map(|name| Ok((name, openb::tasks(folder, name)?))).collect();
    let lists = lists?;
    text.push_str(&static_section(&machines, &lists));
    text.push_str(&replay_section(&machines, &lists));
    text.push_str(SOURCES);
    Ok(text)
}

const SOURCES: &str = "\n## Sources\n\n\
    * bin packing: rayaanrizwan1234/Bin-Packing-Algorithms (MIT), which holds instances of Falkenauer \
    (1996) and Waescher and Gau (1996) and the best packings listed in the OR-Library;\n\
    * openb: hkust-adsl/kubernetes-scheduler-simulator (Apache-2.0), the cluster of Weng et al., *Beware \
    of fragmentation: scheduling GPU-sharing workloads with fragmentation gradient descent*, USENIX ATC \
    2023.\n";

fn bins_section(instances: &[bins::Instance]) -> String {
    let mut text = String::from(
        "\n## Tasks that need memory only\n\n\
         Tasks are placed one after the other on identical instances; one is added when none fits. \
         *LB* is the sum bound, *L2* the bound of Martello and Toth, *best* the best packing known, \
         which may be one above the optimum. The three rules are given for tasks in file order and, \
         marked ↓, largest first.\n\n",
    );
    let head = "| LB | L2 | best | first-fit | binpack:memory | most-free | first-fit ↓ | \
                binpack:memory ↓ | most-free ↓ |";
    let _ = writeln!(text, "| instance | tasks {head}\n| --- |{}", " ---: |".repeat(10));
    let mut above = [0u64; 6];
    let mut reached = [0u64; 6];
    let (mut bound, mut tight, mut sums) = (0, 0, [0u64; 6]);
    for it in instances {
        let (l1, l2) = it.bounds();
        let counts = it.counts().all();
        let best = it.best_known.map_or_else(|| "–".to_owned(), |best| best.to_string());
        let _ = write!(text, "| {} | {} | {l1} | {l2} | {best} |", it.name, it.tasks.len());
        for (nth, count) in counts.into_iter().enumerate() {
            let _ = write!(text, " {count} |");
            sums[nth] += count;
            above[nth] += count - l2;
            reached[nth] += u64::from(count == l2);
        }
        text.push('\n');
        bound += l2;
        tight += u64::from(it.best_known == Some(l2));
    }
    let mut row = |name: &str, bound: &str, cells: [String; 6]| {
        let _ = write!(text, "| {name} | | | {bound} | |");
        for cell in cells {
            let _ = write!(text, " {cell} |");
        }
        text.push('\n');
    };
    row("**sum**", &bound.to_string(), sums.map(|sum| sum.to_string()));
    row("**above L2**", "", above.map(|n| format!("{:.2} %", 100.0 * n as f64 / bound as f64)));
    row("**at L2, so optimal**", "", reached.map(|n| format!("{n} of {}", instances.len())));
    let known = instances.iter().filter(|it| it.best_known.is_some()).count();
    let _ = writeln!(
        text,
        "\nL2 equals the best packing known in {tight} of the {known} instances with one."
    );
    text
}

fn static_section(machines: &[Size], lists: &[(&str, Vec<openb::Task>)]) -> String {
    let mut text = format!(
        "\n## A production cluster, filled once\n\n\
         The tasks of the openb lists on all {} machines, CPU and memory only, in file order, without \
         departures: tasks that found no place.\n\n| list | tasks |",
        machines.len()
    );
    for rule in Rule::ALL {
        let _ = write!(text, " {rule} |");
    }
    let _ = write!(text, "\n| --- |{}\n", " ---: |".repeat(Rule::ALL.len() + 1));
    for (name, tasks) in lists {
        let _ = write!(text, "| {name} | {} |", tasks.len());
        for rule in Rule::ALL {
            let _ = write!(text, " {} |", openb::unplaced(rule, machines, tasks));
        }
        text.push('\n');
    }
    text
}

fn replay_section(machines: &[Size], lists: &[(&str, Vec<openb::Task>)]) -> String {
    let small: Vec<Size> = machines.iter().copied().step_by(EVERY).collect();
    let gpus = |machines: &[Size]| machines.iter().map(|it| it.gpus).sum::<u32>();
    let mut text = format!(
        "\n## A production cluster, as recorded\n\n\
         The same tasks from creation to deletion, with GPUs as whole devices: a task that asks for a \
         part of a GPU takes one, as on ECS, and a task without GPUs may run on a machine with some. \
         Tasks do not wait: what finds no place on arrival is dropped. On all {} machines ({} GPUs) the \
         recorded load is light; the small cluster is every {EVERY}th machine of the list, {} in all \
         ({} GPUs).\n\n\
         * *used*, *at once*: machines that ran a task at some time, and most of them at one time;\n\
         * *hours*: machine-hours with at least one task; *bound*: fewest machine-hours that could have \
         held the tasks that were placed, on machines of any of the sizes in any number, with tasks \
         moved for free; *efficiency*: bound over hours;\n\
         * *idle GPUs*: at the instant at which most GPUs are asked for; *fragmented*: the share of \
         them on machines where a GPU task drawn from the list finds no place.\n",
        machines.len(),
        gpus(machines),
        small.len(),
        gpus(&small),
    );
    for (machines, where_) in [(machines, "all machines"), (&small[..], "small cluster")] {
        for (name, tasks) in lists {
            let _ = write!(
                text,
                "\n### {name} list, {where_}\n\n| rule | unplaced | used | at once | hours | bound | \
                 efficiency | idle GPUs | fragmented |\n| --- |{}\n",
                " ---: |".repeat(8)
            );
            for rule in Rule::ALL {
                let it = openb::replay(rule, machines, tasks);
                let _ = writeln!(
                    text,
                    "| {rule} | {} | {} | {} | {:.0} | {:.0} | {:.1} % | {:.1} % | {:.1} % |",
                    it.unplaced,
                    it.used,
                    it.peak,
                    it.hours,
                    it.bound_hours,
                    100.0 * it.efficiency,
                    100.0 * it.idle_gpus,
                    100.0 * it.fragmented
                );
            }
        }
    }
    text
}
