//! Columns of plain text.

use unicode_width::UnicodeWidthStr;

/// Lines with aligned columns; no cell is cut and no line ends in blanks.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = header.iter().map(|&cell| cell.to_owned()).collect();
    let lines = || std::iter::once(&head).chain(rows);
    let widths: Vec<usize> = (0..header.len())
        .map(|column| {
            lines()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.width())
                .max()
                .unwrap_or(0)
        })
        .collect();
    lines().map(|row| line(row, &widths)).collect()
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut out = String::new();
    for (cell, width) in row.iter().zip(widths) {
        out.push_str(cell);
        out.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width()) + 2));
    }
    format!("{}\n", out.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_by_display_width() {
        let rows = [
            vec!["北".to_owned(), "x".to_owned()],
            vec!["abc".to_owned(), String::new()],
        ];
        assert_eq!(table(&["A", "B"], &rows), "A    B\n北   x\nabc\n");
    }
}
