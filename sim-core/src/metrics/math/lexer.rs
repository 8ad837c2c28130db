//! The words of an expression.

use std::ops::Range;

use super::{MAX_MATH_LENGTH, MathError};

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word<'t> {
    Number(f64),
    Name(&'t str),
    Sign(&'static str),
}

/// A word and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Token<'t> {
    pub(super) word: Word<'t>,
    pub(super) span: Range<usize>,
}

/// Longer signs before their beginnings.
const SIGNS: [&str; 20] = [
    "<=", ">=", "==", "!=", "&&", "||", "<", ">", "+", "-", "*", "/", "^", "(", ")", "[", "]", ",",
    "\"", "'",
];

/// Splits an expression into words.
pub(super) fn words(text: &str) -> Result<Vec<Token<'_>>, MathError> {
    if MAX_MATH_LENGTH < text.len() {
        let message = format!("the expression is longer than {MAX_MATH_LENGTH} characters");
        return Err(MathError::new(0..0, message));
    }
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = |accept: fn(char) -> bool| rest.find(|c| !accept(c)).unwrap_or(rest.len());
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (word, length) = if first.is_ascii_digit() || first == '.' {
            let length = number_length(rest);
            let number = rest[..length].parse().map_err(|_| {
                MathError::new(at..at + length, format!("`{}` is not a number", &rest[..length]))
            })?;
            (Word::Number(number), length)
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length = length(|c| c.is_ascii_alphanumeric() || c == '_');
            (Word::Name(&rest[..length]), length)
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Word::Sign(sign), sign.len())
        } else {
            let message = format!("`{}` has no place in an expression", first.escape_debug());
            return Err(MathError::new(at..at + first.len_utf8(), message));
        };
        tokens.push(Token { word, span: at..at + length });
        at += length;
    }
    Ok(tokens)
}

/// Digits, a point, and an exponent.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let after_exponent = at > 0 && matches!(bytes[at - 1], b'e' | b'E');
        let digit = bytes[at].is_ascii_digit() || bytes[at] == b'.';
        let exponent = matches!(bytes[at], b'e' | b'E') && !after_exponent;
        let sign = matches!(bytes[at], b'+' | b'-') && after_exponent;
        if !(digit || exponent || sign) {
            break;
        }
        at += 1;
    }
    at
}
