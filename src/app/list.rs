//! A position in a list whose rows come and go. The selection sticks to its row, not to its number.

use serde::{Deserialize, Serialize};

use super::rows::RowId;

/// Where the operator is in one list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The selected row, once there was one.
    pub row: Option<RowId>,
    /// Its place among the rows.
    pub index: usize,
    /// The first row on screen, as the last frame had it.
    pub offset: usize,
}

impl Cursor {
    /// Finds the selected row again after the rows changed; where it is gone, the row now in its place is selected. While
    /// nobody has moved, the first row stays selected.
    pub fn follow(&mut self, rows: &[RowId]) {
        let found = self
            .row
            .as_ref()
            .and_then(|row| rows.iter().position(|other| other == row));
        self.index = found.unwrap_or(self.index).min(rows.len().saturating_sub(1));
        if self.row.is_some() {
            self.row = rows.get(self.index).cloned();
        }
    }

    /// Selects by number, bounded by the rows there are.
    pub fn select(&mut self, index: usize, rows: &[RowId]) {
        self.index = index.min(rows.len().saturating_sub(1));
        self.row = rows.get(self.index).cloned();
    }

    /// The first row to show so that the selected one is among `visible` rows, moving as little as possible.
    pub fn offset_for(&self, visible: usize, total: usize) -> usize {
        scroll(self.offset, self.index, visible, total)
    }
}

/// The first of `total` rows to show so that `index` is among `visible` rows, close to `offset`.
pub fn scroll(offset: usize, index: usize, visible: usize, total: usize) -> usize {
    if visible == 0 {
        return 0;
    }
    let lowest = (index + 1).saturating_sub(visible);
    let last = total.saturating_sub(visible);
    offset.clamp(lowest, index.max(lowest)).min(last.max(lowest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Text;
    use proptest::prelude::*;

    fn rows(names: &[&str]) -> Vec<RowId> {
        names.iter().map(|name| RowId::Node(Text::new(name))).collect()
    }

    #[test]
    fn selection_sticks_to_its_row() {
        let mut cursor = Cursor::default();
        cursor.select(1, &rows(&["a", "b", "c"]));
        cursor.follow(&rows(&["0", "a", "b", "c"]));
        assert_eq!(cursor.index, 2);
        cursor.follow(&rows(&["0", "a"]));
        assert_eq!(cursor.row, Some(RowId::Node("a".into())));
        cursor.follow(&[]);
        assert_eq!((cursor.row, cursor.index), (None, 0));
    }

    #[test]
    fn untouched_list_stays_at_its_top() {
        let mut cursor = Cursor::default();
        cursor.follow(&rows(&["b"]));
        cursor.follow(&rows(&["a", "b"]));
        assert_eq!((cursor.row, cursor.index), (None, 0));
    }

    proptest! {
        #[test]
        fn selected_row_is_visible(offset in 0usize..300, index in 0usize..100, visible in 1usize..60, more in 0usize..50) {
            let total = index + 1 + more;
            let first = scroll(offset, index, visible, total);
            prop_assert!(first <= index && index < first + visible);
            prop_assert!(first == 0 || first + visible <= total);
        }
    }
}
