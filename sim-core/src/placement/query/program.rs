//! The compiled form of an expression: tests with jumps.
//!
//! Each test says which test comes next if it holds and if it does not, so that evaluation neither
//! recurses nor looks at what cannot change the answer. Negations disappear: `not`, `!=`, `!in` and
//! the like exchange the two jumps, which also makes them true for an attribute that is absent.

use std::cmp::Ordering;

use super::InstanceFacts;
use super::error::{QueryError, nearest};
use super::pattern::Pattern;
use super::syntax::{Argument, Comparison, Operator, Subject, Syntax};
use super::values::{Decimal, compare_versions, is_version, parse_instant};
use crate::placement::attributes::Attributes;

/// A compiled expression.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// The last one comes first; every jump leads to an earlier one.
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
struct Step {
    test: Test,
    if_true: Next,
    if_false: Next,
}

#[derive(Clone, Copy, Debug)]
enum Next {
    Step(u32),
    Answer(bool),
}

/// A test without negation.
#[derive(Clone, Debug)]
enum Test {
    Attribute(Box<str>, Check),
    AgentConnected(Check),
    Ec2InstanceId(Check),
    AgentVersion(Relation, Box<str>),
    RegisteredAt(Relation, i64),
    RunningTasksCount(Relation, u64),
    /// Hosts a task of one of these groups.
    TaskGroup(Box<[Box<str>]>),
}

/// What a text is checked for.
#[derive(Clone, Debug)]
enum Check {
    Present,
    /// Sorted.
    OneOf(Box<[Box<str>]>),
    Matches(Pattern),
    Compares(Relation, Box<str>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Check {
    fn holds(&self, value: &str) -> bool {
        match self {
            Self::Present => true,
            Self::OneOf(values) => values.binary_search_by(|it| (**it).cmp(value)).is_ok(),
            Self::Matches(pattern) => pattern.matches(value),
            Self::Compares(relation, bound) => relation.holds(compare_values(value, bound)),
        }
    }
}

/// Order of two values of an attribute: as numbers if both are, else letter by letter.
fn compare_values(a: &str, b: &str) -> Ordering {
    match (Decimal::parse(a), Decimal::parse(b)) {
        (Some(a), Some(b)) => a.compare(&b),
        _ => a.cmp(b),
    }
}

impl Program {
    /// Whether the answer for an instance can change with its tasks.
    pub(super) fn asks_for_tasks(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step.test, Test::RunningTasksCount(..) | Test::TaskGroup(_)))
    }
}

impl Test {
    fn holds(&self, instance: &dyn InstanceFacts) -> bool {
        match self {
            Self::Attribute(name, check) => {
                instance.attribute(name).is_some_and(|value| check.holds(value))
            }
            Self::AgentConnected(check) => {
                check.holds(if instance.agent_connected() { "true" } else { "false" })
            }
            Self::Ec2InstanceId(check) => check.holds(&instance.ec2_instance_id()),
            Self::AgentVersion(relation, version) => {
                compare_versions(instance.agent_version(), version)
                    .is_some_and(|ordering| relation.holds(ordering))
            }
            Self::RegisteredAt(relation, instant) => {
                relation.holds(instance.registered_at().cmp(instant))
            }
            Self::RunningTasksCount(relation, count) => {
                relation.holds(u64::from(instance.running_tasks_count()).cmp(count))
            }
            Self::TaskGroup(groups) => groups.iter().any(|group| instance.hosts_group(group)),
        }
    }

    /// The answer that all instances with these attributes share.
    fn holds_for_all(&self, attributes: &Attributes) -> Option<bool> {
        match self {
            Self::Attribute(name, check) => {
                Some(attributes.get(name).is_some_and(|value| check.holds(value)))
            }
            _ => None,
        }
    }
}

impl Program {
    /// Compiles a syntax tree. The first value that is none of its subject's is an error.
    pub(super) fn compile(syntax: &Syntax) -> Result<Self, QueryError> {
        let mut program = Self { steps: Vec::new() };
        // Compiled from its end, the first mistake found is the last one written: look for that.
        first_mistake(syntax)?;
        program.add(syntax, Next::Answer(true), Next::Answer(false))?;
        Ok(program)
    }

    fn add(&mut self, syntax: &Syntax, if_true: Next, if_false: Next) -> Result<Next, QueryError> {
        match syntax {
            Syntax::Or(operands) => {
                operands.iter().rev().try_fold(if_false, |next, it| self.add(it, if_true, next))
            }
            Syntax::And(operands) => {
                operands.iter().rev().try_fold(if_true, |next, it| self.add(it, next, if_false))
            }
            Syntax::Not(operand) => self.add(operand, if_false, if_true),
            Syntax::Compare(comparison) => {
                let test = test(comparison)?;
                let negated = comparison.operator.negates().is_some();
                let (if_true, if_false) =
                    if negated { (if_false, if_true) } else { (if_true, if_false) };
                self.steps.push(Step { test, if_true, if_false });
                // At most 2000 characters were parsed.
                Ok(Next::Step(self.steps.len() as u32 - 1))
            }
        }
    }

    /// Whether the instance is selected.
    pub(super) fn matches(&self, instance: &dyn InstanceFacts) -> bool {
        let mut next = self.entry();
        loop {
            match next {
                Next::Answer(answer) => return answer,
                Next::Step(at) => {
                    let step = &self.steps[at as usize];
                    next = if step.test.holds(instance) { step.if_true } else { step.if_false };
                }
            }
        }
    }

    /// The answer that all instances with these attributes share, `None` if it depends on more.
    pub(super) fn evaluate_static(&self, attributes: &Attributes) -> Option<bool> {
        let mut answers: Vec<Option<bool>> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let answer_of = |next: Next| match next {
                Next::Answer(answer) => Some(answer),
                Next::Step(at) => answers[at as usize],
            };
            let (if_true, if_false) = (answer_of(step.if_true), answer_of(step.if_false));
            answers.push(match step.test.holds_for_all(attributes) {
                Some(true) => if_true,
                Some(false) => if_false,
                None if if_true == if_false => if_true,
                None => None,
            });
        }
        answers.last().copied().flatten()
    }

    fn entry(&self) -> Next {
        match self.steps.len() {
            // An expression has at least one comparison; nothing is selected by none.
            0 => Next::Answer(false),
            steps => Next::Step(steps as u32 - 1),
        }
    }
}

fn first_mistake(syntax: &Syntax) -> Result<(), QueryError> {
    match syntax {
        Syntax::Or(operands) | Syntax::And(operands) => operands.iter().try_for_each(first_mistake),
        Syntax::Not(operand) => first_mistake(operand),
        Syntax::Compare(comparison) => test(comparison).map(|_| ()),
    }
}

/// The test of a comparison, without its negation.
fn test(comparison: &Comparison) -> Result<Test, QueryError> {
    let operator = comparison.operator.negates().unwrap_or(comparison.operator);
    let arguments = &comparison.arguments;
    Ok(match &comparison.subject {
        Subject::Attribute(name) => {
            Test::Attribute(name.as_str().into(), check(operator, arguments)?)
        }
        Subject::Ec2InstanceId => Test::Ec2InstanceId(check(operator, arguments)?),
        Subject::AgentConnected => {
            if operator != Operator::Matches {
                arguments.iter().try_for_each(is_boolean)?;
            }
            Test::AgentConnected(check(operator, arguments)?)
        }
        Subject::TaskGroup => Test::TaskGroup(sorted(arguments)),
        Subject::AgentVersion => {
            let expected = "a version such as `1.14.5`";
            let version = |text: &str| is_version(text).then(|| text.into());
            Test::AgentVersion(relation(operator), single(arguments, expected, version)?)
        }
        Subject::RegisteredAt => {
            let expected = "a date such as `2018-06-18`, `2018-06-18T22:28:28Z` or \
                            `2018-06-18T22:28:28+00:00`";
            Test::RegisteredAt(relation(operator), single(arguments, expected, parse_instant)?)
        }
        Subject::RunningTasksCount => {
            let count = |text: &str| {
                let digits = text.bytes().all(|digit| digit.is_ascii_digit());
                digits.then(|| text.parse().ok())?
            };
            Test::RunningTasksCount(relation(operator), single(arguments, "a count", count)?)
        }
    })
}

/// The only argument of a comparison, read as `expected`.
fn single<T>(
    arguments: &[Argument],
    expected: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, QueryError> {
    // The parser gives these operators exactly one argument.
    let Some(argument) = arguments.first() else {
        return Err(QueryError::new(0..0, format!("expected {expected}")));
    };
    read(&argument.text)
        .ok_or_else(|| QueryError::new(argument.span.clone(), format!("expected {expected}")))
}

fn is_boolean(argument: &Argument) -> Result<(), QueryError> {
    if matches!(argument.text.as_str(), "true" | "false") {
        return Ok(());
    }
    let error = QueryError::new(argument.span.clone(), "expected `true` or `false`");
    Err(error.suggest(nearest(&argument.text, ["true", "false"])))
}

fn check(operator: Operator, arguments: &[Argument]) -> Result<Check, QueryError> {
    Ok(match operator {
        Operator::Exists => Check::Present,
        Operator::Equals | Operator::In => Check::OneOf(sorted(arguments)),
        Operator::Matches => {
            let Some(argument) = arguments.first() else { return Ok(Check::OneOf(Box::new([]))) };
            Check::Matches(Pattern::compile(&argument.text, argument.span.start)?)
        }
        order => {
            let bound = single(arguments, "a value", |text| Some(text.into()))?;
            Check::Compares(relation(order), bound)
        }
    })
}

fn relation(operator: Operator) -> Relation {
    match operator {
        Operator::GreaterThan => Relation::Greater,
        Operator::GreaterThanEqual => Relation::GreaterOrEqual,
        Operator::LessThan => Relation::Less,
        Operator::LessThanEqual => Relation::LessOrEqual,
        // The others never order: the parser checked which operators the subject takes.
        _ => Relation::Equal,
    }
}

fn sorted(arguments: &[Argument]) -> Box<[Box<str>]> {
    let mut values: Vec<Box<str>> = arguments.iter().map(|it| it.text.as_str().into()).collect();
    values.sort_unstable();
    values.dedup();
    values.into()
}
