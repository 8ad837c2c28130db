use super::*;

/// Friday.
const NOW: &str = "2026-11-20T18:00:00Z";

fn instant(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().expect("a timestamp").as_second()
}

/// The first firings after `from`, without their seconds.
fn next(expression: &str, zone: &str, from: &str, n: usize) -> Vec<String> {
    let schedule = parse(expression, zone).expect("a schedule");
    let from = instant(from);
    // Short windows first: a frequent schedule would reach the limit in a long one.
    let found = [2, 40, 1600, 40_000].into_iter().find_map(|days| {
        let firings = schedule.firings(from + 1, from + days * 86_400, MAX_FIRINGS).ok()?;
        (firings.len() >= n).then_some(firings)
    });
    let text = |second| jiff::Timestamp::from_second(second).expect("in range").to_string();
    let firings = found.expect("enough firings").into_iter().take(n);
    firings.map(|second| text(second).replace(":00Z", "Z")).collect()
}

#[track_caller]
fn check(cron: &str, expected: &[&str]) {
    let expression = format!("cron({cron})");
    assert_eq!(next(&expression, "UTC", NOW, expected.len()), expected, "{cron}");
}

#[test]
fn tv_cron_daily_weekdays_and_month_days() {
    check("0 10 * * ? *", &["2026-11-21T10:00Z", "2026-11-22T10:00Z"]);
    check("0 18 ? * MON-FRI *", &["2026-11-23T18:00Z", "2026-11-24T18:00Z"]);
    check("0 8 1 * ? *", &["2026-12-01T08:00Z", "2027-01-01T08:00Z"]);
    check("0 12 29 2 ? *", &["2028-02-29T12:00Z"]);
    check("30 6 ? * 2 *", &["2026-11-23T06:30Z"]);
}

#[test]
fn tv_cron_last_day_of_the_month() {
    check(
        "0 9 L * ? *",
        &["2026-11-30T09:00Z", "2026-12-31T09:00Z", "2027-01-31T09:00Z", "2027-02-28T09:00Z"],
    );
}

/// Days on which `nW` fires in the month that begins at `month`.
fn weekday_in(n: u8, month: &str) -> Vec<String> {
    let from = format!("{month}-01T00:00:00Z");
    let schedule = parse(&format!("cron(0 9 {n}W * ? *)"), "UTC").expect("a schedule");
    let firings = schedule.firings(instant(&from), instant(&from) + 28 * 86_400, 100);
    let text = |second| jiff::Timestamp::from_second(second).expect("in range").to_string();
    firings.expect("few").into_iter().map(|second| text(second)[8..10].to_owned()).collect()
}

#[test]
fn tv_cron_nearest_weekday() {
    check("0 9 15W * ? *", &["2026-12-15T09:00Z", "2027-01-15T09:00Z", "2027-02-15T09:00Z"]);
    assert_eq!(weekday_in(15, "2026-11"), ["16"]);
    assert_eq!(weekday_in(15, "2026-08"), ["14"]);
    assert_eq!(weekday_in(15, "2027-05"), ["14"]);
    check("0 9 1W * ? *", &["2026-12-01T09:00Z"]);
    assert_eq!(weekday_in(1, "2026-08"), ["03"]);
    assert_eq!(weekday_in(1, "2026-11"), ["02"]);
    assert_eq!(weekday_in(1, "2027-05"), ["03"]);
    check("0 9 31W * ? *", &["2026-12-31T09:00Z", "2027-01-29T09:00Z", "2027-03-31T09:00Z"]);
}

#[test]
fn tv_cron_nth_and_last_weekday_of_the_month() {
    check("0 9 ? * 3#2 *", &["2026-12-08T09:00Z", "2027-01-12T09:00Z", "2027-02-09T09:00Z"]);
    check("0 9 ? * 6L *", &["2026-11-27T09:00Z", "2026-12-25T09:00Z", "2027-01-29T09:00Z"]);
    check("0 9 ? * MON#5 *", &["2026-11-30T09:00Z", "2027-03-29T09:00Z", "2027-05-31T09:00Z"]);
    check("0 9 ? * L *", &["2026-11-21T09:00Z", "2026-11-28T09:00Z"]);
}

#[test]
fn tv_cron_steps() {
    let expression = "cron(0/5 8-17 ? * MON-FRI *)";
    let firings = next(expression, "UTC", NOW, 121);
    assert_eq!(firings[..2], ["2026-11-23T08:00Z", "2026-11-23T08:05Z"]);
    assert_eq!(firings[119..], ["2026-11-23T17:55Z", "2026-11-24T08:00Z"]);
    check("1/10 * * * ? *", &["2026-11-20T18:01Z", "2026-11-20T18:11Z", "2026-11-20T18:21Z"]);
    check("*/30 0 ? 1/6 1,SAT *", &["2027-01-02T00:00Z", "2027-01-02T00:30Z", "2027-01-03T00:00Z"]);
}

#[test]
fn tv_cron_years() {
    let expression = "cron(15 10 ? * 6L 2022-2023)";
    let firings = next(expression, "UTC", "2021-12-31T00:00:00Z", 24);
    assert_eq!(firings[..2], ["2022-01-28T10:15Z", "2022-02-25T10:15Z"]);
    assert_eq!(firings[23], "2023-12-29T10:15Z");
    let schedule = parse(expression, "UTC").expect("a schedule");
    assert_eq!(schedule.firings(instant(NOW), i64::MAX, 10), Ok(vec![]));
}

/// The first firings after `from` of a recurrence.
fn recurrences(expression: &str, zone: &str, from: &str, n: usize) -> Vec<String> {
    let schedule = parse_recurrence(expression, zone).expect("a recurrence");
    let from = instant(from);
    let firings = schedule.firings(from + 1, from + 400 * 86_400, MAX_FIRINGS).expect("few");
    let text = |second| jiff::Timestamp::from_second(second).expect("in range").to_string();
    firings.into_iter().take(n).map(|second| text(second).replace(":00Z", "Z")).collect()
}

#[track_caller]
fn check_recurrence(expression: &str, expected: &[&str]) {
    assert_eq!(recurrences(expression, "UTC", NOW, expected.len()), expected, "{expression}");
}

#[test]
fn five_fields_are_those_of_unix() {
    check_recurrence("0 10 * * *", &["2026-11-21T10:00Z", "2026-11-22T10:00Z"]);
    // 2 is Tuesday, where the six-field dialect has Monday.
    check_recurrence("30 6 * * 2", &["2026-11-24T06:30Z", "2026-12-01T06:30Z"]);
    // The example of the guide: half past midnight on the first of January, June and December.
    check_recurrence(
        "30 0 1 1,6,12 *",
        &["2026-12-01T00:30Z", "2027-01-01T00:30Z", "2027-06-01T00:30Z"],
    );
    // Sunday is 0 and 7.
    for sunday in ["0", "7", "SUN"] {
        check_recurrence(&format!("0 9 * * {sunday}"), &["2026-11-22T09:00Z", "2026-11-29T09:00Z"]);
    }
    check_recurrence("0 18 * * MON-FRI", &["2026-11-23T18:00Z", "2026-11-24T18:00Z"]);
    check_recurrence(
        "0 18 * * 5-7",
        &["2026-11-21T18:00Z", "2026-11-22T18:00Z", "2026-11-27T18:00Z"],
    );
    check_recurrence(
        "*/20 18 * * *",
        &["2026-11-20T18:20Z", "2026-11-20T18:40Z", "2026-11-21T18:00Z"],
    );
    check_recurrence(
        "5-59/25 18 * * *",
        &["2026-11-20T18:05Z", "2026-11-20T18:30Z", "2026-11-20T18:55Z"],
    );
}

#[test]
fn a_day_matches_if_either_of_two_restricted_fields_names_it() {
    check_recurrence(
        "0 0 1,15 * 3",
        &[
            "2026-11-25T00:00Z",
            "2026-12-01T00:00Z",
            "2026-12-02T00:00Z",
            "2026-12-09T00:00Z",
            "2026-12-15T00:00Z",
        ],
    );
    // A field that begins with `*` restricts nothing by itself: both must match.
    check_recurrence("0 0 */10 * 1", &["2026-12-21T00:00Z", "2027-01-11T00:00Z"]);
}

#[test]
fn tv_dst_3_recurrences_hold_their_local_time_across_the_change() {
    assert_eq!(
        recurrences("0 8 * * *", "America/New_York", "2027-03-13T00:00:00Z", 2),
        ["2027-03-13T13:00Z", "2027-03-14T12:00Z"]
    );
    // As in the other dialect: skipped if it does not exist, once if it is repeated.
    assert_eq!(
        recurrences("30 2 * * *", "America/Los_Angeles", "2027-03-13T00:00:00Z", 2),
        ["2027-03-13T10:30Z", "2027-03-15T09:30Z"]
    );
    assert_eq!(
        recurrences("30 1 * * *", "America/Los_Angeles", "2026-10-31T00:00:00Z", 3),
        ["2026-10-31T08:30Z", "2026-11-01T08:30Z", "2026-11-02T09:30Z"]
    );
}

#[test]
fn errors_in_recurrences_point_at_the_offending_part() {
    for (expression, offset, part) in [
        ("0 10 * * ? *", 0, "five fields"),
        ("0 10 * *", 0, "not 4"),
        ("0 10 ? * 1", 5, "`?` is not a value for day-of-month"),
        ("60 10 * * *", 0, "`60` is not a value for minute"),
        ("0 10 * * 8", 9, "`8` is not a value for day-of-week (0 to 7 or SUN to SAT)"),
        ("0/30 10 * * *", 0, "a step follows `*` or a range"),
        ("0 10 L * *", 5, "`L`"),
        ("0 10 * * FRI-SUN", 9, "ends before it begins"),
        ("", 0, "not 0"),
    ] {
        let error = parse_recurrence(expression, "UTC").expect_err(expression);
        assert_eq!(error.offset, offset, "{expression}: {error}");
        assert!(error.message.contains(part), "{expression}: {error}");
    }
}

#[test]
fn tv_dst_1_a_local_time_that_does_not_exist_is_skipped() {
    assert_eq!(
        next("cron(30 2 * * ? *)", "America/Los_Angeles", "2027-03-13T00:00:00Z", 2),
        ["2027-03-13T10:30Z", "2027-03-15T09:30Z"]
    );
}

#[test]
fn tv_dst_2_a_repeated_local_time_fires_once_at_first() {
    assert_eq!(
        next("cron(30 1 * * ? *)", "America/Los_Angeles", "2026-10-31T00:00:00Z", 3),
        ["2026-10-31T08:30Z", "2026-11-01T08:30Z", "2026-11-02T09:30Z"]
    );
    // From within the second occurrence on, that day's firing is over.
    assert_eq!(
        next("cron(30 1 * * ? *)", "America/Los_Angeles", "2026-11-01T09:15:00Z", 1),
        ["2026-11-02T09:30Z"]
    );
}

#[test]
fn tv_dst_3_local_time_holds_across_the_change() {
    assert_eq!(
        next("cron(0 8 * * ? *)", "America/New_York", "2027-03-13T00:00:00Z", 2),
        ["2027-03-13T13:00Z", "2027-03-14T12:00Z"]
    );
}

#[test]
fn tv_dst_4_hourly_firings_are_consecutive_in_utc() {
    assert_eq!(
        next("cron(0 * * * ? *)", "America/New_York", "2027-03-14T05:30:00Z", 3),
        ["2027-03-14T06:00Z", "2027-03-14T07:00Z", "2027-03-14T08:00Z"]
    );
}

#[test]
fn a_clock_that_goes_back_over_midnight_leaves_the_order_intact() {
    // In Havana 2026-11-01 01:00 became 00:00 again.
    let schedule = parse("cron(0/30 * * * ? *)", "America/Havana").expect("a schedule");
    let from = instant("2026-11-01T03:00:00Z");
    let firings = schedule.firings(from, from + 86_400, 100).expect("few");
    assert!(firings.is_sorted_by(|a, b| a < b), "{firings:?}");
    // 24 hours minus the repeated one.
    assert_eq!(firings.len(), 46);
}

#[test]
fn at_is_one_local_instant() {
    let firings = |expression, zone, from, until| {
        let schedule = parse(expression, zone).expect("a schedule");
        schedule.firings(instant(from), instant(until), 10).expect("few")
    };
    let expression = "at(2026-11-21T08:30:00)";
    let (from, until) = (NOW, "2026-11-22T00:00:00Z");
    let expected = vec![instant("2026-11-21T07:30:00Z")];
    assert_eq!(firings(expression, "Europe/Berlin", from, until), expected);
    assert_eq!(firings(expression, "UTC", from, "2026-11-21T08:30:00Z"), Vec::<i64>::new());
    let gap = parse("at(2027-03-28T02:30:00)", "Europe/Berlin").expect_err("a gap");
    assert!(gap.message.contains("does not exist"), "{gap}");
}

#[test]
fn a_rate_is_a_fixed_length_from_its_start() {
    let schedule = parse("rate(1 day)", "America/New_York").expect("a schedule");
    let from = instant("2027-03-13T13:00:00Z");
    let firings = schedule.firings(from, from + 3 * 86_400, 10);
    assert_eq!(firings, Ok(vec![from, from + 86_400, from + 2 * 86_400]));
    let schedule = parse("rate(90 minutes)", "UTC").expect("a schedule");
    assert_eq!(schedule.firings(0, 5401, 10), Ok(vec![0, 5400]));
}

#[test]
fn a_start_time_runs_once_more_unless_the_recurrence_falls_on_it() {
    let schedule = parse("cron(0 10 * * ? *)", "UTC").expect("a schedule");
    let day = 86_400;
    assert_eq!(
        schedule.firings_from_start_time(6 * 3600, 2 * day, 10),
        Ok(vec![6 * 3600, 10 * 3600, day + 10 * 3600])
    );
    assert_eq!(schedule.firings_from_start_time(10 * 3600, day, 10), Ok(vec![10 * 3600]));
    assert_eq!(schedule.firings_from_start_time(0, 2 * day, 2), Err(TooManyFirings { limit: 2 }));
}

#[test]
fn too_many_firings_are_an_error_not_a_flood() {
    let limit = TooManyFirings { limit: MAX_FIRINGS };
    for expression in ["cron(* * * * ? *)", "rate(1 minute)"] {
        let schedule = parse(expression, "UTC").expect("a schedule");
        assert_eq!(schedule.firings(0, i64::MAX, usize::MAX), Err(limit), "{expression}");
    }
    let schedule = parse("cron(0 0 1 * ? *)", "UTC").expect("a schedule");
    let firings = schedule.firings(i64::MIN, i64::MAX, usize::MAX).expect("230 years of months");
    assert_eq!(firings.len(), 230 * 12);
    assert_eq!(firings[0], 0);
}

#[test]
fn a_day_that_never_comes_never_fires() {
    let schedule = parse("cron(0 0 30 2 ? *)", "UTC").expect("a schedule");
    assert_eq!(schedule.firings(i64::MIN, i64::MAX, 10), Ok(vec![]));
}

#[test]
fn errors_point_at_the_offending_part() {
    for (expression, offset, part) in [
        ("every day", 0, "the form"),
        ("cron(0 10 * * ? *", 17, "the form"),
        ("daily(1)", 0, "`daily`"),
        ("cron(0 10 * * ?)", 5, "six fields"),
        ("cron(0 0 10 * * ? *)", 5, "not 7"),
        ("cron(60 10 * * ? *)", 5, "`60` is not a value for minute (0 to 59)"),
        ("cron(0 5,24 * * ? *)", 9, "`24` is not a value for hour"),
        ("cron(0 10 * * * *)", 14, "must be `?`"),
        ("cron(0 10 ? * ? *)", 14, "must not both be `?`"),
        (
            "cron(0 10 ? * MON-FRY *)",
            18,
            "`FRY` is not a value for day-of-week (1 to 7 or SUN to SAT)",
        ),
        ("cron(0 10 ? * 0 *)", 14, "`0`"),
        ("cron(0 10 ? * 2/2 *)", 14, "`2/2`"),
        ("cron(0 10 ? * 6-2 *)", 14, "ends before it begins"),
        ("cron(0 10 ? * 3#6 *)", 16, "week of the month"),
        ("cron(0 10 ? * 3#1,3#2 *)", 18, "only one `#`"),
        ("cron(0/0 10 * * ? *)", 7, "step"),
        ("cron(+5 10 * * ? *)", 5, "`+5`"),
        ("cron(0 10 W * ? *)", 10, "``"),
        ("cron(0 10 * * ? 1969)", 16, "1970 to 2199"),
        ("cron(, 10 * * ? *)", 5, "``"),
        ("at(2026-02-30T00:00:00)", 3, "not a time"),
        ("at(2026-02-03 00:00:00)", 3, "not a time"),
        ("rate(5 seconds)", 5, "not a rate"),
        ("rate(5 minute)", 7, "takes the unit `minutes`"),
        ("rate(1 hours)", 7, "takes the unit `hour`"),
        ("rate(0 minutes)", 5, "positive"),
    ] {
        let error = parse(expression, "UTC").expect_err(expression);
        assert_eq!(error.offset, offset, "{expression}: {error}");
        assert!(error.message.contains(part), "{expression}: {error}");
    }
    let error = parse("rate(1 day)", "Mars/Olympus").expect_err("no such zone");
    assert!(error.message.contains("Mars/Olympus"), "{error}");
}
