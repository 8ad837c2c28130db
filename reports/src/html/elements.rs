//! Building blocks of the pages. Every text from a scenario goes through [`escape`].

use std::fmt::Write as _;
use std::io;

use super::style::css;
use crate::plot::{self, Figure, Place};

/// `text` with the signs that mean something in HTML and XML replaced.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Neither HTML nor XML allows control characters; a tab or a line end is a space.
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A whole page. `body` is HTML.
pub(super) fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{}</title>\n<style>{}</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
        escape(title),
        css()
    )
}

/// A figure with its caption, drawn for wide and for narrow screens.
pub(super) fn figure<F: Figure>(figure: &F, caption: &str) -> io::Result<String> {
    let wide = plot::svg(figure, plot::WIDE, Place::Page)?;
    let narrow = plot::svg(figure, plot::NARROW, Place::Page)?;
    let title = escape(figure.title());
    Ok(format!(
        "<figure><figcaption><h3>{title}</h3><p>{}</p></figcaption>\n\
         <div class=\"wide\" role=\"img\" aria-label=\"Plot: {title}\">{}</div>\
         <div class=\"narrow\" role=\"img\" aria-label=\"Plot: {title}\">{}</div></figure>\n",
        escape(caption),
        wide.trim_end(),
        narrow.trim_end()
    ))
}

/// A cell of a table.
pub(super) enum Cell {
    /// Names its row.
    Head(String),
    /// A text.
    Text(String),
    /// A number, aligned to the right.
    Number(String),
    /// An instant.
    Time(String),
    /// A long text.
    Message(String),
    /// A share of a whole between 0 and 1, as a bar.
    Share(f64),
    /// A verdict, good or bad.
    Verdict(String, bool),
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn number(text: impl Into<String>) -> Self {
        Self::Number(text.into())
    }

    fn html(&self) -> String {
        match self {
            Self::Head(text) => format!("<th scope=\"row\">{}</th>", escape(text)),
            Self::Text(text) => format!("<td>{}</td>", escape(text)),
            Self::Number(text) => format!("<td class=\"num\">{}</td>", escape(text)),
            Self::Time(text) => format!("<td class=\"time\">{}</td>", escape(text)),
            Self::Message(text) => format!("<td class=\"message\">{}</td>", escape(text)),
            Self::Share(share) => {
                let percent = (share.clamp(0.0, 1.0) * 100.0).round();
                format!(
                    "<td class=\"share\"><span class=\"bar\" style=\"width:{percent}%\" aria-hidden=\"true\"></span></td>"
                )
            }
            Self::Verdict(text, good) => {
                format!(
                    "<td class=\"{}\">{}</td>",
                    if *good { "good" } else { "bad" },
                    escape(text)
                )
            }
        }
    }
}

/// A table with a caption, a note under it and named columns; empty without rows. A column whose name
/// begins with `#` holds numbers.
pub(super) fn table(caption: &str, note: &str, columns: &[&str], rows: &[Vec<Cell>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut html = format!(
        "<div class=\"sheet\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table><caption>{0}",
        escape(caption)
    );
    if !note.is_empty() {
        let _ = write!(html, "<span>{}</span>", escape(note));
    }
    html.push_str("</caption><thead><tr>");
    for column in columns {
        let (class, name) = match column.strip_prefix('#') {
            Some(name) => (" class=\"num\"", name),
            None => ("", *column),
        };
        let _ = write!(html, "<th scope=\"col\"{class}>{}</th>", escape(name));
    }
    html.push_str("</tr></thead><tbody>\n");
    for row in rows {
        html.push_str("<tr>");
        html.extend(row.iter().map(Cell::html));
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table></div>\n");
    html
}

/// A card of the first screen. `body` is HTML.
pub(super) fn card(title: &str, headline: &str, tone: &str, body: &str) -> String {
    // Figures stand large; a sentence needs more room.
    let long = if headline.chars().count() > 14 { " long" } else { "" };
    format!(
        "<section class=\"card\"><h2>{}</h2><p class=\"big{long} {tone}\">{}</p>{body}</section>\n",
        escape(title),
        escape(headline)
    )
}

/// A list; items are HTML.
pub(super) fn list(items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    format!("<ul><li>{}</li></ul>", items.join("</li><li>"))
}

/// Terms and their values, in a sheet.
pub(super) fn terms(pairs: &[(&str, String)]) -> String {
    let mut html = "<div class=\"sheet\"><dl>".to_owned();
    for (term, value) in pairs.iter().filter(|pair| !pair.1.is_empty()) {
        let _ = write!(html, "<dt>{}</dt><dd>{}</dd>", escape(term), escape(value));
    }
    html.push_str("</dl></div>\n");
    html
}

/// The first `shown` of `items` as a list, the rest behind a fold.
pub(crate) fn folded_list(items: &[String], shown: usize) -> String {
    let (first, rest) = items.split_at(shown.min(items.len()));
    let mut html = list(first);
    if !rest.is_empty() {
        let (number, rest) = (rest.len(), list(rest));
        let _ = write!(html, "<details><summary>{number} more</summary>{rest}</details>");
    }
    html
}

/// What the reader should know before using the figures; nothing if there is nothing.
pub(crate) fn caveats(warnings: &[String]) -> String {
    if warnings.is_empty() {
        return String::new();
    }
    let items: Vec<String> = warnings.iter().map(|warning| escape(warning)).collect();
    format!(
        "<h2>Before you rely on this</h2>\n<div class=\"sheet warn\" role=\"note\">{}</div>\n",
        list(&items)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_means_something() {
        assert_eq!(
            escape("<a href=\"x\">'&'\u{7}"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39; "
        );
        assert_eq!(escape("plain – ü"), "plain – ü");
    }

    #[test]
    fn tables_name_their_rows_and_columns() {
        let html =
            table("T <1>", "", &["a", "#b"], &[vec![Cell::Head("x&y".into()), Cell::number("1")]]);
        assert!(html.contains("<th scope=\"col\" class=\"num\">b</th>"));
        assert!(html.contains("<th scope=\"row\">x&amp;y</th><td class=\"num\">1</td>"));
        assert!(html.contains("T &lt;1&gt;"));
        assert_eq!(table("empty", "", &["a"], &[]), "");
    }
}
