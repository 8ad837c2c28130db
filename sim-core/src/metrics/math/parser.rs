//! From text to operations.

use std::ops::Range;

use super::lexer::{Token, Word, words};
use super::{Binary, Fill, Fold, MAX_MATH_OPERATIONS, MathError, MathExpression, Node, Unary};

/// Levels of nesting at most.
const MAX_DEPTH: usize = 32;

const FUNCTIONS: [&str; 11] =
    ["ABS", "AVG", "CEIL", "FILL", "FLOOR", "IF", "MAX", "METRICS", "MIN", "PERIOD", "SUM"];

/// What a name stands for.
#[derive(Clone, Debug)]
struct Known {
    name: String,
    node: usize,
    is_metric: bool,
}

/// Compiles expressions that refer to metrics and to earlier expressions.
#[derive(Clone, Debug, Default)]
pub struct MathBuilder {
    nodes: Vec<Node>,
    constant: Vec<bool>,
    /// Nodes with a `FILL` somewhere below.
    fills: Vec<bool>,
    known: Vec<Known>,
    metrics: usize,
}

impl MathBuilder {
    /// Nothing known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets expressions name a metric; metrics are numbered in the order of these calls.
    pub fn metric(&mut self, name: &str) {
        let index = self.metrics;
        self.metrics += 1;
        self.nodes.push(Node::Operand(index));
        self.constant.push(false);
        self.fills.push(false);
        let node = self.nodes.len() - 1;
        self.known.push(Known { name: name.to_owned(), node, is_metric: true });
    }

    /// Compiles an expression; later ones may name it.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn expression(&mut self, name: &str, text: &str) -> Result<(), MathError> {
        let tokens = words(text)?;
        let mut parser =
            Parser { builder: self, tokens: &tokens, at: 0, end: text.len(), depth: 0 };
        let node = parser.either()?;
        if let Some(extra) = parser.tokens.get(parser.at) {
            return Err(MathError::new(extra.span.clone(), "expected an operator here"));
        }
        self.known.push(Known { name: name.to_owned(), node, is_metric: false });
        Ok(())
    }

    /// The compiled expression or metric called `name`.
    ///
    /// # Errors
    /// If there is none, or it is no series.
    pub fn finish(mut self, name: &str) -> Result<MathExpression, MathError> {
        let found = self.known.iter().rev().find(|known| known.name == name);
        let Some(node) = found.map(|known| known.node) else {
            return Err(MathError::new(0..0, format!("there is no expression `{name}`")));
        };
        if self.constant[node] {
            return Err(MathError::new(0..0, "the expression has no metric in it"));
        }
        // What comes after the result is not needed for it.
        self.nodes.truncate(node + 1);
        self.constant.truncate(node + 1);
        Ok(MathExpression { nodes: self.nodes, constant: self.constant })
    }
}

struct Parser<'b, 't> {
    builder: &'b mut MathBuilder,
    tokens: &'b [Token<'t>],
    at: usize,
    end: usize,
    depth: usize,
}

type Parsed<T> = Result<T, MathError>;

impl<'t> Parser<'_, 't> {
    fn peek(&self) -> Option<&Word<'t>> {
        self.tokens.get(self.at).map(|token| &token.word)
    }

    fn span(&self) -> Range<usize> {
        self.tokens.get(self.at).map_or(self.end..self.end, |token| token.span.clone())
    }

    fn fail<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(MathError::new(self.span(), message))
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Word::Sign(found)) if *found == sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Parsed<()> {
        if self.take(sign) { Ok(()) } else { self.fail(format!("expected `{sign}` here")) }
    }

    fn push(&mut self, node: Node, span: Range<usize>) -> Parsed<usize> {
        let builder = &mut *self.builder;
        if MAX_MATH_OPERATIONS <= builder.nodes.len() {
            let message = format!("these are more than {MAX_MATH_OPERATIONS} operations");
            return Err(MathError::new(span, message));
        }
        let children: &[usize] = match &node {
            Node::Number(_) | Node::Period | Node::Operand(_) => &[],
            Node::Unary(_, of) | Node::Fill(of, _) => &[*of],
            Node::Binary(_, left, right) | Node::If(left, right, None) => &[*left, *right],
            Node::If(condition, yes, Some(no)) => &[*condition, *yes, *no],
            Node::Fold(_, of) => of,
        };
        let constant = match &node {
            Node::Operand(_) => false,
            _ => children.iter().all(|child| builder.constant[*child]),
        };
        let fills =
            matches!(node, Node::Fill(..)) || children.iter().any(|child| builder.fills[*child]);
        builder.nodes.push(node);
        builder.constant.push(constant);
        builder.fills.push(fills);
        Ok(builder.nodes.len() - 1)
    }

    fn chain(
        &mut self,
        operators: &[(&str, Binary)],
        next: fn(&mut Self) -> Parsed<usize>,
    ) -> Parsed<usize> {
        let mut left = next(self)?;
        'more: loop {
            let span = self.span();
            for (sign, operation) in operators {
                let named = matches!(self.peek(), Some(Word::Name(name)) if name == sign);
                if self.take(sign) || named {
                    self.at += usize::from(named);
                    let right = next(self)?;
                    left = self.push(Node::Binary(*operation, left, right), span)?;
                    continue 'more;
                }
            }
            return Ok(left);
        }
    }

    fn either(&mut self) -> Parsed<usize> {
        if self.depth == MAX_DEPTH {
            return self.fail(format!("this is nested more than {MAX_DEPTH} levels deep"));
        }
        self.depth += 1;
        let parsed = self.chain(&[("||", Binary::Or), ("OR", Binary::Or)], Self::both);
        self.depth -= 1;
        parsed
    }

    fn both(&mut self) -> Parsed<usize> {
        self.chain(&[("&&", Binary::And), ("AND", Binary::And)], Self::comparison)
    }

    fn comparison(&mut self) -> Parsed<usize> {
        let operators = [
            ("<=", Binary::LessOrEqual),
            (">=", Binary::GreaterOrEqual),
            ("==", Binary::Equal),
            ("!=", Binary::NotEqual),
            ("<", Binary::Less),
            (">", Binary::Greater),
        ];
        self.chain(&operators, Self::sum)
    }

    fn sum(&mut self) -> Parsed<usize> {
        self.chain(&[("+", Binary::Add), ("-", Binary::Subtract)], Self::product)
    }

    fn product(&mut self) -> Parsed<usize> {
        self.chain(&[("*", Binary::Multiply), ("/", Binary::Divide)], Self::sign)
    }

    fn sign(&mut self) -> Parsed<usize> {
        let span = self.span();
        // A loop: a long row of signs must not become deep.
        let mut negative = false;
        while self.take("-") {
            negative = !negative;
        }
        let mut value = self.primary()?;
        let power = self.span();
        if self.take("^") {
            let exponent = self.primary()?;
            value = self.push(Node::Binary(Binary::Power, value, exponent), power)?;
        }
        if negative { self.push(Node::Unary(Unary::Negate, value), span) } else { Ok(value) }
    }

    fn primary(&mut self) -> Parsed<usize> {
        let span = self.span();
        let Some(word) = self.peek().cloned() else {
            return self.fail("the expression ends where a value is expected");
        };
        match word {
            Word::Number(value) => {
                self.at += 1;
                self.push(Node::Number(value), span)
            }
            Word::Name(name) => {
                self.at += 1;
                if self.take("(") { self.call(name, span) } else { self.named(name, span) }
            }
            Word::Sign("(") => {
                self.at += 1;
                let value = self.either()?;
                self.expect(")")?;
                Ok(value)
            }
            Word::Sign(sign) => self.fail(format!("expected a value here, found `{sign}`")),
        }
    }

    fn named(&self, name: &str, span: Range<usize>) -> Parsed<usize> {
        if let Some(known) = self.builder.known.iter().rev().find(|known| known.name == name) {
            return Ok(known.node);
        }
        let mut error = MathError::new(span, format!("there is no metric `{name}`"));
        let lower = name.to_lowercase();
        let near = self.builder.known.iter().find(|known| known.name.to_lowercase() == lower);
        error.suggestion = near.map(|known| known.name.clone());
        Err(error)
    }

    fn call(&mut self, name: &str, span: Range<usize>) -> Parsed<usize> {
        let unary = |function| Some(function);
        let one = match name {
            "ABS" => unary(Unary::Abs),
            "CEIL" => unary(Unary::Ceil),
            "FLOOR" => unary(Unary::Floor),
            _ => None,
        };
        if let Some(function) = one {
            let of = self.either()?;
            self.expect(")")?;
            return self.push(Node::Unary(function, of), span);
        }
        let fold = match name {
            "MAX" => Some(Fold::Max),
            "MIN" => Some(Fold::Min),
            "SUM" => Some(Fold::Sum),
            "AVG" => Some(Fold::Avg),
            _ => None,
        };
        if let Some(fold) = fold {
            let of = self.several(name)?;
            self.expect(")")?;
            return self.push(Node::Fold(fold, of), span);
        }
        match name {
            "IF" => {
                let condition = self.either()?;
                self.expect(",")?;
                let yes = self.either()?;
                let no = if self.take(",") { Some(self.either()?) } else { None };
                self.expect(")")?;
                self.push(Node::If(condition, yes, no), span)
            }
            "FILL" => self.fill(span),
            "PERIOD" => {
                self.either()?;
                self.expect(")")?;
                self.push(Node::Period, span)
            }
            _ => {
                let message = format!("`{name}` is no function of metric math that is simulated");
                let mut error = MathError::new(span, message);
                let upper = name.to_uppercase();
                let near = FUNCTIONS.iter().find(|known| **known == upper);
                error.suggestion = near.map(|known| (*known).to_owned());
                Err(error)
            }
        }
    }

    /// `[m1, m2]` or `METRICS()`.
    fn several(&mut self, function: &str) -> Parsed<Vec<usize>> {
        let span = self.span();
        if matches!(self.peek(), Some(Word::Name("METRICS"))) {
            self.at += 1;
            self.expect("(")?;
            self.expect(")")?;
            let metrics = self.builder.known.iter().filter(|known| known.is_metric);
            return Ok(metrics.map(|known| known.node).collect());
        }
        if !self.take("[") {
            let message = format!(
                "`{function}` of one metric is a single number, not a series: give it a list such as \
                 `[m1, m2]`"
            );
            return Err(MathError::new(span, message));
        }
        let mut of = vec![self.either()?];
        while self.take(",") {
            of.push(self.either()?);
        }
        self.expect("]")?;
        Ok(of)
    }

    fn fill(&mut self, span: Range<usize>) -> Parsed<usize> {
        let of = self.either()?;
        if self.builder.constant[of] || self.builder.fills[of] {
            return Err(MathError::new(span, "`FILL` takes a metric without a `FILL` in it"));
        }
        self.expect(",")?;
        let negative = self.take("-");
        let fill = match self.peek().cloned() {
            Some(Word::Name("REPEAT")) if !negative => Fill::Repeat,
            Some(Word::Name("LINEAR")) if !negative => Fill::Linear,
            Some(Word::Number(value)) => Fill::Value(if negative { -value } else { value }),
            _ => return self.fail("expected `REPEAT`, `LINEAR` or a number here"),
        };
        self.at += 1;
        self.expect(")")?;
        self.push(Node::Fill(of, fill), span)
    }
}
