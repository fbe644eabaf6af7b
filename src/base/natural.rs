//! The order in which people look for names: `nbe-2` before `nbe-10`.

use std::cmp::Ordering;

/// A text that is ordered by its words and numbers. Texts that read alike (`n1`, `n01`) are ordered by their bytes, so that
/// only equal ones compare as equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Natural<T>(pub T);

impl<T: AsRef<str> + Eq> Ord for Natural<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.0.as_ref(), other.0.as_ref())
    }
}

impl<T: AsRef<str> + Eq> PartialOrd for Natural<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn compare(a: &str, b: &str) -> Ordering {
    // Most names that are compared stand in one namespace.
    if a == b {
        return Ordering::Equal;
    }
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    while let ([x, left_rest @ ..], [y, right_rest @ ..]) = (left, right) {
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (number, other);
            (number, left) = split_number(left);
            (other, right) = split_number(right);
            number.len().cmp(&other.len()).then_with(|| number.cmp(other))
        } else {
            (left, right) = (left_rest, right_rest);
            x.cmp(y)
        };
        if order.is_ne() {
            return order;
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// The digits at the beginning, without leading zeros, and what follows them. Of any length: no number overflows.
fn split_number(text: &[u8]) -> (&[u8], &[u8]) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at(digits);
    let zeros = number.iter().take_while(|digit| **digit == b'0').count();
    (number.get(zeros..).unwrap_or_default(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_count_as_numbers() {
        let mut names = [
            "nbe-10",
            "nbe-2",
            "nbe",
            "10.77.0.12",
            "10.77.0.9",
            "nbe-2a",
            "nbe-002",
            "n99999999999999999999",
        ];
        names.sort_by_key(|name| Natural(*name));
        let expected = [
            "10.77.0.9",
            "10.77.0.12",
            "n99999999999999999999",
            "nbe",
            "nbe-002",
            "nbe-2",
            "nbe-2a",
            "nbe-10",
        ];
        assert_eq!(names, expected);
    }

    proptest! {
        #[test]
        fn it_is_one_order(mut names in proptest::collection::vec("[a0-2.-]{0,6}", 3)) {
            names.sort_by_key(|name| Natural(name.clone()));
            let natural: Vec<_> = names.iter().map(Natural).collect();
            for (x, y) in [(0, 1), (1, 2), (0, 2)] {
                prop_assert!(natural[x] <= natural[y]);
                prop_assert_eq!(natural[x].cmp(&natural[y]), natural[y].cmp(&natural[x]).reverse());
                prop_assert_eq!(natural[x].cmp(&natural[y]).is_eq(), names[x] == names[y]);
            }
        }
    }
}
