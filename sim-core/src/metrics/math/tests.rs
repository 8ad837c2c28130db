use super::*;

/// The values of `text` over the slots of `metrics`, which are called m1, m2, … and come oldest first.
fn values(text: &str, metrics: &[&[Option<f64>]]) -> Vec<Option<f64>> {
    let mut builder = MathBuilder::new();
    for number in 1..=metrics.len() {
        builder.metric(&format!("m{number}"));
    }
    builder.expression("e", text).expect(text);
    let expression = builder.finish("e").expect(text);
    let slots = metrics[0].len();
    let mut result =
        expression.evaluate(60.0, slots, |metric, slot| metrics[metric][slots - 1 - slot]);
    result.reverse();
    result
}

/// The value of `text` with m1 and m2.
fn value(text: &str, m1: Option<f64>, m2: Option<f64>) -> Option<f64> {
    values(text, &[&[m1], &[m2]])[0]
}

#[track_caller]
fn refused(text: &str) -> (usize, String, Option<String>) {
    let mut builder = MathBuilder::new();
    builder.metric("m1");
    builder.metric("m2");
    let error = builder.expression("e", text).expect_err(text);
    (error.span().start, error.message().to_owned(), error.suggestion)
}

#[test]
fn operators_bind_as_in_arithmetic() {
    for (text, expected) in [
        ("m1 + m2 * 2", 16.0),
        ("(m1 + m2) * 2", 22.0),
        ("m1 - m2 - 1", 0.0),
        ("-m1 + 10", 4.0),
        ("--m1", 6.0),
        ("m1 / m2 / 2", 0.6),
        ("m1 ^ 2", 36.0),
        ("-m2 ^ 2", -25.0),
        ("m1 > m2", 1.0),
        ("m1 + 1 == 7 && m2 < 5", 0.0),
        ("m1 + 1 == 7 OR m2 < 5", 1.0),
        ("m1 != 6 || m2 >= 5 AND m2 <= 5", 1.0),
        ("1e1 * m1", 60.0),
        (".5 * m1", 3.0),
        ("m1 / PERIOD(m1)", 0.1),
        ("ABS(m2 - m1)", 1.0),
        ("CEIL(m1 / 4) + FLOOR(m1 / 4)", 3.0),
        ("MAX([m1, m2, 9]) + MIN([m1, m2])", 14.0),
        ("SUM(METRICS()) + AVG([m1, m2])", 16.5),
    ] {
        let found = value(text, Some(6.0), Some(5.0)).expect(text);
        assert!((found - expected).abs() < 1e-12, "{text}: {found}");
    }
}

#[test]
fn a_missing_value_is_zero_where_another_metric_has_a_point() {
    assert_eq!(value("m1 + m2", None, Some(5.0)), Some(5.0));
    assert_eq!(value("m1 / m2", None, Some(5.0)), Some(0.0));
    assert_eq!(value("m1 + m2", None, None), None);
    // Beside a constant it stays missing.
    assert_eq!(value("m1 * 2 + m2 * 0", None, None), None);
    assert_eq!(value("m1 + 1", None, Some(5.0)), None);
    assert_eq!(value("AVG([m1, m2])", None, Some(5.0)), Some(5.0));
    assert_eq!(value("AVG([m1, m2])", None, None), None);
}

#[test]
fn a_division_by_zero_drops_the_point() {
    assert_eq!(value("m1 / m2", Some(5.0), Some(0.0)), None);
    assert_eq!(value("m1 / m2", Some(5.0), None), None);
    assert_eq!(value("m1 ^ 400 * m1 ^ 400", Some(10.0), None), None);
}

#[test]
fn tv_sqs_1_backlog_per_task_and_its_way_out_of_zero() {
    assert_eq!(value("m1 / m2", Some(1500.0), Some(10.0)), Some(150.0));
    // With no worker the ratio is dropped; IF and FILL give a number to scale out on.
    let text = "IF(FILL(m2, 0) > 0, m1 / m2, m1)";
    assert_eq!(value(text, Some(1500.0), Some(0.0)), Some(1500.0));
    assert_eq!(value(text, Some(1500.0), None), Some(1500.0));
    assert_eq!(value(text, Some(1500.0), Some(10.0)), Some(150.0));
}

#[test]
fn if_chooses_by_slot() {
    let text = "IF(m1 > 3, m1, m2)";
    let m1 = [Some(1.0), Some(4.0), None];
    let m2 = [Some(7.0), Some(8.0), Some(9.0)];
    assert_eq!(values(text, &[&m1, &m2]), [Some(7.0), Some(4.0), Some(9.0)]);
    assert_eq!(value("IF(m1 > 3, 1)", Some(1.0), None), None);
    assert_eq!(value("IF(m1 > 3, 1, 0)", None, None), None);
}

#[test]
fn fill_repeats_interpolates_or_takes_a_number() {
    let m1 = [None, Some(1.0), None, None, Some(4.0), None];
    let filled = |text| values(text, &[&m1]);
    let some = |values: [f64; 4]| values.map(Some).to_vec();
    assert_eq!(filled("FILL(m1, REPEAT)")[1..], [1.0, 1.0, 1.0, 4.0, 4.0].map(Some));
    assert_eq!(filled("FILL(m1, REPEAT)")[0], None);
    assert_eq!(filled("FILL(m1, LINEAR)")[1..5], some([1.0, 2.0, 3.0, 4.0]));
    assert_eq!((filled("FILL(m1, LINEAR)")[0], filled("FILL(m1, LINEAR)")[5]), (None, None));
    assert_eq!(filled("FILL(m1, -1)")[2..], [-1.0, -1.0, 4.0, -1.0].map(Some));
}

#[test]
fn an_expression_may_name_earlier_ones() {
    let mut builder = MathBuilder::new();
    builder.metric("queue");
    builder.metric("tasks");
    builder.expression("ratio", "queue / tasks").expect("a ratio");
    builder.expression("rounded", "CEIL(ratio)").expect("of a ratio");
    builder.expression("unused", "rounded * 100").expect("comes after");
    let expression = builder.finish("rounded").expect("a series");
    let found = expression.evaluate(60.0, 1, |metric, _| Some([25.0, 10.0][metric]));
    assert_eq!(found, [Some(3.0)]);
}

#[test]
fn errors_point_into_the_expression() {
    for (text, at, words) in [
        ("m1 / m3", 5, "no metric `m3`"),
        ("m1 +", 4, "ends where a value"),
        ("m1 m2", 3, "expected an operator"),
        ("(m1", 3, "expected `)`"),
        ("m1 $ m2", 3, "has no place"),
        ("AVG(m1)", 4, "a single number"),
        ("RATE(m1)", 0, "no function"),
        ("1.2.3 + m1", 0, "not a number"),
        ("FILL(m1)", 7, "expected `,`"),
        ("FILL(m1, SOMETHING)", 9, "expected `REPEAT`"),
        ("FILL(FILL(m1, 0), 0)", 0, "without a `FILL`"),
        ("", 0, "ends where a value"),
        ("* m1", 0, "found `*`"),
    ] {
        let (start, message, _) = refused(text);
        assert_eq!(start, at, "{text}: {message}");
        assert!(message.contains(words), "{text}: {message}");
    }
    assert_eq!(refused("M1 + m2").2.as_deref(), Some("m1"));
    assert_eq!(refused("ceil(m1)").2.as_deref(), Some("CEIL"));
}

#[test]
fn expressions_are_bounded() {
    assert!(refused(&"(".repeat(1000)).1.contains("nested"));
    assert!(refused(&format!("m1{}", " + m1".repeat(420))).1.contains("longer than"));
    assert!(refused(&format!("m1{}", "+m1*1".repeat(350))).1.contains("operations"));
    let mut builder = MathBuilder::new();
    builder.metric("m1");
    builder.expression("e", "1 + 2").expect("it is well-formed");
    assert!(builder.finish("e").is_err());
}

proptest::proptest! {
    /// Whatever the text, it is refused with a place inside it, or gives finite numbers only.
    #[test]
    fn any_text_ends_in_an_error_or_in_numbers(
        text in "[m12 ()+*/<>=!&|,.\\[\\]A-Z^-]{0,60}",
        m1 in -10.0..10.0_f64,
    ) {
        let mut builder = MathBuilder::new();
        builder.metric("m1");
        builder.metric("m2");
        match builder.expression("e", &text) {
            Err(error) => proptest::prop_assert!(error.span().end <= text.len()),
            Ok(()) => if let Ok(expression) = builder.finish("e") {
                let found = expression.evaluate(60.0, 2, |metric, slot| {
                    (metric != slot).then_some(m1)
                });
                proptest::prop_assert!(found.iter().flatten().all(|value| value.is_finite()));
            },
        }
    }
}
