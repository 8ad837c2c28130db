//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Capacity simulator for containers on AWS.
///
/// A scenario is a YAML file in the words of the AWS APIs: clusters, services, scaling policies, and
/// the load they meet. plimsoll runs it event by event and says what it costs and how it holds.
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done; 1 the run could not finish; 2 bad input or usage, \
                        nothing was written.")]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a scenario once; print a summary, write results and a report
    Run(RunOptions),
    /// Validate scenarios and say what they contain
    Check(CheckOptions),
    /// Run the alternatives of a scenario's `sweep` block and compare them
    Sweep(SweepOptions),
    /// Draw the plots and the HTML page of stored results again
    Report(ReportOptions),
    /// Say why: a task's life, or what found no instance
    Explain(ExplainOptions),
    /// Instance types, their sizes and prices
    Catalog(CatalogOptions),
    /// Print the JSON Schema of the scenario language, for editors
    Schema,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// The scenario and what the command line changes in it.
#[derive(Args, Debug)]
pub(super) struct ScenarioOptions {
    /// The scenario file
    #[arg(value_name = "SCENARIO.yaml")]
    pub(super) scenario: PathBuf,
    /// Seed of all random streams, instead of the scenario's
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Change a value, for example services.api.desiredCount=8; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(super) set: Vec<String>,
}

/// Where results go and how they are shown.
#[derive(Args, Debug)]
pub(super) struct ResultOptions {
    /// Folder for the results [default: plimsoll-out/<scenario name>]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// What to print on standard output
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
    /// No progress and no summary; results are still written, and warnings still shown
    #[arg(long, short)]
    pub(super) quiet: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

#[derive(Args, Debug)]
pub(super) struct RunOptions {
    #[command(flatten)]
    pub(super) scenario: ScenarioOptions,
    #[command(flatten)]
    pub(super) results: ResultOptions,
}

#[derive(Args, Debug)]
pub(super) struct CheckOptions {
    /// Scenario files
    #[arg(value_name = "SCENARIO.yaml", required = true)]
    pub(super) scenarios: Vec<PathBuf>,
    /// Say nothing about valid scenarios
    #[arg(long, short)]
    pub(super) quiet: bool,
}

#[derive(Args, Debug)]
pub(super) struct SweepOptions {
    #[command(flatten)]
    pub(super) scenario: ScenarioOptions,
    #[command(flatten)]
    pub(super) results: ResultOptions,
    /// Runs at a time [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) jobs: Option<u16>,
    /// Replications of each point, instead of the scenario's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) replications: Option<u32>,
    /// Most points that a sweep may have
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(super) max_points: usize,
}

#[derive(Args, Debug)]
pub(super) struct ReportOptions {
    /// A folder that `plimsoll run` or `plimsoll sweep` wrote
    #[arg(value_name = "DIR")]
    pub(super) folder: PathBuf,
    /// Do not print the path of the report
    #[arg(long, short)]
    pub(super) quiet: bool,
}

#[derive(Args, Debug)]
pub(super) struct ExplainOptions {
    /// A folder that `plimsoll run` wrote
    #[arg(value_name = "DIR")]
    pub(super) folder: PathBuf,
    /// The scenario, if it is no longer where it ran
    #[arg(long, value_name = "SCENARIO.yaml")]
    pub(super) scenario: Option<PathBuf>,
    /// No progress
    #[arg(long, short)]
    pub(super) quiet: bool,
    #[command(subcommand)]
    pub(super) command: ExplainCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum ExplainCommand {
    /// The life of a task
    Task {
        /// Its number in tasks.csv, its id, or GROUP/N, for example api/0
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// What found no container instance, and why
    Unplaced,
}

#[derive(Args, Debug)]
pub(super) struct CatalogOptions {
    #[command(subcommand)]
    pub(super) command: CatalogCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum CatalogCommand {
    /// List instance types, cheapest first
    List(CatalogListOptions),
    /// Everything about one instance type
    Show(CatalogShowOptions),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum CatalogFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// For spreadsheets
    Csv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Arch {
    /// Intel and AMD
    #[value(name = "x86_64", aliases = ["amd64", "X86_64"])]
    X86_64,
    /// Graviton
    #[value(name = "arm64", aliases = ["aarch64", "ARM64"])]
    Arm64,
}

#[derive(Args, Debug)]
pub(super) struct CatalogListOptions {
    /// Region of the prices
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    pub(super) region: String,
    /// Only this family, for example m7g; may be repeated
    #[arg(long, value_name = "FAMILY")]
    pub(super) family: Vec<String>,
    /// Only this architecture
    #[arg(long, value_enum)]
    pub(super) arch: Option<Arch>,
    /// At least this many vCPUs
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) min_vcpu: u32,
    /// At most this many vCPUs
    #[arg(long, value_name = "N")]
    pub(super) max_vcpu: Option<u32>,
    /// At least this much memory, in GiB
    #[arg(long, value_name = "GIB")]
    pub(super) min_memory: Option<u64>,
    /// Only types with GPUs
    #[arg(long)]
    pub(super) gpu: bool,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: CatalogFormat,
}

#[derive(Args, Debug)]
pub(super) struct CatalogShowOptions {
    /// Instance type, for example m7g.large
    #[arg(value_name = "TYPE")]
    pub(super) instance_type: String,
    /// Only the price in this region
    #[arg(long, value_name = "REGION")]
    pub(super) region: Option<String>,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: CatalogFormat,
}
