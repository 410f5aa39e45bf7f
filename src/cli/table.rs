//! Tables for people. Columns are as wide as their widest cell, with two spaces between them.

use crate::report::escape;
use crate::report::text::{Style, Text};

/// Rows of cells.
#[derive(Default)]
pub struct Table {
    /// For each column, whether it is right-aligned.
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
    /// Whether the first row is the titles of the columns.
    has_heading: bool,
}

impl Table {
    /// A table with these columns: `<` is left-aligned (text), `>` right-aligned (numbers).
    pub fn new(columns: &str) -> Table {
        let right = columns.chars().map(|column| column == '>').collect();
        Table { right, rows: Vec::new(), has_heading: false }
    }

    /// Adds the titles of the columns. They come first.
    pub fn heading<const N: usize>(&mut self, titles: [&str; N]) {
        self.has_heading = true;
        self.row(titles);
    }

    /// Adds a row. Cells are escaped and stay on one line.
    pub fn row<const N: usize>(&mut self, cells: [&str; N]) {
        self.rows.push(cells.iter().map(|cell| escape::line(cell).into_owned()).collect());
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Renders the table, each line indented by `indent`.
    pub fn render(&self, indent: &str) -> Text {
        let mut widths = vec![0; self.right.len()];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = Text::new();
        for (index, row) in self.rows.iter().enumerate() {
            let mut line = indent.to_owned();
            for ((cell, width), right) in row.iter().zip(&widths).zip(&self.right) {
                let blank = " ".repeat(width - cell.chars().count());
                let (before, after) = if *right { (blank.as_str(), "") } else { ("", blank.as_str()) };
                line += &format!("{before}{cell}{after}  ");
            }
            let style = if index == 0 && self.has_heading { Style::Heading } else { Style::Plain };
            text.push_styled(style, line.trim_end());
            text.push("\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new("<><");
        table.heading(["name", "size", ""]);
        table.row(["überlang", "5", "x"]);
        assert_eq!(table.render("  ").plain(), "  name      size\n  überlang     5  x\n");
    }
}
