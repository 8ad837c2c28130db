//! Java regular expressions, as far as linear time allows.
//!
//! ECS takes the syntax of `java.util.regex`. What needs backtracking (look-around, back
//! references, possessive and atomic groups) is refused; so is what the two dialects write alike
//! and mean differently, since the wrong instances would be chosen silently. Values are ASCII, and
//! classes such as `\w` mean ASCII in both.

use std::fmt;
use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

use super::error::QueryError;

/// Bytes that a compiled expression may take: far more than any value of 128 characters asks for.
const SIZE_LIMIT: usize = 512 << 10;

/// Groups inside each other.
const NEST_LIMIT: u32 = 32;

/// A compiled regular expression that must match the whole value.
#[derive(Clone)]
pub(super) struct Pattern {
    source: Box<str>,
    regex: Regex,
}

impl Pattern {
    /// Compiles `source`, which stands at byte `at` of the expression.
    pub(super) fn compile(source: &str, at: usize) -> Result<Self, QueryError> {
        let whole = at..at + source.len();
        if let Some((range, message)) = foreign(source) {
            return Err(QueryError::new(at + range.start..at + range.end, message));
        }
        // Alone first: `a)(b` would be well-formed between the anchors.
        build(source).map_err(|error| refusal(&error, whole.clone()))?;
        let regex = build(&format!(r"\A(?:{source})\z")).map_err(|error| refusal(&error, whole))?;
        Ok(Self { source: source.into(), regex })
    }

    /// Whether the whole of `value` matches. Linear in its length.
    pub(super) fn matches(&self, value: &str) -> bool {
        self.regex.is_match(value.as_bytes())
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.source, f)
    }
}

fn build(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).unicode(false).size_limit(SIZE_LIMIT).nest_limit(NEST_LIMIT).build()
}

fn refusal(error: &regex::Error, span: Range<usize>) -> QueryError {
    let message = match error {
        regex::Error::CompiledTooBig(_) => {
            "the regular expression is too large: its repetitions multiply".to_owned()
        }
        error => {
            // The last line says what is wrong; those before it draw the expression.
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            let reason = last.strip_prefix("error: ").unwrap_or(last);
            format!("not a regular expression that is supported: {reason}")
        }
    };
    QueryError::new(span, message)
}

/// The first construct that Java has and this dialect lacks, or that means something else here.
fn foreign(pattern: &str) -> Option<(Range<usize>, String)> {
    let bytes = pattern.as_bytes();
    let mut at = 0;
    let mut classes = 0u32;
    while let Some(&byte) = bytes.get(at) {
        // Inside a character that is not ASCII there is nothing to find.
        let Some(rest) = pattern.get(at..) else {
            at += 1;
            continue;
        };
        let lacks = |length: usize, what: &str| {
            let end = (at + length).min(pattern.len());
            Some((at..end, format!("{what} are not supported in regular expressions")))
        };
        match byte {
            b'\\' => {
                let escaped = rest[1..].chars().next()?;
                match escaped {
                    '1'..='9' | 'k' => return lacks(2, "back references"),
                    'Q' | 'E' => return lacks(2, "quotations (`\\Q…\\E`)"),
                    'p' | 'P' => return lacks(2, "named classes (`\\p{…}`)"),
                    '0' => return lacks(2, "octal escapes"),
                    'b' if rest[2..].starts_with('{') => return lacks(3, "kinds of boundaries"),
                    'G' | 'Z' | 'R' | 'X' | 'h' | 'H' | 'v' | 'V' | 'N' | 'c' | 'e' | 'U' | '<'
                    | '>' => {
                        return lacks(2, &format!("`\\{escaped}` and its like"));
                    }
                    _ => at += 1 + escaped.len_utf8(),
                }
                continue;
            }
            b'[' => {
                if 0 < classes && rest.starts_with("[:") {
                    return lacks(2, "POSIX classes");
                }
                classes += 1;
                // A bracket that comes first is an ordinary character.
                at += usize::from(rest[1..].starts_with('^'));
                at += usize::from(bytes.get(at + 1) == Some(&b']'));
            }
            b']' => classes = classes.saturating_sub(1),
            b'-' | b'~' if 0 < classes && bytes.get(at + 1) == Some(&byte) => {
                return lacks(2, &format!("`{0}{0}` in classes", char::from(byte)));
            }
            b'(' if classes == 0 && rest.starts_with("(?") => {
                if ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|it| rest.starts_with(it)) {
                    return lacks(3, "look-ahead and look-behind");
                } else if rest.starts_with("(?>") {
                    return lacks(3, "atomic groups");
                }
                let flags = rest[2..].find(|c: char| !c.is_ascii_alphabetic() && c != '-');
                let flags = &rest[2..2 + flags.unwrap_or(rest.len() - 2)];
                if let Some(position) = flags.find(|c: char| !"ims-".contains(c)) {
                    return lacks(3 + position, "flags other than `i`, `m` and `s`");
                }
            }
            b'{' if classes == 0 && rest.starts_with("{,") => {
                return lacks(2, "repetitions without a lower bound");
            }
            _ => {}
        }
        at += 1;
        if classes == 0 && b"*+?}".contains(&byte) && bytes.get(at) == Some(&b'+') {
            let message = "possessive repetitions are not supported in regular expressions";
            return Some((at..at + 1, message.to_owned()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, matching: &[&str], other: &[&str]) {
        let compiled = Pattern::compile(pattern, 0).unwrap();
        for value in matching {
            assert!(compiled.matches(value), "`{pattern}` should match `{value}`");
        }
        for value in other {
            assert!(!compiled.matches(value), "`{pattern}` should not match `{value}`");
        }
    }

    #[test]
    fn the_whole_value_must_match() {
        check("t2.*", &["t2.small", "t2"], &["xt2.small"]);
        check("t2", &["t2"], &["t2.small", "at2"]);
        // Leftmost-first alternatives must not hide the longer one.
        check("t2|t2.small", &["t2", "t2.small"], &["t2.smal"]);
        check("^t2$", &["t2"], &["t2\n"]);
    }

    #[test]
    fn what_both_dialects_share() {
        check(r"[cm]\d+g?\.(?:x?large|\d+xlarge)", &["c5.large", "m7g.16xlarge"], &["r5.large"]);
        check("(?i)M5.*", &["m5.large"], &[]);
        check("[a-z&&[^m]]5.*", &["c5.large"], &["m5.large"]);
        check("[]a]+", &["a]a"], &["b"]);
        check(r"(?<family>[a-z]+)\d\w*", &["m5n"], &["5"]);
        check(r"a{2,3}?", &["aa", "aaa"], &["a", "aaaa"]);
        check(r"\x41\u0042\-", &["AB-"], &["AB"]);
        check("a{1000}", &[&"a".repeat(1000)], &["a"]);
    }

    #[track_caller]
    fn refused(pattern: &str, span: Range<usize>, words: &str) {
        let error = Pattern::compile(pattern, 100).unwrap_err();
        assert_eq!(error.span(), span.start + 100..span.end + 100, "{pattern}: {error}");
        assert!(error.message().contains(words), "{pattern}: {error}");
    }

    #[test]
    fn what_java_alone_has_is_refused_where_it_stands() {
        refused("t2(?=x)", 2..5, "look-ahead and look-behind are not supported");
        refused("t2(?<!x)", 2..5, "look-ahead");
        refused(r"(a)\1", 3..5, "back references are not supported");
        refused(r"(?<n>a)\k<n>", 7..9, "back references");
        refused("a*+b", 2..3, "possessive");
        refused("a{2}+b", 4..5, "possessive");
        refused("(?>a)", 0..3, "atomic groups");
        refused(r"\Qa.b\E", 0..2, "quotations");
        refused(r"\p{Alpha}", 0..2, "named classes");
        refused("(?x)a b", 0..3, "flags");
        refused("(?i-u:a)", 0..5, "flags");
        refused("(?P<n>a)", 0..3, "flags");
        refused("[[:alpha:]]", 1..3, "POSIX");
        refused("[a-c--b]", 4..6, "`--` in classes");
        refused("[]a~~b]", 3..5, "`~~` in classes");
        refused("é-ü++", 6..7, "possessive");
        refused(r"\h", 0..2, r"`\h` and its like");
        refused("a{,3}", 1..3, "lower bound");
    }

    #[test]
    fn what_neither_has_is_refused() {
        refused("a(", 0..2, "not a regular expression that is supported: unclosed group");
        refused("a)(b", 0..4, "unopened group");
        refused("*", 0..1, "repetition operator missing expression");
        refused(r"a\", 0..2, "incomplete escape");
    }

    #[test]
    fn size_and_nesting_are_bounded() {
        refused("(a{1000}){1000}", 0..15, "too large");
        refused("((a{1000}){1000}){1000}", 0..23, "too large");
        let nested = format!("{}a{}", "(".repeat(200), ")".repeat(200));
        refused(&nested, 0..401, "not a regular expression that is supported");
    }

    #[test]
    fn a_pattern_that_defeats_backtracking_takes_linear_time() {
        let value = "a".repeat(128);
        check("(a|a)*b", &[], &[&value]);
        check("(a*)*b", &[], &[&value]);
        check("(.*.*.*.*.*)*=", &[], &[&value]);
    }
}
