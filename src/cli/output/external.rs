//! What documents tell of the services outside the cluster. The names are a contract with other programs. No secret is in it.

use std::time::Duration;

use serde::Serialize;

use super::feeds::millis;
use super::table::table;
use crate::base::{Age, Text};
use crate::model::external::{Seen, ServiceId, Told};
use crate::model::reach::from::Way;
use crate::model::{FeedId, Snapshot};

/// One service, as it was asked last.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ExternalDocument {
    /// Whether what it told is of now: false where its source no longer answers.
    pub current: bool,
    pub age_ms: u64,
    #[serde(flatten)]
    pub told: Told,
    /// What other controllers reach of it, where they were asked.
    pub from: Vec<FromDocument>,
}

/// What one other controller reaches.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct FromDocument {
    pub controller: Text,
    pub age_ms: u64,
    pub ways: Vec<Way>,
}

/// The services.
pub fn services(snapshot: &Snapshot) -> Vec<ExternalDocument> {
    let rows = snapshot.external.iter().map(|(id, own)| ExternalDocument {
        current: snapshot.feed(FeedId::External(*id)).is_current(),
        age_ms: millis(snapshot.now.since(own.at)),
        told: own.told.clone(),
        from: from(snapshot, *id),
    });
    rows.collect()
}

fn from(snapshot: &Snapshot, id: ServiceId) -> Vec<FromDocument> {
    let own = snapshot.own_address();
    let others = snapshot.seen_from().filter(|(address, _)| Some(*address) != own);
    let rows = others.map(|(address, seen)| FromDocument {
        controller: snapshot.controller_at(address),
        age_ms: millis(snapshot.now.since(seen.at)),
        ways: seen.to_service(id).cloned().collect(),
    });
    rows.filter(|own| !own.ways.is_empty()).collect()
}

/// The services for people. Empty where none was asked.
pub fn text(services: &[ExternalDocument]) -> String {
    let rows: Vec<Vec<String>> = services.iter().flat_map(rows).collect();
    if rows.is_empty() {
        return String::new();
    }
    table(&["SERVICE", "SERVER", "TLS", "AGE", "ANSWER"], &rows)
}

fn rows(own: &ExternalDocument) -> Vec<Vec<String>> {
    let age = |ms| Age(Duration::from_millis(ms)).to_string();
    let id = own.told.service().to_string();
    let row = |seen: Seen<'_>| {
        let tls = seen.secured.word().to_owned();
        vec![id.clone(), seen.target.to_string(), tls, age(own.age_ms), seen.words]
    };
    let elsewhere = own.from.iter().flat_map(|from| {
        let words = |way: &Way| format!("from {}: {}", from.controller, way.knock.word());
        let row = |way: &Way| {
            vec![
                id.clone(),
                way.target.to_string(),
                "-".to_owned(),
                age(from.age_ms),
                words(way),
            ]
        };
        from.ways.iter().map(row).collect::<Vec<_>>()
    });
    own.told.servers().into_iter().map(row).chain(elsewhere).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::example;

    #[test]
    fn every_server_has_a_line() {
        let told = text(&services(&example::healthy()));
        assert_eq!(told.lines().count(), 1 + (2 + 1 + 3 + 1) * 3, "{told}");
        assert!(told.contains("PostgreSQL 16.4, primary, 1 streaming"), "{told}");
        assert_eq!(text(&[]), "");
    }
}
