//! Why: a task's life and what found no instance, in the words of the ECS console.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use plimsoll_core::placement::{Explanation, PlacementStrategy, Rejection};
use plimsoll_core::results::{PlacementFailure, RunResults, StopCode, TaskRecord};
use plimsoll_core::simulation::PlacementDecision;
use plimsoll_core::units::{Cpu, InstanceId, Mib, SimTime};

use crate::number::{grouped, rfc3339, significant};
use crate::rows::NO_INSTANCES;

/// Candidates that a ranking shows, the chosen one aside.
const MOST_CANDIDATES: usize = 10;
/// Instances that a reason names.
const MOST_NAMES: usize = 12;
/// Spells that [`unplaced_text`] tells in full.
const MOST_SPELLS: usize = 50;

/// Finds a task by its row in `tasks.csv`, its id of 32 hexadecimal digits, or `GROUP/N`, the N-th
/// task of a service or batch source, counted from 0.
///
/// # Errors
/// What is wrong with the name, for a message.
pub fn find_task(results: &RunResults, name: &str) -> Result<usize, String> {
    let tasks = &results.task_records;
    let total = tasks.len();
    let many = |number: usize, of: &str| match number {
        0 => format!("{of} created no tasks"),
        1 => format!("{of} created one task, number 0"),
        number => format!("{of} created {number} tasks, numbers 0 to {}", number - 1),
    };
    if let Some((group, ordinal)) = name.rsplit_once('/') {
        let of_group = || tasks.iter().enumerate().filter(|(_, task)| *task.group == *group);
        let known = results.services.iter().map(|service| service.name.as_str());
        let known: Vec<&str> =
            known.chain(results.batches.iter().map(|batch| batch.name.as_str())).collect();
        if !known.contains(&group) {
            return Err(format!(
                "no service or batch source is called `{group}`; there are {}",
                known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            ));
        }
        let Ok(ordinal) = ordinal.parse::<usize>() else {
            return Err(format!(
                "`{ordinal}` is not the number of a task; for example `{group}/0`"
            ));
        };
        return match of_group().nth(ordinal) {
            Some((index, _)) => Ok(index),
            None => Err(format!(
                "there is no task `{name}`: {}",
                many(of_group().count(), &format!("`{group}`"))
            )),
        };
    }
    let number = if name.len() == 32 {
        usize::from_str_radix(name, 16).ok()
    } else {
        name.parse::<usize>().ok()
    };
    match number {
        Some(number) if number < total => Ok(number),
        Some(_) => Err(format!("there is no task `{name}`: {}", many(total, "the run"))),
        None => Err(format!(
            "`{name}` is not a task: give its number in tasks.csv, its id, or `GROUP/N`, for example \
             `{}/0`",
            tasks.first().map_or("api", |task| &task.group)
        )),
    }
}

/// The life of a task as text.
pub fn task_text(results: &RunResults, index: usize) -> String {
    let Some(task) = results.task_records.get(index) else { return String::new() };
    let start = results.start_unix_seconds;
    let ordinal = results.task_records[..index].iter().filter(|it| it.group == task.group).count();
    let mut text = format!(
        "task {index} ({index:032x}), {}/{ordinal}: {}, on {}\n\n",
        task.group,
        size(task.cpu, task.memory),
        task.capacity
    );
    let mut line = |at: SimTime, what: &str| {
        let after = at.saturating_since(task.created).as_secs_f64();
        let _ = writeln!(
            text,
            "  {:<24}  {:>12}  {what}",
            rfc3339(start, at),
            format!("+{} s", significant(after, 6))
        );
    };
    line(task.created, "created");
    if let Some(at) = task.placed {
        line(at, &place(results, task));
    }
    if let Some(at) = task.pull_started {
        line(at, "image pull started");
    }
    if let Some(at) = task.started {
        line(at, "RUNNING");
    }
    if let Some(at) = task.stopping {
        let code = task.exit_code.map_or(String::new(), |code| format!(" (exit code {code})"));
        let stop_code = task.stop_code.map_or("", StopCode::name);
        let decided = format!("stop decided, {stop_code}: {}{code}", task.stopped_reason);
        line(at, &decided);
    }
    if let Some(at) = task.execution_stopped {
        line(at, "containers gone");
    }
    match task.stopped {
        Some(at) => line(at, "STOPPED"),
        None => text.push_str("  it lives at the end of the run\n"),
    }
    if task.billed_seconds > 0 {
        let _ = writeln!(text, "\n  billed: {} s", grouped(&task.billed_seconds.to_string()));
    }
    text
}

fn place(results: &RunResults, task: &TaskRecord) -> String {
    match task
        .instance
        .and_then(|index| Some((index, results.instance_records.get(index as usize)?)))
    {
        Some((index, instance)) => format!(
            "placed on instance {index} ({} of {} in {})",
            instance.instance_type, instance.group, instance.zone
        ),
        None => format!("placed in {}", task.zone),
    }
}

/// The placement decisions about a task as text.
pub fn decisions_text(results: &RunResults, decisions: &[PlacementDecision]) -> String {
    let mut text = String::new();
    for decision in decisions {
        one_decision(&mut text, results, decision);
    }
    text
}

fn one_decision(text: &mut String, results: &RunResults, decision: &PlacementDecision) {
    let explanation = &decision.explanation;
    if decision.left_out > 0 {
        let count = grouped(&decision.left_out.to_string());
        let _ = writeln!(
            text,
            "\n... {count} more failed {} ...",
            plural(decision.left_out, "attempt")
        );
    }
    let total = explanation.candidates.len() + explanation.rejected.len();
    let _ = writeln!(
        text,
        "\nplacement at {}, {} container {}",
        rfc3339(results.start_unix_seconds, decision.at),
        grouped(&total.to_string()),
        plural(total as u64, "instance")
    );
    if total == 0 {
        let _ = writeln!(text, "  {NO_INSTANCES}");
    }
    rejected(text, &explanation.rejected);
    if let Some(chosen) = decision.chosen {
        ranking(text, results, explanation, chosen);
    }
}

/// The instances that could not take the task, by reason.
fn rejected(text: &mut String, rejected: &[(InstanceId, Rejection)]) {
    let mut by_reason: BTreeMap<Rejection, Vec<InstanceId>> = BTreeMap::new();
    for (instance, reason) in rejected {
        by_reason.entry(*reason).or_default().push(*instance);
    }
    for (reason, instances) in by_reason {
        let shown: Vec<String> =
            instances.iter().take(MOST_NAMES).map(|id| id.0.to_string()).collect();
        let more = if instances.len() > MOST_NAMES { ", ..." } else { "" };
        let count = grouped(&instances.len().to_string());
        let _ = writeln!(text, "  {count:>7}  {}: {}{more}", reason.words(), shown.join(", "));
    }
}

/// The candidates, best first, and what decided.
fn ranking(text: &mut String, results: &RunResults, explanation: &Explanation, chosen: InstanceId) {
    let count = explanation.candidates.len();
    let strategies = &explanation.strategy;
    let names: Vec<String> = strategies.iter().map(strategy_name).collect();
    let _ = writeln!(text, "  {:>7}  could take it", grouped(&count.to_string()));
    let mut headings = vec!["instance".to_owned(), "type".to_owned(), "zone".to_owned()];
    headings.extend(strategies.iter().map(score_name));
    let mut rows = vec![headings];
    let best = explanation.candidates.iter().take(MOST_CANDIDATES);
    let mut shown: Vec<_> = best.collect();
    if !shown.iter().any(|candidate| candidate.instance == chosen) {
        shown.extend(explanation.candidates.iter().find(|it| it.instance == chosen));
    }
    for candidate in shown {
        let mark = if candidate.instance == chosen { "* " } else { "  " };
        let record = results.instance_records.get(candidate.instance.0 as usize);
        let mut row = vec![
            format!("{mark}{}", candidate.instance.0),
            record.map_or_else(String::new, |it| it.instance_type.clone()),
            record.map_or_else(String::new, |it| it.zone.clone()),
        ];
        row.extend(
            strategies.iter().zip(&candidate.scores).map(|(s, score)| score_text(s, *score)),
        );
        rows.push(row);
    }
    table(text, &rows);
    if count > MOST_CANDIDATES {
        let _ = writeln!(text, "    and {} more", grouped(&(count - MOST_CANDIDATES).to_string()));
    }
    let tied = explanation.tied();
    let _ = match (names.len(), tied, explanation.random) {
        (0, _, true) => writeln!(text, "  * chosen at random"),
        (_, 1, _) => writeln!(text, "  * chosen by {}", names.join(", then ")),
        (0, _, false) => writeln!(text, "  * chosen by the final tie-break"),
        (_, _, random) => writeln!(
            text,
            "  * chosen by {}; {} were equal: {}",
            names.join(", then "),
            grouped(&tied.to_string()),
            if random { "one of them at random" } else { "the final tie-break decided" }
        ),
    };
}

/// Rows with aligned columns, the first and text columns to the left.
fn table(text: &mut String, rows: &[Vec<String>]) {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        let mut line = String::from("   ");
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = if column < 3 {
                write!(line, " {cell:<width$} ")
            } else {
                write!(line, " {cell:>width$} ")
            };
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

/// A strategy as a person reads it.
fn strategy_name(strategy: &PlacementStrategy) -> String {
    match strategy {
        PlacementStrategy::BinpackCpu => "binpack(cpu)".to_owned(),
        PlacementStrategy::BinpackMemory => "binpack(memory)".to_owned(),
        PlacementStrategy::SpreadZone => "spread(attribute:ecs.availability-zone)".to_owned(),
        PlacementStrategy::SpreadAttribute(name) => format!("spread(attribute:{name})"),
        PlacementStrategy::SpreadInstance => "spread(instanceId)".to_owned(),
        PlacementStrategy::Random => "random".to_owned(),
        PlacementStrategy::FirstFit => "first-fit (not of ECS)".to_owned(),
        PlacementStrategy::WorstFit => "worst-fit (not of ECS)".to_owned(),
        PlacementStrategy::Custom(custom) => format!("{} (not of ECS)", custom.name()),
    }
}

/// What a strategy's score counts.
fn score_name(strategy: &PlacementStrategy) -> String {
    match strategy {
        PlacementStrategy::BinpackCpu => "CPU units left".to_owned(),
        PlacementStrategy::BinpackMemory | PlacementStrategy::WorstFit => "MiB left".to_owned(),
        PlacementStrategy::SpreadZone => "tasks in zone".to_owned(),
        PlacementStrategy::SpreadAttribute(name) => format!("tasks by {name}"),
        PlacementStrategy::SpreadInstance => "tasks on instance".to_owned(),
        PlacementStrategy::Random => String::new(),
        PlacementStrategy::FirstFit => "launched".to_owned(),
        PlacementStrategy::Custom(custom) => custom.name().to_owned(),
    }
}

fn score_text(strategy: &PlacementStrategy, score: u64) -> String {
    match strategy {
        PlacementStrategy::BinpackCpu => Cpu::from_raw(score).as_ecs_units().to_string(),
        // Most memory first: the score falls as memory rises.
        PlacementStrategy::WorstFit => (u64::MAX - score).to_string(),
        PlacementStrategy::Custom(_) => ((score ^ 1 << 63) as i64).to_string(),
        _ => score.to_string(),
    }
}

/// What found no instance, spell by spell.
pub fn unplaced_text(results: &RunResults) -> String {
    let failures = &results.placement_failures;
    if failures.is_empty() {
        return "Every task found an instance at its first attempt.\n".to_owned();
    }
    let mut text = String::new();
    for failure in failures.iter().take(MOST_SPELLS) {
        spell(&mut text, results.start_unix_seconds, failure);
    }
    if let Some(more) = failures.len().checked_sub(MOST_SPELLS).filter(|more| 0 < *more) {
        let _ =
            writeln!(text, "and {} more; unplaced.csv has them all", grouped(&more.to_string()));
    }
    text
}

fn spell(text: &mut String, start: i64, failure: &PlacementFailure) {
    let _ = write!(
        text,
        "{}: {}, on {}\n  {}",
        failure.group,
        size(failure.cpu, failure.memory),
        failure.capacity,
        rfc3339(start, failure.since)
    );
    if failure.last > failure.since {
        let _ = write!(text, " to {}", rfc3339(start, failure.last));
    }
    let attempts = grouped(&failure.attempts.to_string());
    let _ = write!(text, ", {attempts} failed {}", plural(failure.attempts, "attempt"));
    if let Some(placed) = failure.placed {
        let _ = write!(text, "; placed at {}", rfc3339(start, placed));
    }
    text.push('\n');
    let instances = failure.rejections.total();
    if instances == 0 {
        let _ = writeln!(text, "  {NO_INSTANCES}\n");
        return;
    }
    let _ = writeln!(
        text,
        "  No container instance met all of its requirements. Of {} {}",
        grouped(&instances.to_string()),
        plural(u64::from(instances), "instance")
    );
    for (count, words) in failure.rejections.reasons() {
        if count > 0 {
            let _ = writeln!(text, "  {:>7}  {words}", grouped(&count.to_string()));
        }
    }
    text.push('\n');
}

fn size(cpu: Cpu, memory: Mib) -> String {
    format!("{} CPU units and {} MiB", cpu.as_ecs_units(), memory.as_mib())
}

fn plural(count: u64, noun: &str) -> String {
    if count == 1 { noun.to_owned() } else { format!("{noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_task_has_three_names() {
        let (results, _) = testing::web_run();
        assert_eq!(find_task(&results, "4"), Ok(4));
        assert_eq!(find_task(&results, &format!("{:032x}", 4)), Ok(4));
        assert_eq!(find_task(&results, "api/2"), Ok(4));
        assert_eq!(find_task(&results, "worker/0"), Ok(0));
        for wrong in
            ["12", "api/99", "apo/0", "api/x", "api", "-1", "ffffffffffffffffffffffffffffffff"]
        {
            insta::assert_snapshot!(
                format!("no_task_{}", wrong.replace('/', "_")),
                find_task(&results, wrong).expect_err("there is none")
            );
        }
    }

    #[test]
    fn lives_and_failures_in_words() {
        let (results, _) = testing::web_run();
        insta::assert_snapshot!("task_life", task_text(&results, 2));
        insta::assert_snapshot!("unplaced", unplaced_text(&results));
    }
}
