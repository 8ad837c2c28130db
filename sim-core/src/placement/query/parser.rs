//! From tokens to the syntax tree.
//!
//! ```text
//! or         := and { ("or" | "||") and }
//! and        := unary { ("and" | "&&") unary }
//! unary      := ("not" | "!") unary | "(" or ")" | comparison
//! comparison := subject operator [ value | "[" value { "," value } "]" ]
//! ```
//!
//! `not` binds tighter than `and`, `and` tighter than `or`: ECS's examples do not say.

use super::error::{QueryError, nearest};
use super::lexer::{Token, TokenKind, tokens};
use super::syntax::{Argument, Comparison, Operator, Subject, Syntax};
use crate::placement::attributes::{BUILT_IN, check_attribute_name};

/// Characters of an expression that ECS accepts.
pub const MAX_EXPRESSION_LENGTH: usize = 2000;

/// Parentheses and negations inside each other that are accepted. ECS states no limit; this one
/// keeps the parser's stack small.
pub const MAX_EXPRESSION_DEPTH: usize = 64;

/// Parses an expression; its values are not looked at yet.
pub(super) fn parse(text: &str) -> Result<Syntax, QueryError> {
    if let Some((end, _)) = text.char_indices().nth(MAX_EXPRESSION_LENGTH) {
        let message = format!("expected at most {MAX_EXPRESSION_LENGTH} characters");
        return Err(QueryError::new(end..text.len(), message));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, next: 0, end: text.len(), depth: 0 };
    let syntax = parser.or()?;
    match parser.peek() {
        None => Ok(syntax),
        Some(_) => Err(parser.after_expression("the end")),
    }
}

struct Parser<'a, 't> {
    tokens: &'a [Token<'t>],
    next: usize,
    /// Length of the expression.
    end: usize,
    depth: usize,
}

impl<'a, 't> Parser<'a, 't> {
    fn peek(&self) -> Option<TokenKind<'t>> {
        self.tokens.get(self.next).map(|token| token.kind)
    }

    fn take(&mut self) -> Option<&'a Token<'t>> {
        let token = self.tokens.get(self.next);
        self.next += usize::from(token.is_some());
        token
    }

    fn takes(&mut self, accept: impl Fn(TokenKind<'t>) -> bool) -> bool {
        let accepted = self.peek().is_some_and(accept);
        self.next += usize::from(accepted);
        accepted
    }

    /// The next token is not what was expected.
    fn expected(&self, what: &str) -> QueryError {
        match self.tokens.get(self.next) {
            Some(token) => QueryError::new(token.span.clone(), format!("expected {what}")),
            None => QueryError::new(self.end..self.end, format!("expected {what}, found the end")),
        }
    }

    /// The token after a complete expression connects nothing. `close` may also follow.
    fn after_expression(&self, close: &str) -> QueryError {
        let touches = self.next.checked_sub(1).is_some_and(|last| {
            self.tokens.get(self.next).is_some_and(|it| it.span.start == self.tokens[last].span.end)
        });
        let (before, after) = (self.next.checked_sub(1).map(|i| self.tokens[i].kind), self.peek());
        let error = self.expected(&format!("`and`, `or` or {close}"));
        match (before, after) {
            // `t[23].small`, `m5 (a)`: signs that a bare value cannot have.
            (Some(TokenKind::Word(_)), Some(TokenKind::Open | TokenKind::OpenList)) if touches => {
                let message = "a value with brackets or parentheses must be in quotes (`'…'`)";
                QueryError::new(error.span(), message)
            }
            (_, Some(TokenKind::Word(word))) => error.suggest(nearest(word, ["and", "or"])),
            _ => error,
        }
    }

    fn or(&mut self) -> Result<Syntax, QueryError> {
        let mut operands = vec![self.and()?];
        while self.takes(|it| matches!(it, TokenKind::Or | TokenKind::Word("or"))) {
            operands.push(self.and()?);
        }
        Ok(if operands.len() == 1 { operands.remove(0) } else { Syntax::Or(operands) })
    }

    fn and(&mut self) -> Result<Syntax, QueryError> {
        let mut operands = vec![self.unary()?];
        while self.takes(|it| matches!(it, TokenKind::And | TokenKind::Word("and"))) {
            operands.push(self.unary()?);
        }
        Ok(if operands.len() == 1 { operands.remove(0) } else { Syntax::And(operands) })
    }

    fn unary(&mut self) -> Result<Syntax, QueryError> {
        let negated = self.takes(|it| matches!(it, TokenKind::Not | TokenKind::Word("not")));
        if !negated && !self.takes(|it| it == TokenKind::Open) {
            return self.comparison().map(Syntax::Compare);
        }
        if self.depth == MAX_EXPRESSION_DEPTH {
            self.next -= 1;
            return Err(self.expected(&format!(
                "at most {MAX_EXPRESSION_DEPTH} parentheses and negations inside each other"
            )));
        }
        self.depth += 1;
        let inner = if negated {
            Syntax::Not(Box::new(self.unary()?))
        } else {
            let inner = self.or()?;
            if !self.takes(|it| it == TokenKind::Close) {
                return Err(self.after_expression("a closing `)`"));
            }
            inner
        };
        self.depth -= 1;
        Ok(inner)
    }

    fn comparison(&mut self) -> Result<Comparison, QueryError> {
        let subject = self.subject()?;
        let operator = self.operator(&subject)?;
        let arguments = match operator {
            Operator::Exists | Operator::NotExists => Vec::new(),
            Operator::In | Operator::NotIn => self.list()?,
            _ => vec![self.value()?],
        };
        Ok(Comparison { subject, operator, arguments })
    }

    fn subject(&mut self) -> Result<Subject, QueryError> {
        let expected = "a subject (`attribute:…`, `task:group`, `runningTasksCount`, …)";
        let Some(TokenKind::Word(word)) = self.peek() else { return Err(self.expected(expected)) };
        let named = Subject::NAMED.into_iter().find(|(name, _)| *name == word);
        let subject = if let Some((_, subject)) = named {
            subject
        } else if let Some(name) = word.strip_prefix("attribute:") {
            let span = self.tokens[self.next].span.clone();
            check_attribute_name(name).map_err(|it| QueryError::new(span, it.to_string()))?;
            Subject::Attribute(name.to_owned())
        } else {
            let names = Subject::NAMED.iter().map(|(name, _)| *name);
            let suggestion = nearest(word, BUILT_IN)
                .map(|name| format!("attribute:{name}"))
                .or_else(|| nearest(word, names).map(str::to_owned));
            return Err(self.expected(expected).suggest(suggestion));
        };
        self.next += 1;
        Ok(subject)
    }

    fn operator(&mut self, subject: &Subject) -> Result<Operator, QueryError> {
        let allowed = subject.operators();
        let operator = match self.peek() {
            Some(TokenKind::Sign(sign)) => Some(sign),
            Some(TokenKind::Word(word)) => Operator::from_word(word),
            _ => None,
        };
        let operator = match (operator, self.peek()) {
            (Some(operator), _) => operator,
            (None, Some(TokenKind::Word(word))) => {
                let suggestion = nearest(word, Operator::words());
                return Err(self.expected("an operator").suggest(suggestion));
            }
            (None, _) => return Err(self.expected("an operator")),
        };
        if !allowed.contains(&operator) {
            let symbols: Vec<_> = allowed.iter().map(|it| format!("`{}`", it.symbol())).collect();
            return Err(
                self.expected(&format!("an operator of `{subject}`: {}", symbols.join(", ")))
            );
        }
        self.next += 1;
        Ok(operator)
    }

    fn value(&mut self) -> Result<Argument, QueryError> {
        match self.peek() {
            Some(TokenKind::Word(word @ ("and" | "or" | "not"))) => {
                let error = self.expected("a value (a connective is no value without quotes)");
                Err(error.suggest(Some(format!("'{word}'"))))
            }
            Some(TokenKind::Word(text) | TokenKind::Quoted(text)) => {
                let Some(token) = self.take() else { return Err(self.expected("a value")) };
                let quote = usize::from(matches!(token.kind, TokenKind::Quoted(_)));
                let span = token.span.start + quote..token.span.end - quote;
                Ok(Argument { text: text.to_owned(), span })
            }
            Some(TokenKind::OpenList) => Err(self.expected("one value; lists belong to `in`")),
            _ => Err(self.expected("a value")),
        }
    }

    fn list(&mut self) -> Result<Vec<Argument>, QueryError> {
        if !self.takes(|it| it == TokenKind::OpenList) {
            return Err(self.expected("a list (`[a, b]`)"));
        }
        let mut values = vec![self.value()?];
        while self.takes(|it| it == TokenKind::Comma) {
            values.push(self.value()?);
        }
        if !self.takes(|it| it == TokenKind::CloseList) {
            return Err(self.expected("`,` or `]`"));
        }
        Ok(values)
    }
}
