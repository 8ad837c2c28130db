//! Pages: one self-contained file each, no script, no request.

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
            // Control characters are not allowed in either; a tab or a line end is a space.
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
