//! Kubernetes quantities (`apimachinery/pkg/api/resource`): `500m`, `1.5Gi`, `1e3`, `12E`. Exact: no floating point.
//! Rounded up as Kubernetes does, and capped at the largest i64 as there.

/// Units of a quantity, rounded up (`Quantity.Value`). None for what is no quantity; 0 for negative ones.
pub fn whole(raw: &str) -> Option<u64> {
    parse(raw).map(|quantity| quantity.rounded_up(0))
}

/// Thousandths of a quantity, rounded up (`Quantity.MilliValue`).
pub fn millis(raw: &str) -> Option<u64> {
    parse(raw).map(|quantity| quantity.rounded_up(3))
}

/// `digits * 10^exponent * 2^shift`, never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Quantity {
    digits: u128,
    exponent: i32,
    shift: u32,
}

/// 20 digits (67 bits) shifted by 60 bits still fit 128. No amount of anything has more.
const MAX_DIGITS: usize = 20;
const CAP: u128 = i64::MAX as u128;

impl Quantity {
    /// The value times `10^scale`.
    fn rounded_up(self, scale: i32) -> u64 {
        let amount = self.digits << self.shift;
        if amount == 0 {
            return 0;
        }
        let exponent = self.exponent.saturating_add(scale);
        let power = 10_u128.checked_pow(exponent.unsigned_abs());
        let value = if exponent >= 0 {
            power.and_then(|power| amount.checked_mul(power)).unwrap_or(CAP)
        } else {
            power.map_or(1, |power| amount.div_ceil(power))
        };
        u64::try_from(value.min(CAP)).unwrap_or(u64::MAX)
    }
}

fn parse(raw: &str) -> Option<Quantity> {
    let (negative, unsigned) = match raw.as_bytes().first()? {
        b'-' => (true, &raw[1..]),
        b'+' => (false, &raw[1..]),
        _ => (false, raw),
    };
    let end = unsigned
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if number.len() == number.matches('.').count() || fraction.contains('.') {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    if significant.len() > MAX_DIGITS {
        return None;
    }
    let (exponent, shift) = scale(suffix)?;
    let digits = if significant.is_empty() || negative {
        0
    } else {
        significant.parse().ok()?
    };
    let places = i32::try_from(fraction.len()).ok()?;
    Some(Quantity {
        digits,
        exponent: exponent.checked_sub(places)?,
        shift,
    })
}

/// A suffix as powers of ten and of two.
fn scale(suffix: &str) -> Option<(i32, u32)> {
    let scale = match suffix {
        "n" => (-9, 0),
        "u" => (-6, 0),
        "m" => (-3, 0),
        "" => (0, 0),
        "k" => (3, 0),
        "M" => (6, 0),
        "G" => (9, 0),
        "T" => (12, 0),
        "P" => (15, 0),
        "E" => (18, 0),
        "Ki" => (0, 10),
        "Mi" => (0, 20),
        "Gi" => (0, 30),
        "Ti" => (0, 40),
        "Pi" => (0, 50),
        "Ei" => (0, 60),
        _ => (suffix.strip_prefix(['e', 'E'])?.parse().ok()?, 0),
    };
    Some(scale)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_suffix() {
        assert_eq!(millis("500m"), Some(500));
        assert_eq!(millis("2"), Some(2000));
        assert_eq!(millis("0.1"), Some(100));
        assert_eq!(millis("1500u"), Some(2), "rounded up");
        assert_eq!(millis("1n"), Some(1), "rounded up");
        assert_eq!(whole("16344444Ki"), Some(16_344_444 * 1024));
        assert_eq!(whole("1.5Gi"), Some(3 << 29));
        assert_eq!(whole("128974848000m"), Some(128_974_848));
        assert_eq!(whole("1k"), Some(1000));
        assert_eq!(whole("5M"), Some(5_000_000));
        assert_eq!(whole("2E"), Some(2_000_000_000_000_000_000));
        assert_eq!(whole("12e6"), Some(12_000_000));
        assert_eq!(whole("12E6"), Some(12_000_000));
        assert_eq!(whole("123e-2"), Some(2));
        assert_eq!(whole(".5"), Some(1));
        assert_eq!(whole("5."), Some(5));
        assert_eq!(whole("+3"), Some(3));
        assert_eq!(whole("110"), Some(110));
    }

    #[test]
    fn odd_ones() {
        assert_eq!(whole("-4Gi"), Some(0));
        assert_eq!(whole("9Ei"), Some(i64::MAX.unsigned_abs()), "capped");
        assert_eq!(whole("1e4000"), Some(i64::MAX.unsigned_abs()), "capped");
        assert_eq!(whole("1e-4000"), Some(1), "rounded up");
        assert_eq!(whole("0e4000"), Some(0));
        for nonsense in [
            "", "-", ".", "Gi", "1Kib", "1.2.3", "1 Gi", "0x10", "1e", "1e1.5", "٣", "1KI", "inf",
        ] {
            assert_eq!(whole(nonsense), None, "{nonsense:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(raw in any::<String>(), exponent in any::<i64>()) {
            let _ = (whole(&raw), millis(&raw), whole(&format!("1e{exponent}")));
        }

        #[test]
        fn thousandths_of_decimals_are_exact(units in 0_u64..1_000_000_000_000, thousandths in 0_u64..1000) {
            let raw = format!("{units}.{thousandths:03}");
            prop_assert_eq!(millis(&raw), Some(units * 1000 + thousandths));
            let up = units + u64::from(thousandths > 0);
            prop_assert_eq!(whole(&raw), Some(up));
        }

        #[test]
        fn halves_of_binary_units_are_exact(halves in 0_u64..1_000_000) {
            let raw = format!("{}.{}Mi", halves / 2, if halves % 2 == 1 { 5 } else { 0 });
            prop_assert_eq!(whole(&raw), Some(halves << 19));
        }
    }
}
