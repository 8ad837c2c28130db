use super::*;
use proptest::prelude::*;

const DAY: SimDuration = SimDuration::from_secs(86_400);

fn quiet(_: u64) -> f64 {
    0.0
}

fn profile(base: f64) -> Profile {
    Profile { base, ..Profile::default() }
}

#[track_caller]
fn check(profile: &Profile, seconds: &[(u64, f64)]) {
    let rate = profile.build(SimDuration::from_secs(86_400 * 21), &quiet).unwrap();
    for &(second, expected) in seconds {
        let actual = rate.rate_at(SimTime::from_secs(second));
        assert!((actual - expected).abs() < 1e-4 * (1.0 + expected), "{second}: {actual}");
    }
}

#[test]
fn a_constant_level_is_exact() {
    let rate = profile(2.5).build(DAY, &quiet).unwrap();
    assert_eq!(rate.steps(), 1440);
    assert_eq!(rate.cumulative(SimTime::from_secs(86_400)), 216_000_000_000);
    assert_eq!(rate.cumulative(SimTime::from_secs(999_999)), 216_000_000_000);
}

#[test]
fn the_day_has_its_peak_trough_and_mean() {
    let mut day = profile(100.0);
    day.diurnal = Some(Diurnal { peak_to_trough: 4.0, peak_second_of_day: 14 * 3600 });
    // Values are taken in the middle of a step.
    day.step = SimDuration::from_secs(2);
    // Wednesday 06:00 local: the peak is 8 h on, the trough 12 h after it.
    day.start_second_of_week = 2 * 86_400 + 6 * 3600;
    check(&day, &[(8 * 3600, 160.0), (20 * 3600, 40.0), (14 * 3600, 100.0)]);
    let rate = day.build(DAY, &quiet).unwrap();
    let mean = rate.cumulative(SimTime::from_secs(86_400)) as f64 / 1e6 / 86_400.0;
    assert!((mean - 100.0).abs() < 1e-6);
}

#[test]
fn weekdays_follow_local_midnight() {
    let mut week = profile(10.0);
    week.weekdays = Some([1.0, 1.0, 1.0, 1.0, 2.0, 0.5, 0.25]);
    // Friday 22:00.
    week.start_second_of_week = 4 * 86_400 + 22 * 3600;
    check(
        &week,
        &[(0, 20.0), (7_199, 20.0), (7_200, 5.0), (7_200 + 86_400, 2.5), (7_200 + 172_800, 10.0)],
    );
}

#[test]
fn ramps_change_the_level_for_good() {
    let mut ramps = profile(10.0);
    let at = SimTime::from_secs;
    ramps.ramps = vec![
        Ramp { from: at(600), until: at(1200), from_rate: 10.0, to_rate: 70.0 },
        Ramp { from: at(1830), until: at(1830), from_rate: 0.0, to_rate: 20.0 },
    ];
    // Minute 10 averages 10 to 16; the step at 1830 cuts its minute in half.
    check(
        &ramps,
        &[(0, 10.0), (600, 13.0), (1140, 67.0), (1200, 70.0), (1800, 45.0), (1860, 20.0)],
    );
}

#[test]
fn growth_is_per_day() {
    let mut growing = profile(100.0);
    growing.step = SimDuration::from_secs(2);
    growing.growth = Some(Growth::Linear { per_day: 0.1 });
    check(&growing, &[(0, 100.0), (86_400, 110.0), (10 * 86_400, 200.0)]);
    growing.growth = Some(Growth::Exponential { per_day: 0.1 });
    check(&growing, &[(0, 100.0), (86_400, 110.0), (2 * 86_400, 121.0)]);
    growing.growth = Some(Growth::Linear { per_day: -0.2 });
    check(&growing, &[(86_400, 80.0), (6 * 86_400, 0.0)]);
}

#[test]
fn a_spike_rises_holds_and_decays() {
    let mut crowd = profile(10.0);
    crowd.spikes = vec![Spike {
        start: SimTime::from_secs(600),
        rise: SimDuration::from_secs(120),
        hold: SimDuration::from_secs(300),
        decay: SimDuration::from_secs(600),
        multiplier: 5.0,
    }];
    check(
        &crowd,
        &[
            (540, 10.0),
            (600, 20.0),
            (660, 40.0),
            (720, 50.0),
            (960, 50.0),
            (1020, 48.0),
            (1620, 10.0),
        ],
    );
}

#[test]
fn on_off_counts_parts_of_a_step() {
    let mut office = profile(10.0);
    office.on_off = Some(OnOff {
        start: SimTime::from_secs(90),
        on: SimDuration::from_secs(120),
        off: SimDuration::from_secs(180),
        off_factor: 0.1,
    });
    // On from 90 to 210 s: half of minute 1, all of minute 2, half of minute 3; again from 390 s.
    check(
        &office,
        &[(0, 1.0), (60, 5.5), (120, 10.0), (180, 5.5), (240, 1.0), (360, 5.5), (420, 10.0)],
    );
}

#[test]
fn noise_keeps_the_mean_and_has_the_stated_moments() {
    // Stratified normals in a fixed shuffled order stand in for a random stream.
    let steps = 40_000_u64;
    let normal = |k: u64| {
        let mut sum = -6.0;
        for j in 0..12 {
            let x = (k * 12 + j).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            sum += ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
        }
        sum
    };
    for autocorrelation in [0.0, 0.7] {
        let mut noisy = profile(100.0);
        noisy.noise = Some(Noise { cv: 0.3, autocorrelation });
        let rate = noisy.build(SimDuration::from_secs(60 * steps), &normal).unwrap();
        let values: Vec<f64> =
            (0..steps).map(|k| rate.rate_at(SimTime::from_secs(60 * k))).collect();
        let mean = values.iter().sum::<f64>() / steps as f64;
        let square = |v: &f64| (v - mean) * (v - mean);
        let cv = libm::sqrt(values.iter().map(square).sum::<f64>() / steps as f64) / mean;
        assert!((mean / 100.0 - 1.0).abs() < 0.015, "{mean}");
        assert!((cv / 0.3 - 1.0).abs() < 0.04, "{cv}");
        let logs: Vec<f64> = values.iter().map(|v| libm::log(*v)).collect();
        let centre = logs.iter().sum::<f64>() / steps as f64;
        let lag: f64 = logs.windows(2).map(|w| (w[0] - centre) * (w[1] - centre)).sum();
        let own: f64 = logs.iter().map(|v| (v - centre) * (v - centre)).sum();
        assert!((lag / own - autocorrelation).abs() < 0.03, "{}", lag / own);
    }
}

#[test]
fn a_longer_profile_has_the_same_beginning() {
    let normal = |k: u64| ((k * 37) % 11) as f64 / 5.0 - 1.0;
    let mut noisy = profile(50.0);
    noisy.noise = Some(Noise { cv: 0.5, autocorrelation: 0.4 });
    let short = noisy.build(SimDuration::from_secs(3_600), &normal).unwrap();
    let long = noisy.build(DAY, &normal).unwrap();
    for second in (0..=3_600).step_by(60) {
        let at = SimTime::from_secs(second);
        assert_eq!(short.cumulative(at), long.cumulative(at));
    }
}

#[test]
fn refuses_settings_outside_their_range() {
    let refused = |change: &dyn Fn(&mut Profile)| {
        let mut it = profile(1.0);
        change(&mut it);
        assert!(matches!(it.build(DAY, &quiet), Err(RateError::BadSetting { .. })));
    };
    let at = SimTime::from_secs;
    let ramp =
        |from, until| Ramp { from: at(from), until: at(until), from_rate: 1.0, to_rate: 2.0 };
    refused(&|it| it.base = f64::NAN);
    refused(&|it| it.start_second_of_week = SECONDS_PER_WEEK);
    refused(&|it| {
        it.diurnal = Some(Diurnal { peak_to_trough: 0.5, peak_second_of_day: 0 });
    });
    refused(&|it| it.weekdays = Some([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1.0]));
    refused(&|it| it.ramps = vec![ramp(9, 8)]);
    refused(&|it| it.ramps = vec![ramp(0, 10), ramp(9, 20)]);
    refused(&|it| it.growth = Some(Growth::Exponential { per_day: -1.0 }));
    refused(&|it| {
        it.noise = Some(Noise { cv: 0.1, autocorrelation: 1.0 });
    });
    let mut fine = profile(1.0);
    fine.step = SimDuration::from_nanos(1_000);
    assert!(matches!(fine.build(DAY, &quiet), Err(RateError::TooManySteps { .. })));
    assert_eq!(profile(1.0).build(SimDuration::ZERO, &quiet), Err(RateError::Empty));
}

proptest! {
    /// The total of a spike does not depend on how it falls on the steps.
    #[test]
    fn spikes_keep_their_total(start in 0_u64..5_000, rise in 0_u64..500, hold in 0_u64..500) {
        let mut crowd = profile(10.0);
        crowd.spikes = vec![Spike {
            start: SimTime::from_secs(start),
            rise: SimDuration::from_secs(rise),
            hold: SimDuration::from_secs(hold),
            decay: SimDuration::from_secs(777),
            multiplier: 3.0,
        }];
        let total = crowd.build(DAY, &quiet).unwrap().cumulative(SimTime::MAX) as f64 / 1e6;
        let extra = 20.0 * (rise as f64 / 2.0 + hold as f64 + 777.0 / 2.0);
        prop_assert!((total - 864_000.0 - extra).abs() < 0.01);
    }
}
