//! Metric math: expressions over metrics, parsed once.
//!
//! Source: the CloudWatch guide on metric math. Where it is silent, the model chooses:
//!
//! * a missing value counts as zero in an operation whose other side is a metric that has a point; beside
//!   a constant the result is missing;
//! * `AVG`, `MAX`, `MIN` and `SUM` of several metrics pass over those without a point;
//! * a missing condition of `IF` counts as false;
//! * `FILL` works on the slots that the reader looks at.
//!
//! A division by zero drops the point. Functions that reduce a metric over time, such as `AVG(m1)`, give
//! no series and are refused, as an alarm on them would be.

mod lexer;
mod parser;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

pub use parser::MathBuilder;

/// Metrics of one expression at most, as CloudWatch allows them in an alarm.
pub const MAX_MATH_METRICS: usize = 10;
/// Characters of an expression at most.
pub const MAX_MATH_LENGTH: usize = 2048;
/// Operations of all expressions of one query at most.
pub const MAX_MATH_OPERATIONS: usize = 500;

/// Why an expression is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MathError {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) suggestion: Option<String>,
}

impl MathError {
    fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), suggestion: None }
    }

    /// The characters that are wrong, in bytes of the text.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What may have been meant.
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }
}

impl fmt::Display for MathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at character {}", self.message, self.span.start + 1)
    }
}

impl std::error::Error for MathError {}

/// An operation between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    And,
    Or,
}

/// A function of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unary {
    Negate,
    Abs,
    Ceil,
    Floor,
}

/// A function of several metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fold {
    Max,
    Min,
    Sum,
    Avg,
}

/// What `FILL` puts into a gap.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fill {
    Repeat,
    Linear,
    Value(f64),
}

/// An operation on the results of earlier ones.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Number(f64),
    /// Length of a period in seconds.
    Period,
    Operand(usize),
    Unary(Unary, usize),
    Binary(Binary, usize, usize),
    If(usize, usize, Option<usize>),
    Fold(Fold, Vec<usize>),
    Fill(usize, Fill),
}

/// Slots of one operation, newest first.
type Column = Vec<Option<f64>>;

/// A compiled expression.
#[derive(Clone, Debug, PartialEq)]
pub struct MathExpression {
    /// Children before their parents; the last one is the result.
    nodes: Vec<Node>,
    /// Nodes without a metric.
    constant: Vec<bool>,
}

impl MathExpression {
    /// The values of `slots` slots, newest first: `operand(index, slot)` is that of a metric.
    pub fn evaluate(
        &self,
        period_seconds: f64,
        slots: usize,
        operand: impl Fn(usize, usize) -> Option<f64>,
    ) -> Column {
        let mut columns: Vec<Column> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let column = match node {
                Node::Number(value) => vec![Some(*value); slots],
                Node::Period => vec![Some(period_seconds); slots],
                Node::Operand(index) => (0..slots).map(|slot| operand(*index, slot)).collect(),
                Node::Fill(of, fill) => filled(&columns[*of], *fill),
                _ => (0..slots).map(|slot| self.value(node, &columns, slot)).collect(),
            };
            columns.push(column);
        }
        let mut result = columns.pop().unwrap_or_default();
        for value in &mut result {
            *value = value.filter(|value| value.is_finite());
        }
        result
    }

    fn value(&self, node: &Node, columns: &[Column], slot: usize) -> Option<f64> {
        let at = |index: usize| columns[index][slot];
        match *node {
            Node::Unary(function, of) => at(of).map(|value| match function {
                Unary::Negate => -value,
                Unary::Abs => value.abs(),
                Unary::Ceil => libm::ceil(value),
                Unary::Floor => libm::floor(value),
            }),
            Node::Binary(operation, left, right) => {
                let (a, b) = match (at(left), at(right)) {
                    (Some(a), Some(b)) => (a, b),
                    (Some(a), None) if !self.constant[left] => (a, 0.0),
                    (None, Some(b)) if !self.constant[right] => (0.0, b),
                    _ => return None,
                };
                operation.of(a, b)
            }
            Node::If(condition, yes, no) => match at(condition) {
                Some(value) if value != 0.0 => at(yes),
                Some(_) => no.and_then(at),
                None => no.filter(|no| !self.constant[*no]).and_then(at),
            },
            Node::Fold(fold, ref of) => fold.of(of.iter().filter_map(|index| at(*index))),
            Node::Number(_) | Node::Period | Node::Operand(_) | Node::Fill(..) => None,
        }
    }
}

impl Binary {
    fn of(self, a: f64, b: f64) -> Option<f64> {
        let truth = |holds: bool| Some(f64::from(u8::from(holds)));
        let is = |value: f64| value != 0.0;
        let differ = a.partial_cmp(&b) != Some(std::cmp::Ordering::Equal);
        match self {
            Self::Add => Some(a + b),
            Self::Subtract => Some(a - b),
            Self::Multiply => Some(a * b),
            Self::Divide => is(b).then(|| a / b),
            Self::Power => Some(libm::pow(a, b)),
            Self::Less => truth(a < b),
            Self::LessOrEqual => truth(a <= b),
            Self::Greater => truth(a > b),
            Self::GreaterOrEqual => truth(a >= b),
            Self::Equal => truth(!differ),
            Self::NotEqual => truth(differ),
            Self::And => truth(is(a) && is(b)),
            Self::Or => truth(is(a) || is(b)),
        }
    }
}

impl Fold {
    fn of(self, values: impl Iterator<Item = f64>) -> Option<f64> {
        let (mut count, mut sum) = (0.0, 0.0);
        let (mut least, mut greatest) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            count += 1.0;
            sum += value;
            least = least.min(value);
            greatest = greatest.max(value);
        }
        (count > 0.0).then(|| match self {
            Self::Max => greatest,
            Self::Min => least,
            Self::Sum => sum,
            Self::Avg => sum / count,
        })
    }
}

/// A column with its gaps filled. Slots come newest first: what is repeated is further on.
fn filled(column: &[Option<f64>], fill: Fill) -> Column {
    let mut result = column.to_vec();
    match fill {
        Fill::Value(value) => {
            for slot in &mut result {
                *slot = slot.or(Some(value));
            }
        }
        Fill::Repeat => {
            let mut older = None;
            for slot in result.iter_mut().rev() {
                older = slot.or(older);
                *slot = older;
            }
        }
        Fill::Linear => {
            let real = (0..).zip(column).filter_map(|(at, value)| value.map(|value| (at, value)));
            let real: Vec<(usize, f64)> = real.collect();
            for pair in real.windows(2) {
                let ((newer, high), (older, low)) = (pair[0], pair[1]);
                for (step, slot) in (1..).zip(&mut result[newer + 1..older]) {
                    let share = f64::from(step) / (older - newer) as f64;
                    *slot = Some(high + (low - high) * share);
                }
            }
        }
    }
    result
}
