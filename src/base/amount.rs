//! Amounts in words: bytes and cores.

/// A size, in whole units.
pub fn size(bytes: i64) -> String {
    const UNITS: [(&str, i64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    UNITS.into_iter().find(|(_, unit)| bytes >= *unit).map_or_else(
        || format!("{bytes} B"),
        |(name, unit)| format!("{} {name}", bytes / unit),
    )
}

/// Thousandths of a core in cores: `4 cores`, `0.25 cores`.
pub fn cores(milli: u64) -> String {
    let (whole, rest) = (milli / 1000, milli % 1000);
    let rest = format!("{rest:03}");
    match rest.trim_end_matches('0') {
        "" if whole == 1 => "1 core".to_owned(),
        "" => format!("{whole} cores"),
        rest => format!("{whole}.{rest} cores"),
    }
}

/// An amount of memory: from one GiB on with a tenth, because whole ones differ too much.
pub fn memory(bytes: u64) -> String {
    const GIB: u64 = 1 << 30;
    if bytes < GIB {
        return size(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
    let tenths = bytes / (GIB / 10);
    match tenths % 10 {
        0 => format!("{} GiB", tenths / 10),
        tenth => format!("{}.{tenth} GiB", tenths / 10),
    }
}
