//! The level `fluid` against the level `requests`: the same scenario at both, side by side.

use std::fmt::Write as _;
use std::path::Path;

use plimsoll::language::{LoadOptions, load};
use plimsoll_core::results::RunResults;
use plimsoll_core::simulation;

/// Offered load over capacity.
pub const LOADS: [f64; 9] = [0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0, 1.1, 1.2];

/// Squared coefficients of variation of the gaps between arrivals.
pub const BURSTINESS: [u32; 2] = [1, 4];

/// Numbers of tasks, and the hours that give each about as many requests.
pub const SIZES: [(u32, u32); 3] = [(1, 24), (10, 6), (100, 1)];

/// Requests per second of a busy task.
const PER_TASK: f64 = 20.0;

/// One comparison.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Order of service in a task.
    pub discipline: &'static str,
    /// Balancing.
    pub algorithm: &'static str,
    /// Number of tasks, or the most of them under a policy.
    pub tasks: u32,
    /// Length of the run in hours.
    pub hours: u32,
    /// Offered load over the capacity of `tasks`.
    pub load: f64,
    /// Squared coefficient of variation of the gaps between arrivals.
    pub burstiness: u32,
    /// Whether target tracking at 60 % CPU sets the number of tasks.
    pub scaled: bool,
}

/// What a run says.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Mean CPU utilization in percent.
    pub utilization: f64,
    /// Mean response time in milliseconds.
    pub mean: f64,
    /// Its 99th percentile.
    pub p99: f64,
    /// Requests that failed, as a fraction.
    pub failed: f64,
    /// Cost of the run in USD.
    pub cost: f64,
    /// Mean number of running tasks.
    pub running: f64,
}

impl Case {
    fn options(&self, level: &str) -> LoadOptions {
        let rate = self.load * PER_TASK * f64::from(self.tasks);
        let gaps = match self.burstiness {
            0 => "{distribution: deterministic}".to_owned(),
            1 => "{distribution: exponential}".to_owned(),
            more => format!("{{distribution: hyperexponential, squaredCv: {more}}}"),
        };
        let service = |key: &str, value: String| (format!("services[0].{key}"), value);
        let mut set = vec![
            ("duration".to_owned(), format!("{}h", self.hours)),
            service("desiredCount", self.tasks.to_string()),
            service("load.requests.constant", format!("{rate}/s")),
            service("load.fidelity", level.to_owned()),
            service("load.algorithm", self.algorithm.to_owned()),
            service("load.perRequest.discipline", self.discipline.to_owned()),
            service("load.perRequest.arrivals", gaps),
        ];
        if self.scaled {
            let policy = format!(
                "{{minCapacity: 1, maxCapacity: {}, targetTracking: [{{policyName: cpu60, \
                 predefinedMetricType: ECSServiceAverageCPUUtilization, targetValue: 60}}]}}",
                self.tasks
            );
            set.push(service("scaling", policy));
        }
        LoadOptions { set, seed: None }
    }

    /// Runs the case at a level, `fluid` or `requests`.
    ///
    /// # Errors
    /// What is wrong with the scenario or why it could not be run to its end.
    pub fn run(&self, level: &str) -> Result<Outcome, String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fidelity/service.yaml");
        let loaded = load(&path, &self.options(level)).map_err(|problems| problems.to_string())?;
        let results =
            simulation::run(&loaded.scenario, &mut |_| {}).map_err(|error| error.to_string())?;
        outcome(&results).ok_or_else(|| "nothing was served".to_owned())
    }

    /// Runs both levels and compares them.
    ///
    /// # Errors
    /// As [`Case::run`].
    pub fn compare(&self) -> Result<Comparison, String> {
        Ok(Comparison { fluid: self.run("fluid")?, requests: self.run("requests")? })
    }
}

fn outcome(results: &RunResults) -> Option<Outcome> {
    let service = results.services.first()?;
    let load = service.load.as_ref()?;
    let latency = load.latency_ms?;
    let series = results.series.iter().find(|series| series.metric == "CPUUtilization")?;
    let known: Vec<f64> = series.values.iter().copied().flatten().collect();
    Some(Outcome {
        utilization: known.iter().sum::<f64>() / known.len() as f64,
        mean: latency.mean,
        p99: latency.p99,
        failed: load.failed_micro as f64 / load.offered_micro.max(1) as f64,
        cost: results.invoice.total as f64 / 1e10,
        running: service.running_mean,
    })
}

/// The same case at both levels.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    /// As a fluid.
    pub fluid: Outcome,
    /// Request by request.
    pub requests: Outcome,
}

/// Error of the fluid: in points for utilization and failures, relative for the rest.
#[derive(Clone, Copy, Debug)]
pub struct Errors {
    /// Points of CPU utilization.
    pub utilization: f64,
    /// Relative error of the mean response time.
    pub mean: f64,
    /// Relative error of its 99th percentile.
    pub p99: f64,
    /// Percentage points of failed requests.
    pub failed: f64,
    /// Relative error of the cost.
    pub cost: f64,
}

impl Comparison {
    /// What the fluid says less what single requests do.
    pub fn errors(&self) -> Errors {
        let relative = |of: fn(&Outcome) -> f64| of(&self.fluid) / of(&self.requests) - 1.0;
        Errors {
            utilization: self.fluid.utilization - self.requests.utilization,
            mean: relative(|it| it.mean),
            p99: relative(|it| it.p99),
            failed: 100.0 * (self.fluid.failed - self.requests.failed),
            cost: relative(|it| it.cost),
        }
    }
}

/// Bounds on the size of errors, which a test holds the code to.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Loads from, up to and including.
    pub loads: (f64, f64),
    /// Order of service.
    pub discipline: &'static str,
    /// The largest errors.
    pub most: Errors,
}

/// The stated bounds.
pub const BOUNDS: [Bounds; 6] = [
    Bounds {
        loads: (0.0, 0.8),
        discipline: "fifo",
        most: Errors { utilization: 0.5, mean: 0.06, p99: 0.08, failed: 0.1, cost: 0.005 },
    },
    Bounds {
        loads: (0.8, 0.95),
        discipline: "fifo",
        most: Errors { utilization: 0.5, mean: 0.15, p99: 0.2, failed: 0.3, cost: 0.005 },
    },
    Bounds {
        loads: (0.95, 1.2),
        discipline: "fifo",
        most: Errors { utilization: 1.5, mean: 0.45, p99: 0.05, failed: 1.5, cost: 0.005 },
    },
    Bounds {
        loads: (0.0, 0.8),
        discipline: "processorSharing",
        most: Errors { utilization: 0.5, mean: 0.06, p99: 0.15, failed: 0.1, cost: 0.005 },
    },
    Bounds {
        loads: (0.8, 0.95),
        discipline: "processorSharing",
        most: Errors { utilization: 0.75, mean: 0.15, p99: 0.15, failed: 0.5, cost: 0.005 },
    },
    Bounds {
        loads: (0.95, 1.2),
        discipline: "processorSharing",
        most: Errors { utilization: 1.0, mean: 0.1, p99: 0.05, failed: 1.0, cost: 0.005 },
    },
];

/// The largest relative error of the cost under target tracking, stated likewise.
pub const SCALED_COST: f64 = 0.15;

impl Bounds {
    /// The bounds on a case; `None` where none are stated.
    pub fn of(case: &Case) -> Option<&'static Self> {
        BOUNDS.iter().find(|bounds| {
            bounds.discipline == case.discipline
                && bounds.loads.0 < case.load
                && case.load <= bounds.loads.1
        })
    }

    /// The errors that are larger than stated, by name.
    pub fn broken(&self, errors: &Errors) -> Vec<&'static str> {
        [
            ("utilization", errors.utilization, self.most.utilization),
            ("mean", errors.mean, self.most.mean),
            ("p99", errors.p99, self.most.p99),
            ("failed", errors.failed, self.most.failed),
            ("cost", errors.cost, self.most.cost),
        ]
        .into_iter()
        .filter(|(_, error, most)| most < &error.abs())
        .map(|(name, _, _)| name)
        .collect()
    }
}

/// All cases with a fixed number of tasks.
pub fn fixed_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for discipline in ["fifo", "processorSharing"] {
        for burstiness in BURSTINESS {
            for (tasks, hours) in SIZES {
                for load in LOADS {
                    let algorithm = "round_robin";
                    let scaled = false;
                    cases.push(Case {
                        discipline,
                        algorithm,
                        tasks,
                        hours,
                        load,
                        burstiness,
                        scaled,
                    });
                }
            }
        }
    }
    cases
}

/// All cases under target tracking; loads are of the most tasks.
pub fn scaled_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for burstiness in BURSTINESS {
        for (tasks, hours) in [(10, 6), (100, 2)] {
            for load in LOADS {
                let (discipline, algorithm) = ("fifo", "round_robin");
                let scaled = true;
                cases.push(Case { discipline, algorithm, tasks, hours, load, burstiness, scaled });
            }
        }
    }
    cases
}

fn percent(value: f64) -> String {
    format!("{:+.1} %", 100.0 * value)
}

/// The tables as Markdown.
///
/// # Errors
/// As [`Case::run`].
pub fn markdown() -> Result<String, String> {
    let mut text = String::from(HEAD);
    text.push_str("## Bounds\n\n| load | service | utilization | mean | p99 | failed | cost |\n");
    text.push_str("| --- | --- | ---: | ---: | ---: | ---: | ---: |\n");
    for bounds in &BOUNDS {
        let most = &bounds.most;
        let _ = writeln!(
            text,
            "| above {} up to {} | {} | {} points | {:.0} % | {:.0} % | {} points | {:.1} % |",
            bounds.loads.0,
            bounds.loads.1,
            bounds.discipline,
            most.utilization,
            100.0 * most.mean,
            100.0 * most.p99,
            most.failed,
            100.0 * most.cost
        );
    }
    text.push_str(FIXED);
    for case in fixed_cases() {
        let both = case.compare()?;
        let errors = both.errors();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {:.2} | {:+.2} | {:.0} | {} | {:.0} | {} | {:.2} % | {:+.2} | {} |",
            case.discipline,
            case.burstiness,
            case.tasks,
            case.load,
            both.requests.utilization,
            errors.utilization,
            both.requests.mean,
            percent(errors.mean),
            both.requests.p99,
            percent(errors.p99),
            100.0 * both.requests.failed,
            errors.failed,
            percent(errors.cost),
        );
    }
    text.push_str(SCALED);
    for case in scaled_cases() {
        let both = case.compare()?;
        let errors = both.errors();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.2} | {:.2} | {:.1} | {:+.2} | {:.4} | {} |",
            case.burstiness,
            case.tasks,
            case.load,
            both.requests.running,
            both.fluid.running,
            both.requests.utilization,
            errors.utilization,
            both.requests.cost,
            percent(errors.cost),
        );
    }
    Ok(text)
}

const HEAD: &str = "# How far the fluid is from single requests

Written by `cargo run --release -p plimsoll-benches --example fidelity`; do not edit by hand. Each row is one scenario \
(`benches/fidelity/service.yaml`: one-core tasks, requests of 50 ms CPU in the mean with an exponential law, time-out \
10 s, round robin) run twice, with `fidelity: requests` and with `fidelity: fluid`; *error* is what the fluid says \
less what single requests do. *cv²* is the squared coefficient of variation of the gaps between arrivals: 1 for a \
Poisson process, 4 for a hyperexponential one, which the fluid takes into account as Allen and Cunneen do. *load* is \
what is offered over what the tasks can serve.

";

const FIXED: &str = "
Under target tracking the cost is within 15 %.

Where the levels part:

- *The tail of processor sharing.* The variance of a response is exact for Poisson arrivals at single cores; taken over \
to others and cast into two exponentials, it puts the 99th percentile up to 10 % off. The time-out takes the requests \
with much work, and what that leaves to the others is in the model (`sim-core/src/traffic/latency/sharing.rs`).
- *Service in order at load 1.* The backlog of single requests wanders where a fluid has none.
- *Chance.* A policy acts on minutes that differ by chance. Where the load is just what a number of tasks holds at the \
target, as at 0.3, such minutes keep a task more than the fluid has.

## A fixed number of tasks

| service | cv² | tasks | load | CPU % | error, points | mean ms | error | p99 ms | error | failed | error, points | cost error |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
";

const SCALED: &str = "
## Under target tracking at 60 % CPU

*tasks* is the most that the policy may run, and loads are of their capacity.

| cv² | tasks | load | running | fluid | CPU % | error, points | cost USD | error |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
";
