//! The words and signs of an expression.

use std::ops::Range;

use super::error::QueryError;
use super::syntax::Operator;

/// A word or sign and the bytes it stands at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) kind: TokenKind<'t>,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind<'t> {
    /// A subject, connective, operator in words or bare value.
    Word(&'t str),
    /// A value in quotes, without them. The token's span includes them.
    Quoted(&'t str),
    /// An operator in signs, also `!in` and `!exists`.
    Sign(Operator),
    /// `&&`.
    And,
    /// `||`.
    Or,
    /// `!` before an expression.
    Not,
    /// `(`.
    Open,
    /// `)`.
    Close,
    /// `[`.
    OpenList,
    /// `]`.
    CloseList,
    /// `,`.
    Comma,
}

/// Splits an expression. Linear in its length.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, QueryError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (kind, length) = token(text, at, first)?;
        tokens.push(Token { kind, span: at..at + length });
        at += length;
    }
    Ok(tokens)
}

/// The token at byte `at`, which begins with `first`, and its length.
fn token(text: &str, at: usize, first: char) -> Result<(TokenKind<'_>, usize), QueryError> {
    let rest = &text[at..];
    for (sign, kind) in [
        ("(", TokenKind::Open),
        (")", TokenKind::Close),
        ("[", TokenKind::OpenList),
        ("]", TokenKind::CloseList),
        (",", TokenKind::Comma),
        ("==", TokenKind::Sign(Operator::Equals)),
        ("=~", TokenKind::Sign(Operator::Matches)),
        ("!=", TokenKind::Sign(Operator::NotEquals)),
        ("!~", TokenKind::Sign(Operator::NotMatches)),
        (">=", TokenKind::Sign(Operator::GreaterThanEqual)),
        (">", TokenKind::Sign(Operator::GreaterThan)),
        ("<=", TokenKind::Sign(Operator::LessThanEqual)),
        ("<", TokenKind::Sign(Operator::LessThan)),
        ("&&", TokenKind::And),
        ("||", TokenKind::Or),
    ] {
        if rest.starts_with(sign) {
            return Ok((kind, sign.len()));
        }
    }
    match first {
        '!' => {
            let (kind, word) = match word(&rest[1..]) {
                "in" => (TokenKind::Sign(Operator::NotIn), 2),
                "exists" => (TokenKind::Sign(Operator::NotExists), 6),
                _ => (TokenKind::Not, 0),
            };
            Ok((kind, 1 + word))
        }
        '\'' => match rest[1..].find('\'') {
            Some(0) => Err(QueryError::new(at..at + 2, "expected a value between the quotes")),
            Some(length) => Ok((TokenKind::Quoted(&rest[1..=length]), length + 2)),
            None => Err(QueryError::new(at..text.len(), "expected a closing `'`")),
        },
        '"' => {
            let inner = &rest[1..rest[1..].find('"').map_or(rest.len(), |end| end + 1)];
            let length = (inner.len() + 2).min(rest.len());
            let error =
                QueryError::new(at..at + length, "a value is quoted with `'`, not with `\"`");
            let quotable = !inner.is_empty() && !inner.contains('\'');
            Err(error.suggest(quotable.then(|| format!("'{inner}'"))))
        }
        '=' => Err(QueryError::new(at..at + 1, "expected an operator").suggest(Some("=="))),
        _ => {
            // Not empty: every character that ends a word begins a token above.
            let word = word(rest);
            Ok((TokenKind::Word(word), word.len()))
        }
    }
}

/// The bare word at the start of `rest`: up to a blank, a bracket, a quote or an operator. One `|`
/// or `&` belongs to the word (regular expressions have them), two are a connective.
fn word(rest: &str) -> &str {
    let ends = |(i, c): &(usize, char)| match c {
        '(' | ')' | '[' | ']' | ',' | '\'' | '"' | '=' | '!' | '<' | '>' => true,
        '&' | '|' => rest[i + 1..].starts_with(*c),
        c => c.is_whitespace(),
    };
    &rest[..rest.char_indices().find(ends).map_or(rest.len(), |(end, _)| end)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind<'_>> {
        tokens(text).unwrap().into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn blanks_between_tokens_are_optional() {
        let expected = [
            TokenKind::Not,
            TokenKind::Open,
            TokenKind::Word("attribute:a"),
            TokenKind::Sign(Operator::Equals),
            TokenKind::Word("b"),
            TokenKind::Close,
            TokenKind::And,
            TokenKind::Word("task:group"),
            TokenKind::Sign(Operator::NotIn),
            TokenKind::OpenList,
            TokenKind::Quoted("c d"),
            TokenKind::Comma,
            TokenKind::Word("e"),
            TokenKind::CloseList,
        ];
        assert_eq!(kinds("!(attribute:a==b)&&task:group !in['c d',e]"), expected);
        assert_eq!(kinds(" ! ( attribute:a == b )\n&& task:group !in [ 'c d' , e ] "), expected);
    }

    #[test]
    fn one_bar_belongs_to_the_word_and_two_connect() {
        assert_eq!(
            kinds("t2.*|t3.*||x"),
            [TokenKind::Word("t2.*|t3.*"), TokenKind::Or, TokenKind::Word("x")]
        );
    }

    #[test]
    fn a_word_that_begins_with_in_is_no_operator() {
        assert_eq!(kinds("!inside"), [TokenKind::Not, TokenKind::Word("inside")]);
        assert_eq!(kinds("!exists"), [TokenKind::Sign(Operator::NotExists)]);
    }

    #[test]
    fn spans_are_bytes() {
        let found = tokens("é  'ü'").unwrap();
        assert_eq!((found[0].span.clone(), found[1].span.clone()), (0..2, 4..8));
    }

    #[track_caller]
    fn refused(text: &str, span: Range<usize>, message: &str) {
        let error = tokens(text).unwrap_err();
        assert_eq!((error.span(), error.to_string().as_str()), (span, message));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        refused("a = b", 2..3, "expected an operator; did you mean `==`?");
        refused("a == 'b", 5..7, "expected a closing `'`");
        refused("a == ''", 5..7, "expected a value between the quotes");
        refused(
            "a == \"b\"",
            5..8,
            "a value is quoted with `'`, not with `\"`; did you mean `'b'`?",
        );
        refused("a == \"", 5..6, "a value is quoted with `'`, not with `\"`");
    }
}
