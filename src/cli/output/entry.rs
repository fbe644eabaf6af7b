//! What documents tell of the ways in for users and administrators. The names are a contract with other programs; what is
//! not known is null.

use serde::Serialize;

use super::feeds::millis;
use super::table::table;
use crate::base::{Age, Text};
use crate::model::entry::{EntryId, Presented, Service};
use crate::model::{FeedId, Snapshot};

/// One way in, as it was probed last.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct EntryDocument {
    pub id: EntryId,
    /// Host and port.
    pub target: Text,
    /// The host name that it was asked for.
    pub name: Text,
    pub path: Text,
    /// Whether the last probe is of now: false where its source no longer answers.
    pub current: bool,
    pub age_ms: u64,
    pub service: Service,
    pub status: Option<u16>,
    pub took_us: Option<u64>,
    /// What came instead of an answer.
    pub why: Option<Text>,
    pub gap: Option<GapDocument>,
    pub certificate: Option<Presented>,
    /// What came of the last probe, for people.
    #[serde(skip)]
    answer: String,
}

/// The newest time in which it did not serve.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct GapDocument {
    pub lasts: bool,
    pub length_ms: u64,
    pub failed_probes: u32,
    /// Since it ended.
    pub ended_ms: Option<u64>,
}

/// The ways in.
pub fn entries(snapshot: &Snapshot) -> Vec<EntryDocument> {
    let now = snapshot.now;
    let rows = snapshot.entry.iter().map(|(id, entry)| EntryDocument {
        id: *id,
        target: entry.target.clone(),
        name: entry.name.clone(),
        path: entry.path.clone(),
        current: snapshot.feed(FeedId::Entry(*id)).is_current(),
        age_ms: millis(now.since(entry.at)),
        service: entry.service(),
        status: entry.last.status,
        took_us: entry.last.took_us,
        why: entry.last.why.as_ref().map(|why| why.text.clone()),
        gap: entry.gap.map(|gap| GapDocument {
            lasts: gap.until.is_none(),
            length_ms: millis(gap.length(now)),
            failed_probes: gap.failed,
            ended_ms: gap.until.map(|until| millis(now.since(until))),
        }),
        certificate: entry.last.certificate.clone(),
        answer: entry.last.words(),
    });
    rows.collect()
}

/// The ways in for people. Empty where none was probed.
pub fn text(entries: &[EntryDocument]) -> String {
    let age = |ms| Age(std::time::Duration::from_millis(ms)).to_string();
    let row = |own: &EntryDocument| {
        let gap = own.gap.as_ref().map_or_else(
            || "-".to_owned(),
            |gap| {
                let length = age(gap.length_ms);
                if gap.lasts { format!("for {length}") } else { length }
            },
        );
        vec![
            own.id.to_string(),
            own.target.to_string(),
            own.name.to_string(),
            own.service.word().to_owned(),
            gap,
            age(own.age_ms),
            own.answer.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    table(
        &["WAY IN", "DIALLED", "ASKED FOR", "STATE", "LAST GAP", "AGE", "ANSWER"],
        &rows,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::example::{self, Death};

    #[test]
    fn a_gap_that_lasts_is_told_apart() {
        let found = entries(&example::node_lost(Death::Refused));
        let lasting = found.iter().filter(|own| own.gap.as_ref().is_some_and(|gap| gap.lasts));
        assert_eq!(lasting.count(), 2, "gateway and Admin Console of one node");
        let told = text(&found);
        assert!(told.contains("users.10.77.0.13"), "{told}");
        assert!(told.contains("refused the connection"), "{told}");
        assert_eq!(text(&[]), "");
    }
}
