//! Tables for people: columns as wide as their widest cell, two spaces between them.

use crate::report::escape;

/// Rows of cells.
#[derive(Default)]
pub struct Table {
    /// For each column, whether its cells end at the same place: numbers do.
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table whose columns are written `<` (text) or `>` (numbers).
    pub fn new(columns: &str) -> Table {
        Table { right: columns.chars().map(|column| column == '>').collect(), rows: Vec::new() }
    }

    /// Adds a row. A cell is one line, whatever name it shows.
    pub fn row<const N: usize>(&mut self, cells: [&str; N]) {
        self.rows.push(cells.iter().map(|cell| escape::line(cell).into_owned()).collect());
    }

    /// The table as text, each line after `indent`.
    pub fn render(&self, indent: &str) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.right.len()).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = indent.to_owned();
            for ((cell, width), right) in row.iter().zip(&widths).zip(&self.right) {
                let blank = " ".repeat(width - cell.chars().count());
                let (before, after) = if *right { (blank.as_str(), "") } else { ("", blank.as_str()) };
                line += &format!("{before}{cell}{after}  ");
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn texts_begin_and_numbers_end_at_the_same_place() {
        let mut table = Table::new("<><");
        table.row(["name", "size", ""]);
        table.row(["überlang", "5", "x"]);
        assert_eq!(table.render("  "), "  name      size\n  überlang     5  x\n");
    }
}
