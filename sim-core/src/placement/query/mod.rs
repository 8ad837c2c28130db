//! The cluster query language: expressions that select container instances.
//!
//! ```
//! use plimsoll_core::placement::{Attributes, Expression};
//!
//! let expression = Expression::parse("attribute:ecs.instance-type =~ g2.* and not(attribute:rack exists)")?;
//! let mut attributes = Attributes::default();
//! attributes.set("ecs.instance-type", "g2.2xlarge");
//! assert_eq!(expression.evaluate_static(&attributes), Some(true));
//! attributes.set("rack", "r1");
//! assert_eq!(expression.evaluate_static(&attributes), Some(false));
//! # Ok::<(), plimsoll_core::placement::QueryError>(())
//! ```
//!
//! An expression is parsed once (`lexer`, `parser` → `syntax`) and compiled once (`program`, with
//! `values` and `pattern` for what is more than text); evaluation allocates nothing, does not
//! recurse and is linear in the expression and in the values it looks at.
//!
//! Source: developer guide, *Create expressions to define container instances for Amazon ECS
//! tasks*. Its examples leave open, and this model chooses:
//!
//! * `not` binds tighter than `and`, `and` tighter than `or`;
//! * a regular expression must match the whole value;
//! * `agentVersion` compares number by number, `registeredAt` without a zone is UTC;
//! * `<` and its like compare an attribute as a number if both sides are numbers, else as text;
//! * a comparison with an attribute that is absent is false, and its negation true;
//! * `task:group` takes `==`, `!=`, `in` and `!in`, and only attributes take `exists`.

mod error;
mod lexer;
mod parser;
mod pattern;
mod program;
mod syntax;
#[cfg(test)]
mod tests;
mod values;

use std::borrow::Cow;
use std::fmt;

pub use error::QueryError;
pub use parser::{MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_LENGTH};

use super::attributes::Attributes;
use program::Program;
use syntax::Syntax;

/// What an expression can ask about a container instance.
pub trait InstanceFacts {
    /// The value of an attribute, built-in or custom; `None` if the instance has none of that name.
    fn attribute(&self, name: &str) -> Option<&str>;
    /// Whether the container agent is connected.
    fn agent_connected(&self) -> bool;
    /// Version of the container agent, for example `1.14.5`.
    fn agent_version(&self) -> &str;
    /// EC2 instance id.
    fn ec2_instance_id(&self) -> Cow<'_, str>;
    /// When the instance registered, in seconds since 1970-01-01T00:00:00Z.
    fn registered_at(&self) -> i64;
    /// Tasks on the instance.
    fn running_tasks_count(&self) -> u32;
    /// Whether the instance hosts a task of a task group (`service:…`, `family:…` or a name).
    fn hosts_group(&self, group: &str) -> bool;
}

/// A parsed and compiled expression of the cluster query language.
#[derive(Clone, Debug)]
pub struct Expression {
    text: Box<str>,
    syntax: Syntax,
    program: Program,
}

impl Expression {
    /// Parses and compiles an expression of at most [`MAX_EXPRESSION_LENGTH`] characters.
    ///
    /// # Errors
    /// The first mistake, with the bytes of `text` that are wrong.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let syntax = parser::parse(text)?;
        let program = Program::compile(&syntax)?;
        Ok(Self { text: text.into(), syntax, program })
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The answer for all instances with these attributes; `None` when it depends on the single
    /// instance (its agent, id, registration or tasks).
    pub fn evaluate_static(&self, attributes: &Attributes) -> Option<bool> {
        self.program.evaluate_static(attributes)
    }

    /// Whether the answer for an instance can change with the tasks on it.
    pub fn asks_for_tasks(&self) -> bool {
        self.program.asks_for_tasks()
    }

    /// Whether an instance is selected.
    pub fn matches(&self, instance: &dyn InstanceFacts) -> bool {
        self.program.matches(instance)
    }
}

impl PartialEq for Expression {
    /// Equal expressions have the same syntax tree; blanks and spellings do not matter.
    fn eq(&self, other: &Self) -> bool {
        self.syntax == other.syntax
    }
}

impl Eq for Expression {}

impl fmt::Display for Expression {
    /// The canonical spelling, which parses to an equal expression.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.syntax.fmt(f)
    }
}
