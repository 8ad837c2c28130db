//! Plain text tables.

/// Which way a column leans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table of text with a line of headings.
pub(super) struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns and no rows.
    pub(super) fn new<T: Into<String>>(columns: impl IntoIterator<Item = (T, Align)>) -> Self {
        let columns = columns.into_iter().map(|(name, align)| (name.into(), align)).collect();
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row; missing cells are empty.
    pub(super) fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// The table as text, two spaces between columns, nothing after the last one.
    pub(super) fn render(&self) -> String {
        let headings: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let lines = || std::iter::once(&headings).chain(&self.rows);
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| lines().map(|row| width(row, column)).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for row in lines() {
            let mut line = String::new();
            for (column, (_, align)) in self.columns.iter().enumerate() {
                if 0 < column {
                    line.push_str("  ");
                }
                let cell = row.get(column).map_or("", String::as_str);
                let blank = " ".repeat(widths[column] - cell.chars().count());
                match align {
                    Align::Left => line.extend([cell, &blank]),
                    Align::Right => line.extend([&blank, cell]),
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

fn width(row: &[String], column: usize) -> usize {
    row.get(column).map_or(0, |cell| cell.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_where_the_text_ends() {
        let mut table =
            Table::new([("type", Align::Left), ("vCPU", Align::Right), ("note", Align::Left)]);
        table.row(["m7g.large", "2", ""]);
        table.row(["c7i.48xlarge", "192", "größte"]);
        let expected = "\
type          vCPU  note
m7g.large        2
c7i.48xlarge   192  größte
";
        assert_eq!(table.render(), expected);
    }
}
