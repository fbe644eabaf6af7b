//! What documents tell of the services outside the cluster. The names are a contract with other programs. No secret is in it.

use serde::Serialize;

use super::feeds::millis;
use super::table::table;
use crate::base::Age;
use crate::model::external::{Seen, Told};
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
}

/// The services.
pub fn services(snapshot: &Snapshot) -> Vec<ExternalDocument> {
    let rows = snapshot.external.iter().map(|(id, own)| ExternalDocument {
        current: snapshot.feed(FeedId::External(*id)).is_current(),
        age_ms: millis(snapshot.now.since(own.at)),
        told: own.told.clone(),
    });
    rows.collect()
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
    let age = Age(std::time::Duration::from_millis(own.age_ms)).to_string();
    let id = own.told.service().to_string();
    let row = |seen: Seen<'_>| {
        let tls = seen.secured.word().to_owned();
        vec![id.clone(), seen.target.to_string(), tls, age.clone(), seen.words]
    };
    own.told.servers().into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::example;

    #[test]
    fn every_server_has_a_line() {
        let told = text(&services(&example::healthy()));
        assert_eq!(told.lines().count(), 1 + 2 + 1 + 3 + 1, "{told}");
        assert!(told.contains("PostgreSQL 16.4, primary, 1 streaming"), "{told}");
        assert_eq!(text(&[]), "");
    }
}
