//! The language as a whole: the documented examples, and properties against a naive evaluator.

use std::borrow::Cow;
use std::cmp::Ordering;

use proptest::prelude::*;

use super::syntax::{Argument, Comparison, Operator, Subject, Syntax};
use super::*;

#[derive(Clone, Debug)]
struct Instance {
    attributes: Attributes,
    connected: bool,
    version: String,
    id: String,
    registered_at: i64,
    running: u32,
    groups: Vec<String>,
}

impl InstanceFacts for Instance {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)
    }
    fn agent_connected(&self) -> bool {
        self.connected
    }
    fn agent_version(&self) -> &str {
        &self.version
    }
    fn ec2_instance_id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.id)
    }
    fn registered_at(&self) -> i64 {
        self.registered_at
    }
    fn running_tasks_count(&self) -> u32 {
        self.running
    }
    fn hosts_group(&self, group: &str) -> bool {
        self.groups.iter().any(|it| it == group)
    }
}

fn instance() -> Instance {
    let mut attributes = Attributes::default();
    attributes.set("ecs.instance-type", "t2.small");
    attributes.set("ecs.availability-zone", "us-east-1a");
    attributes.set("stack", "prod");
    attributes.set("rank", "10");
    Instance {
        attributes,
        connected: true,
        version: "1.14.5".into(),
        id: "i-abcd1234".into(),
        registered_at: 1_518_480_000,
        running: 1,
        groups: vec!["service:production".into(), "family:report".into()],
    }
}

#[track_caller]
fn check(text: &str, expected: bool) {
    let expression = Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(expression.matches(&instance()), expected, "{text}");
    assert_eq!(expression.as_str(), text);
}

#[test]
fn the_documented_examples() {
    check("attribute:ecs.instance-type == t2.small", true);
    check("attribute:ecs.availability-zone in [us-east-1a, us-east-1b]", true);
    check(
        "attribute:ecs.instance-type =~ t2.* and attribute:ecs.availability-zone != us-east-1d",
        true,
    );
    check(
        "attribute:ecs.instance-type =~ g2.* and attribute:ecs.availability-zone != us-east-1d",
        false,
    );
    check("task:group == service:production", true);
    check("not(task:group == database)", true);
    check("not(task:group == service:production)", false);
    check("runningTasksCount == 1", true);
    check("agentVersion < 1.14.5", false);
    check("registeredAt < 2018-02-13", false);
    check("ec2InstanceId in ['i-abcd1234', 'i-wxyx7890']", true);
}

/// Both spellings of every operator, on the instance above.
#[test]
fn every_operator_has_two_spellings() {
    for (signs, words, subject, argument, expected) in [
        ("==", "equals", "attribute:stack", "prod", true),
        ("!=", "not_equals", "attribute:stack", "prod", false),
        (">", "greater_than", "attribute:rank", "9", true),
        (">=", "greater_than_equal", "attribute:rank", "10.0", true),
        ("<", "less_than", "attribute:rank", "10", false),
        ("<=", "less_than_equal", "attribute:rank", "010", true),
        ("exists", "exists", "attribute:stack", "", true),
        ("!exists", "not_exists", "attribute:stack", "", false),
        ("in", "in", "attribute:stack", "[test, prod]", true),
        ("!in", "not_in", "attribute:stack", "[test, prod]", false),
        ("=~", "matches", "attribute:stack", "'pr(o|e)d'", true),
        ("!~", "not_matches", "attribute:stack", "p.*", false),
    ] {
        check(&format!("{subject} {signs} {argument}"), expected);
        check(&format!("{subject} {words} {argument}"), expected);
        assert_eq!(
            Expression::parse(&format!("{subject} {signs} {argument}")),
            Expression::parse(&format!("{subject} {words} {argument}")),
        );
    }
}

#[test]
fn an_absent_attribute_fails_every_comparison_and_passes_every_negation() {
    for (comparison, expected) in [
        ("== x", false),
        ("!= x", true),
        ("> 1", false),
        (">= 1", false),
        ("< 1", false),
        ("<= 1", false),
        ("exists", false),
        ("!exists", true),
        ("in [x]", false),
        ("!in [x]", true),
        ("=~ .*", false),
        ("!~ .*", true),
    ] {
        check(&format!("attribute:absent {comparison}"), expected);
        check(&format!("not attribute:absent {comparison}"), !expected);
    }
}

#[test]
fn connectives_bind_as_chosen() {
    let (t, f) = ("attribute:stack == prod", "attribute:stack == test");
    check(&format!("{t} or {f} and {f}"), true);
    check(&format!("({t} or {f}) and {f}"), false);
    check(&format!("not {f} and {f}"), false);
    check(&format!("not ({f} and {f})"), true);
    check(&format!("!{f} && !!{t} || {f}"), true);
    check(&format!("not not not {t}"), false);
}

#[test]
fn the_other_subjects() {
    check("agentConnected == true", true);
    check("agentConnected != true", false);
    check("agentConnected in [false]", false);
    check("agentConnected =~ t.*", true);
    check("agentVersion >= 1.9", true);
    check("agentVersion == 1.14.5.0", true);
    check("registeredAt == 2018-02-13T01:00:00+01:00", true);
    check("registeredAt >= '2018-02-13T00:00:01Z'", false);
    check("runningTasksCount < 18446744073709551615", true);
    check("ec2InstanceId !~ i-ab.*", false);
    check("task:group in [a, 'family:report']", true);
    check("task:group != family:report", false);
    check("task:group !in [a, b]", true);
}

#[test]
fn text_compares_as_text_unless_both_sides_are_numbers() {
    check("attribute:rank < 9", false);
    check("attribute:rank < 9x", true);
    check("attribute:rank == 10.0", false);
    check("attribute:stack > prod-", false);
    check("attribute:stack >= prod", true);
}

#[track_caller]
fn refused(text: &str, wrong: &str, message: &str) {
    let error = Expression::parse(text).unwrap_err();
    assert_eq!((&text[error.span()], error.to_string().as_str()), (wrong, message), "{text}");
}

#[test]
fn mistakes_are_named_where_they_are() {
    let subject = "expected a subject (`attribute:…`, `task:group`, `runningTasksCount`, …)";
    refused("", "", &format!("{subject}, found the end"));
    refused(
        "agentversion == 1",
        "agentversion",
        &format!("{subject}; did you mean `agentVersion`?"),
    );
    refused(
        "ecs.instance-type == t2.small",
        "ecs.instance-type",
        &format!("{subject}; did you mean `attribute:ecs.instance-type`?"),
    );
    refused("memory > 5", "memory", subject);
    refused("attribute:a=b", "=", "expected an operator; did you mean `==`?");
    refused("attribute:a equal b", "equal", "expected an operator; did you mean `equals`?");
    refused("attribute:a", "", "expected an operator, found the end");
    refused("attribute: == b", "attribute:", "expected 1 to 128 characters");
    refused(
        "attribute:a$ == b",
        "attribute:a$",
        "an attribute's name has letters, digits and `-_/\\.`, not `$`",
    );
    refused("attribute:a ==", "", "expected a value, found the end");
    refused("attribute:a == [b]", "[", "expected one value; lists belong to `in`");
    refused("attribute:a in b", "b", "expected a list (`[a, b]`)");
    refused("attribute:a in []", "]", "expected a value");
    refused("attribute:a in [b c]", "c", "expected `,` or `]`");
    refused("attribute:a in [b,", "", "expected a value, found the end");
    refused(
        "attribute:a == or",
        "or",
        "expected a value (a connective is no value without quotes); did you mean `'or'`?",
    );
    refused(
        "attribute:a == b annd attribute:c == d",
        "annd",
        "expected `and`, `or` or the end; did you mean `and`?",
    );
    refused("attribute:a exists)", ")", "expected `and`, `or` or the end");
    refused("(attribute:a exists", "", "expected `and`, `or` or a closing `)`, found the end");
    refused(
        "attribute:a =~ t[23].*",
        "[",
        "a value with brackets or parentheses must be in quotes (`'…'`)",
    );
    refused(
        "runningTasksCount in [1]",
        "in",
        "expected an operator of `runningTasksCount`: `==`, `!=`, `>`, `>=`, `<`, `<=`",
    );
    refused(
        "ec2InstanceId > i-1",
        ">",
        "expected an operator of `ec2InstanceId`: `==`, `!=`, `in`, `!in`, `=~`, `!~`",
    );
    refused(
        "task:group exists",
        "exists",
        "expected an operator of `task:group`: `==`, `!=`, `in`, `!in`",
    );
    refused("runningTasksCount == -1", "-1", "expected a count");
    refused(
        "runningTasksCount == 18446744073709551616",
        "18446744073709551616",
        "expected a count",
    );
    refused("agentVersion > latest", "latest", "expected a version such as `1.14.5`");
    refused("agentConnected == yes", "yes", "expected `true` or `false`");
    refused("agentConnected == True", "True", "expected `true` or `false`; did you mean `true`?");
    refused(
        "registeredAt > '13.2.2018'",
        "13.2.2018",
        "expected a date such as `2018-06-18`, `2018-06-18T22:28:28Z` or \
         `2018-06-18T22:28:28+00:00`",
    );
    refused(
        "attribute:a =~ 'x(?=y)' and attribute:b =~ 'a++'",
        "(?=",
        "look-ahead and look-behind are not supported in regular expressions",
    );
}

#[test]
fn length_and_depth_are_bounded() {
    let padded = format!("attribute:a exists{}", " ".repeat(MAX_EXPRESSION_LENGTH - 18));
    assert!(Expression::parse(&padded).is_ok());
    refused(&format!("{padded}é"), "é", "expected at most 2000 characters");

    let nested = |depth| format!("{}attribute:a exists{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Expression::parse(&nested(MAX_EXPRESSION_DEPTH)).is_ok());
    let message = "expected at most 64 parentheses and negations inside each other";
    refused(&nested(MAX_EXPRESSION_DEPTH + 1), "(", message);
    refused(&format!("{}attribute:a exists", "!".repeat(1900)), "!", message);
    // Depth is that of one path, not a count over the expression.
    let many = vec!["(attribute:a exists)"; 90].join("or");
    assert!(Expression::parse(&many).is_ok());
}

/// Evaluates the syntax tree as the specification reads: no compilation, no shortcuts.
fn naive(syntax: &Syntax, instance: &Instance) -> bool {
    match syntax {
        Syntax::Or(operands) => operands.iter().filter(|it| naive(it, instance)).count() > 0,
        Syntax::And(operands) => operands.iter().filter(|it| !naive(it, instance)).count() == 0,
        Syntax::Not(operand) => !naive(operand, instance),
        Syntax::Compare(comparison) => naive_comparison(comparison, instance),
    }
}

fn naive_comparison(comparison: &Comparison, instance: &Instance) -> bool {
    let arguments: Vec<&str> = comparison.arguments.iter().map(|it| it.text.as_str()).collect();
    let order = |ordering: Ordering| match comparison.operator {
        Operator::Equals => ordering == Ordering::Equal,
        Operator::NotEquals => ordering != Ordering::Equal,
        Operator::LessThan => ordering == Ordering::Less,
        Operator::LessThanEqual => ordering != Ordering::Greater,
        Operator::GreaterThan => ordering == Ordering::Greater,
        Operator::GreaterThanEqual => ordering != Ordering::Less,
        _ => unreachable!("the subject does not take it"),
    };
    let text = |value: Option<&str>| {
        let Some(value) = value else {
            return matches!(
                comparison.operator,
                Operator::NotEquals | Operator::NotExists | Operator::NotIn | Operator::NotMatches
            );
        };
        match comparison.operator {
            Operator::Exists => true,
            Operator::NotExists => false,
            Operator::Equals => value == arguments[0],
            Operator::NotEquals => value != arguments[0],
            Operator::In => arguments.contains(&value),
            Operator::NotIn => !arguments.contains(&value),
            // The generated patterns are a prefix and a star.
            Operator::Matches => value.starts_with(arguments[0].trim_end_matches(".*")),
            Operator::NotMatches => !value.starts_with(arguments[0].trim_end_matches(".*")),
            _ => match (value.parse::<i64>(), arguments[0].parse::<i64>()) {
                (Ok(value), Ok(bound)) => order(value.cmp(&bound)),
                _ => order(value.cmp(arguments[0])),
            },
        }
    };
    match &comparison.subject {
        Subject::Attribute(name) => text(instance.attributes.get(name)),
        Subject::Ec2InstanceId => text(Some(&instance.id)),
        Subject::AgentConnected => text(Some(&instance.connected.to_string())),
        Subject::RunningTasksCount => {
            order(u64::from(instance.running).cmp(&arguments[0].parse().unwrap()))
        }
        Subject::AgentVersion => {
            let parts =
                |it: &str| it.split('.').map(|it| it.parse().unwrap()).collect::<Vec<u32>>();
            order(parts(&instance.version).cmp(&parts(arguments[0])))
        }
        Subject::RegisteredAt => {
            let day: i64 = arguments[0].strip_prefix("1970-01-").unwrap().parse().unwrap();
            order(instance.registered_at.cmp(&((day - 1) * 86_400)))
        }
        Subject::TaskGroup => {
            let hosts = arguments.iter().any(|group| instance.groups.iter().any(|it| it == group));
            hosts == matches!(comparison.operator, Operator::Equals | Operator::In)
        }
    }
}

fn argument(text: String) -> Argument {
    Argument { text, span: 0..0 }
}

fn subjects() -> impl Strategy<Value = Subject> {
    prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "ecs.instance-type"])
            .prop_map(|name| Subject::Attribute(name.into())),
        3 => prop::sample::select(Subject::NAMED.map(|(_, subject)| subject).to_vec()),
    ]
}

/// Values of a subject, so that equal ones meet often.
fn values(subject: &Subject) -> BoxedStrategy<String> {
    match subject {
        Subject::Attribute(_) => "[a-b][ ]?[0-2]|-?[0-9]{1,2}|and|not".boxed(),
        Subject::AgentConnected => prop_oneof!["true", "false"].boxed(),
        Subject::AgentVersion => "1\\.[0-3]\\.[0-3]".boxed(),
        Subject::Ec2InstanceId => "i-[0-3]".boxed(),
        Subject::RegisteredAt => "1970-01-0[1-4]".boxed(),
        Subject::RunningTasksCount => "[0-3]".boxed(),
        Subject::TaskGroup => "service:[a-c]|family:[a-c]".boxed(),
    }
}

fn comparisons() -> impl Strategy<Value = Syntax> {
    subjects().prop_flat_map(|subject| {
        let operators = prop::sample::select(subject.operators().to_vec());
        let values = prop::collection::vec(values(&subject), 1..4);
        (operators, values, 0..3usize).prop_map(move |(operator, values, prefix)| {
            let mut arguments: Vec<Argument> = values.into_iter().map(argument).collect();
            match operator {
                Operator::Exists | Operator::NotExists => arguments.clear(),
                Operator::In | Operator::NotIn => {}
                _ => arguments.truncate(1),
            }
            if matches!(operator, Operator::Matches | Operator::NotMatches) {
                let text = &mut arguments[0].text;
                text.truncate(prefix);
                text.push_str(".*");
            }
            Syntax::Compare(Comparison { subject: subject.clone(), operator, arguments })
        })
    })
}

fn trees() -> impl Strategy<Value = Syntax> {
    comparisons().prop_recursive(5, 24, 4, |inner| {
        let several = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            several.clone().prop_map(Syntax::Or),
            several.prop_map(Syntax::And),
            inner.prop_map(|it| Syntax::Not(Box::new(it))),
        ]
    })
}

fn instances() -> impl Strategy<Value = Instance> {
    let attribute = || prop::option::of("[a-b][ ]?[0-2]|-?[0-9]{1,2}|and|not");
    let agent = (any::<bool>(), "1\\.[0-3]\\.[0-3]", "i-[0-3]");
    let tasks = (0..4u32, prop::collection::vec("service:[a-c]|family:[a-c]", 0..3));
    (attribute(), attribute(), attribute(), agent, 0..5 * 43_200i64, tasks).prop_map(
        |(a, b, instance_type, (connected, version, id), registered_at, (running, groups))| {
            let mut attributes = Attributes::default();
            for (name, value) in [("a", a), ("b", b), ("ecs.instance-type", instance_type)] {
                if let Some(value) = value {
                    attributes.set(name, &value);
                }
            }
            Instance { attributes, connected, version, id, registered_at, running, groups }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_printed_parses_to_the_same(tree in trees()) {
        let printed = tree.to_string();
        prop_assume!(printed.chars().count() <= MAX_EXPRESSION_LENGTH);
        let parsed = Expression::parse(&printed).unwrap();
        prop_assert_eq!(&parsed.syntax, &tree);
        prop_assert_eq!(parsed.to_string(), printed);
    }

    #[test]
    fn the_program_answers_as_the_tree(tree in trees(), instance in instances()) {
        let program = Program::compile(&tree).unwrap();
        let expected = naive(&tree, &instance);
        prop_assert_eq!(program.matches(&instance), expected);
        if let Some(answer) = program.evaluate_static(&instance.attributes) {
            prop_assert_eq!(answer, expected);
        }
    }

    /// Instances that share their attributes differ only if the static answer says so.
    #[test]
    fn a_static_answer_holds_for_all(tree in trees(), one in instances(), other in instances()) {
        let other = Instance { attributes: one.attributes.clone(), ..other };
        let program = Program::compile(&tree).unwrap();
        if program.matches(&one) != program.matches(&other) {
            prop_assert_eq!(program.evaluate_static(&one.attributes), None);
        }
    }

    /// Expressions over attributes alone always have a static answer.
    #[test]
    fn attributes_decide_alone(tree in trees(), instance in instances()) {
        fn only_attributes(syntax: &Syntax) -> bool {
            match syntax {
                Syntax::Or(operands) | Syntax::And(operands) => operands.iter().all(only_attributes),
                Syntax::Not(operand) => only_attributes(operand),
                Syntax::Compare(it) => matches!(it.subject, Subject::Attribute(_)),
            }
        }
        if only_attributes(&tree) {
            let answer = Program::compile(&tree).unwrap().evaluate_static(&instance.attributes);
            prop_assert_eq!(answer, Some(naive(&tree, &instance)));
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
        if let Err(error) = Expression::parse(&text) {
            prop_assert!(text.get(error.span()).is_some(), "the span is inside the text");
        }
    }

    #[test]
    fn no_regular_expression_makes_the_parser_panic(pattern in "([a-zé{}()*+?|.,:<>=!~&0-9^$-]|\\\\|\\[|\\]){0,30}") {
        let text = format!("attribute:a =~ '{pattern}'");
        if let Err(error) = Expression::parse(&text) {
            prop_assert!(text.get(error.span()).is_some(), "the span is inside the text");
        }
    }

    /// Texts made of the language's own words reach deeper than arbitrary ones.
    #[test]
    fn no_sequence_of_words_makes_the_parser_panic(
        words in prop::collection::vec(prop::sample::select(vec![
            "attribute:a", "task:group", "registeredAt", "agentVersion", "==", "!=", "in", "!in", "=~",
            "exists", "not", "!", "(", ")", "[", "]", ",", "and", "||", "'x y'", "[a", "a++", "1.2", "'",
        ]), 0..14)
    ) {
        let text = words.join(" ");
        match Expression::parse(&text) {
            Ok(expression) => {
                let again = Expression::parse(&expression.to_string());
                prop_assert_eq!(again, Ok(expression));
            }
            Err(error) => prop_assert!(text.get(error.span()).is_some()),
        }
    }
}

#[test]
fn static_answers_do_not_wait_for_what_cannot_matter() {
    let attributes = instance().attributes;
    for (text, expected) in [
        ("attribute:stack == prod", Some(true)),
        ("attribute:stack == prod or runningTasksCount > 3", Some(true)),
        ("runningTasksCount > 3 or attribute:stack == prod", Some(true)),
        ("attribute:stack == test and task:group == x", Some(false)),
        ("task:group == x and attribute:stack == test", Some(false)),
        ("attribute:stack == prod and task:group == x", None),
        ("agentConnected == true", None),
        ("not (ec2InstanceId == i-1 and attribute:stack == test)", Some(true)),
    ] {
        let expression = Expression::parse(text).unwrap();
        assert_eq!(expression.evaluate_static(&attributes), expected, "{text}");
    }
}
