//! The syntax tree of an expression, and its canonical spelling.

use std::fmt;
use std::ops::Range;

/// An expression as it was written, without superfluous parentheses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// At least two operands.
    Or(Vec<Syntax>),
    /// At least two operands.
    And(Vec<Syntax>),
    Not(Box<Syntax>),
    Compare(Comparison),
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Comparison {
    pub(super) subject: Subject,
    pub(super) operator: Operator,
    /// None for `exists`, any number for `in`, else one.
    pub(super) arguments: Vec<Argument>,
}

/// A value to compare with.
#[derive(Clone, Debug, Eq)]
pub(super) struct Argument {
    /// Without quotes.
    pub(super) text: String,
    /// Where it stands in the expression, without quotes.
    pub(super) span: Range<usize>,
}

impl PartialEq for Argument {
    /// Arguments are equal wherever they stand.
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// What is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    AgentConnected,
    AgentVersion,
    Ec2InstanceId,
    RegisteredAt,
    RunningTasksCount,
    TaskGroup,
    Attribute(String),
}

/// How it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equals,
    NotEquals,
    GreaterThan,
    GreaterThanEqual,
    LessThan,
    LessThanEqual,
    Exists,
    NotExists,
    In,
    NotIn,
    Matches,
    NotMatches,
}

use Operator::{
    Equals, Exists, GreaterThan, GreaterThanEqual, In, LessThan, LessThanEqual, Matches, NotEquals,
    NotExists, NotIn, NotMatches,
};

/// Both spellings of every operator.
const OPERATORS: [(Operator, &str, &str); 12] = [
    (Equals, "==", "equals"),
    (NotEquals, "!=", "not_equals"),
    (GreaterThan, ">", "greater_than"),
    (GreaterThanEqual, ">=", "greater_than_equal"),
    (LessThan, "<", "less_than"),
    (LessThanEqual, "<=", "less_than_equal"),
    (Exists, "exists", "exists"),
    (NotExists, "!exists", "not_exists"),
    (In, "in", "in"),
    (NotIn, "!in", "not_in"),
    (Matches, "=~", "matches"),
    (NotMatches, "!~", "not_matches"),
];

const ORDER: [Operator; 6] =
    [Equals, NotEquals, GreaterThan, GreaterThanEqual, LessThan, LessThanEqual];
const CHOICE: [Operator; 6] = [Equals, NotEquals, In, NotIn, Matches, NotMatches];
const GROUP: [Operator; 4] = [Equals, NotEquals, In, NotIn];
const ALL: [Operator; 12] = [
    Equals,
    NotEquals,
    GreaterThan,
    GreaterThanEqual,
    LessThan,
    LessThanEqual,
    Exists,
    NotExists,
    In,
    NotIn,
    Matches,
    NotMatches,
];

impl Operator {
    /// The operator spelled in words.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        OPERATORS.iter().find(|it| it.2 == word).map(|it| it.0)
    }

    /// The spellings in words.
    pub(super) fn words() -> impl Iterator<Item = &'static str> {
        OPERATORS.iter().map(|it| it.2)
    }

    /// The shorter spelling.
    pub(super) fn symbol(self) -> &'static str {
        OPERATORS.iter().find(|it| it.0 == self).map_or("", |it| it.1)
    }

    /// The positive operator of which this is the negation.
    pub(super) fn negates(self) -> Option<Self> {
        match self {
            NotEquals => Some(Equals),
            NotExists => Some(Exists),
            NotIn => Some(In),
            NotMatches => Some(Matches),
            _ => None,
        }
    }
}

impl Subject {
    /// The subjects with a fixed name.
    pub(super) const NAMED: [(&'static str, Subject); 6] = [
        ("agentConnected", Subject::AgentConnected),
        ("agentVersion", Subject::AgentVersion),
        ("ec2InstanceId", Subject::Ec2InstanceId),
        ("registeredAt", Subject::RegisteredAt),
        ("runningTasksCount", Subject::RunningTasksCount),
        ("task:group", Subject::TaskGroup),
    ];

    /// The operators that the subject takes. ECS lists none for `task:group`: those that ask
    /// whether the instance hosts a named group make sense.
    pub(super) fn operators(&self) -> &'static [Operator] {
        match self {
            Self::AgentVersion | Self::RegisteredAt | Self::RunningTasksCount => &ORDER,
            Self::AgentConnected | Self::Ec2InstanceId => &CHOICE,
            Self::TaskGroup => &GROUP,
            Self::Attribute(_) => &ALL,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Attribute(name) = self {
            return write!(f, "attribute:{name}");
        }
        let named = Self::NAMED.iter().find(|(_, subject)| subject == self);
        f.write_str(named.map_or("", |(name, _)| name))
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.subject, self.operator.symbol())?;
        if matches!(self.operator, In | NotIn) {
            for (i, argument) in self.arguments.iter().enumerate() {
                write!(f, "{}'{}'", if i == 0 { " [" } else { ", " }, argument.text)?;
            }
            f.write_str("]")
        } else {
            self.arguments.iter().try_for_each(|argument| write!(f, " '{}'", argument.text))
        }
    }
}

impl fmt::Display for Syntax {
    /// The canonical spelling: symbols, words for the connectives, every value in quotes, and no
    /// parentheses but those that keep the tree. It parses to the same tree.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (operands, connective) = match self {
            Self::Or(operands) => (operands, " or "),
            Self::And(operands) => (operands, " and "),
            Self::Not(operand) => {
                return match **operand {
                    Self::Or(_) | Self::And(_) => write!(f, "not ({operand})"),
                    Self::Not(_) | Self::Compare(_) => write!(f, "not {operand}"),
                };
            }
            Self::Compare(comparison) => return comparison.fmt(f),
        };
        for (i, operand) in operands.iter().enumerate() {
            if 0 < i {
                f.write_str(connective)?;
            }
            match (self, operand) {
                (_, Self::Or(_)) | (Self::And(_), Self::And(_)) => write!(f, "({operand})")?,
                _ => operand.fmt(f)?,
            }
        }
        Ok(())
    }
}
