//! Published launch measurements and the runs that replay them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use plimsoll::language::{LoadOptions, load};
use plimsoll_core::simulation;
use plimsoll_reports::chart::{AxisUnit, Chart, Form, Hue, Line, Panel};

/// Containers that ran in 2020 on ECS with Fargate, by minute (V. Ionescu, "Scaling containers in AWS").
pub(crate) const PUBLISHED_2020: [(u64, u32); 13] = [
    (0, 1),
    (1, 50),
    (2, 98),
    (3, 163),
    (5, 263),
    (7, 393),
    (10, 558),
    (20, 1130),
    (30, 1691),
    (40, 2231),
    (43, 2397),
    (54, 3005),
    (56, 3117),
];

/// The same in 2022, by second, read off the published figure with an error of about 25 containers
/// (V. Ionescu, "Scaling containers on AWS in 2022").
pub(crate) const PUBLISHED_2022: [(u64, u32); 12] = [
    (30, 22),
    (50, 95),
    (75, 384),
    (100, 858),
    (125, 1285),
    (150, 1769),
    (175, 2205),
    (200, 2675),
    (225, 3151),
    (250, 3352),
    (275, 3426),
    (300, 3439),
];

/// What the article of 2022 says of ECS on EC2: seconds to the first containers, and to about 3 500.
pub(crate) const PUBLISHED_EC2: [(u64, u32); 2] = [(150, 1), (600, 3500)];

/// One run: when each container started, in order, in nanoseconds.
pub(crate) struct Run {
    /// What distinguishes it.
    pub(crate) name: &'static str,
    starts: Vec<u64>,
}

impl Run {
    fn of(scenario: &str, name: &'static str, set: &[(&str, &str)]) -> Result<Self, String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("library").join(scenario);
        let set = set.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned()));
        let options = LoadOptions { set: set.collect(), ..LoadOptions::default() };
        let loaded = load(&path, &options).map_err(|problems| problems.to_string())?;
        let results =
            simulation::run(&loaded.scenario, &mut |_| {}).map_err(|it| it.to_string())?;
        let started = results.task_records.iter().filter_map(|task| task.started);
        let mut starts: Vec<u64> = started.map(plimsoll_core::units::SimTime::as_nanos).collect();
        starts.sort_unstable();
        Ok(Self { name, starts })
    }

    /// Containers that run after so many seconds.
    pub(crate) fn running(&self, seconds: u64) -> u32 {
        let until = seconds * 1_000_000_000;
        u32::try_from(self.starts.partition_point(|at| *at <= until)).unwrap_or(u32::MAX)
    }

    /// Seconds, rounded down, until so many containers run.
    pub(crate) fn seconds_to(&self, containers: usize) -> Option<u64> {
        Some(self.starts.get(containers.checked_sub(1)?)? / 1_000_000_000)
    }

    fn line(&self, hue: Hue, end: u64, step: u64) -> Line {
        let at = |seconds: u64| (seconds as f64, Some(f64::from(self.running(seconds))));
        Line {
            name: format!("simulated, {}", self.name),
            hue,
            form: Form::Line,
            points: (0..=end / step).map(|number| at(number * step)).collect(),
        }
    }
}

/// All runs.
pub(crate) struct Study {
    /// Fargate in 2020.
    pub(crate) fargate_2020: Run,
    /// Fargate in 2022.
    pub(crate) fargate_2022: Run,
    /// The same with the start-up of a small image.
    pub(crate) small_image: Run,
    /// EC2 in 2022: the prediction, then other readings of what AWS leaves open.
    pub(crate) ec2: Vec<Run>,
}

impl Study {
    /// Runs everything.
    pub(crate) fn run() -> Result<Self, String> {
        let fargate = "launch-2022-fargate.yaml";
        let ec2 = "launch-2022-ec2.yaml";
        let counted = ("controlPlane.managedScaling.countedInstances", "launched");
        let applied = ("controlPlane.managedScaling.appliedTo", "currentSize");
        let phase = ("controlPlane.managedScaling.alarmPhase", "20s");
        Ok(Self {
            fargate_2020: Run::of("launch-2020-fargate.yaml", "rules of 2020-01", &[])?,
            fargate_2022: Run::of(fargate, "start-up of a 413 MB image", &[])?,
            small_image: Run::of(
                fargate,
                "start-up of a small image",
                &[
                    ("controlPlane.fargateProvisioning", "{lognormal: {median: 28s, p95: 38s}}"),
                    ("taskDefinitions.0.startTime", "2s"),
                ],
            )?,
            ec2: vec![
                Run::of(ec2, "defaults", &[])?,
                Run::of(ec2, "alarms 20 s after the minute", &[phase])?,
                Run::of(ec2, "launching instances counted", &[counted])?,
                Run::of(ec2, "points applied to the current size", &[applied])?,
            ],
        })
    }

    /// The text of `benches/LAUNCH.md`.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from(HEAD);
        text.push_str(FARGATE_2020);
        text.push_str(
            "\n| minute | published | simulated | difference |\n| ---: | ---: | ---: | ---: |\n",
        );
        for (minute, published) in PUBLISHED_2020 {
            let simulated = self.fargate_2020.running(minute * 60);
            row(&mut text, minute, published, simulated);
        }
        text.push_str(FARGATE_2022);
        text.push_str(
            "\n| second | published | simulated | difference | simulated, small image |\n\
             | ---: | ---: | ---: | ---: | ---: |\n",
        );
        for (second, published) in PUBLISHED_2022 {
            let simulated = self.fargate_2022.running(second);
            let small = self.small_image.running(second);
            let difference = difference(published, simulated);
            put(
                &mut text,
                format_args!("| {second} | {published} | {simulated} | {difference} | {small} |\n"),
            );
        }
        put(
            &mut text,
            format_args!(
                "\nFrom 500 to 3 000 containers the published curve takes 135 s, the simulated one {} s.\n",
                self.fargate_2022.seconds_to(3000).unwrap_or(0)
                    - self.fargate_2022.seconds_to(500).unwrap_or(0)
            ),
        );
        text.push_str(EC2_2022);
        text.push_str("\n| containers | published |");
        for run in &self.ec2 {
            put(&mut text, format_args!(" {} |", run.name));
        }
        put(&mut text, format_args!("\n| ---: | ---: |{}\n", " ---: |".repeat(self.ec2.len())));
        let said =
            [(16, "150 s"), (500, ""), (1000, ""), (2000, ""), (3000, ""), (3500, "about 600 s")];
        for (containers, published) in said {
            put(&mut text, format_args!("| {containers} | {published} |"));
            for run in &self.ec2 {
                match run.seconds_to(containers) {
                    Some(seconds) => put(&mut text, format_args!(" {seconds} s |")),
                    None => text.push_str(" never |"),
                }
            }
            text.push('\n');
        }
        text.push_str(EC2_READING);
        text
    }

    /// The plots.
    pub(crate) fn charts(&self) -> [Chart; 3] {
        let published = |name: &str, points: &[(u64, u32)], unit: u64| Line {
            name: name.into(),
            hue: Hue::Vermillion,
            form: Form::Line,
            points: points
                .iter()
                .map(|(at, number)| ((at * unit) as f64, Some(f64::from(*number))))
                .collect(),
        };
        let hues = [Hue::Blue, Hue::Sky, Hue::Green, Hue::Purple];
        let ec2 = self.ec2.iter().zip(hues).map(|(run, hue)| run.line(hue, 1800, 10));
        [
            chart(
                ("launch-2020-fargate", "0 to 3 500 containers on ECS with Fargate, 2020"),
                3600,
                vec![
                    self.fargate_2020.line(Hue::Blue, 3600, 20),
                    published("published", &PUBLISHED_2020, 60),
                ],
            ),
            chart(
                ("launch-2022-fargate", "0 to 3 500 containers on ECS with Fargate, 2022"),
                360,
                vec![
                    self.small_image.line(Hue::Sky, 360, 2),
                    self.fargate_2022.line(Hue::Blue, 360, 2),
                    published("published", &PUBLISHED_2022, 1),
                ],
            ),
            chart(
                ("launch-2022-ec2", "0 to 3 500 containers on ECS with EC2, 2022"),
                1800,
                ec2.chain([published("published, first and last", &PUBLISHED_EC2, 1)]).collect(),
            ),
        ]
    }
}

/// Where the results are committed.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches")
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a string takes everything");
}

fn row(text: &mut String, at: u64, published: u32, simulated: u32) {
    let difference = difference(published, simulated);
    put(text, format_args!("| {at} | {published} | {simulated} | {difference} |\n"));
}

/// How far the simulated number is from the published one, in percent of it.
pub(crate) fn difference_percent(published: u32, simulated: u32) -> f64 {
    100.0 * (f64::from(simulated) - f64::from(published)) / f64::from(published)
}

fn difference(published: u32, simulated: u32) -> String {
    format!("{:+.1} %", difference_percent(published, simulated))
}

/// Noon of the first of April of the two years, where the scenarios begin.
const STARTS: [(&str, i64); 2] = [("launch-2020", 1_585_742_400), ("launch-2022", 1_648_814_400)];

fn chart((id, title): (&str, &str), length: u64, lines: Vec<Line>) -> Chart {
    let start = STARTS.iter().find(|(of, _)| id.starts_with(of)).map_or(0, |(_, start)| *start);
    Chart {
        id: id.into(),
        title: title.into(),
        caption: "Containers that run, simulated and published.".into(),
        start,
        length: length as f64,
        panels: vec![Panel {
            label: "containers that run".into(),
            unit: AxisUnit::Number,
            lines,
            stacked: false,
            bound: None,
        }],
        marks: Vec::new(),
        bands: Vec::new(),
    }
}

const HEAD: &str = "\
# Published launch measurements, replayed

Three library scenarios (`scenarios/library/launch-*.yaml`) replay, or predict, how long ECS took from nothing to
3 500 containers of 1 vCPU and 2 GB. `cargo run --release -p plimsoll --example launch_study` writes this file and
the plots again; a test holds it current, and holds the replay of 2020 within 10 % from minute 5 on.

No constant here was fitted to the curve it is held against. Where a constant was read off the same experiment,
that is said, and what it decides is not a prediction.
";

const FARGATE_2020: &str = "
## ECS on Fargate, 2020

![0 to 3 500 containers on Fargate in 2020](launch-2020-fargate.svg)

Four services of 1 000, 1 000, 1 000 and 500 tasks on Fargate Spot in eu-west-1, as in the published Terraform files.

| constant | value | from |
| --- | --- | --- |
| launch bucket of the account | 10 tasks at once, then 1 per second | the author's statement of the account's limits, not the curve |
| launch rate of one service | 23 per minute | the author's statement; four services together are not bound by it |
| request to running | 25 s (median), pull and start of a small image on top | plimsoll's default, from the article of 2022: another experiment |
";

const FARGATE_2022: &str = "
## ECS on Fargate, 2022

![0 to 3 500 containers on Fargate in 2022](launch-2022-fargate.svg)

Five services of 700 tasks on Fargate Spot in us-east-1, as in the published Terraform files.

| constant | value | from |
| --- | --- | --- |
| launch bucket of the account | 100 tasks at once, then 20 per second | ECS developer guide of April 2022 |
| launch rate of one service | 500 per minute | ECS developer guide of April 2022 |
| creation to running | 53 s to 62 s | nine recorded starts of a 413 MB image in April 2024, another experiment; the image here is python:3.10.1 with an application, which is large too |
| the same for a small image | about 30 s | the same article's \"first containers\": with it the start of the curve is no prediction |

The published curve has no step for the burst of 100 and rises a little slower than the 20 launches per second of the
quota: something beside the quotas held it back. It ends, as plimsoll's does, where the refill of the bucket leads.
";

const EC2_2022: &str = "
## ECS on EC2, 2022: a prediction

![0 to 3 500 containers on EC2 in 2022](launch-2022-ec2.svg)

Five services of 700 `awsvpc` tasks; c6g.4xlarge in four zones of us-east-1, one instance at the start and 250 at
most; target capacity 95, instance warm-up 1 s, default steps, as in the published Terraform files; trunking, without
which 3 500 such tasks do not fit. The rules of 2022-04 let 300 tasks be in PROVISIONING, and a service launch 250 a
minute. No figure of this experiment went into any delay: the metric is sampled each minute and visible 10 s later,
the group acts 2 s to 27 s after its desired capacity changes (six published activity records), an instance takes
40 s (median) to run and 15 s to register, an interface 5 s (median), 350 MB are pulled at 65 MB/s once per instance.

Seconds until so many containers run; the sixteenth is the first on an instance that was launched for it.
";

const EC2_READING: &str = "
The prediction by the defaults is too slow by a factor that is not noise. What binds is the loop of managed scaling: at
most 300 tasks wait, a data point sees no more of them, and instances that are being launched for them do not count in
N, so that no further ones are asked for until they run. The other columns change one reading each of what AWS leaves
open (`controlPlane.managedScaling`): when in the minute the alarms are looked at, whether N counts instances that are
being launched, and to which size a data point is applied, the one it was measured at or that of a minute later. No
value was fitted to the two published figures. The last reading alone ends near the published time. Two figures of one
experiment do not decide which is right, so the default stays. The plot joins the published figures by a straight line;
nothing is published between them.
";
