//! Conditions that the probes of users' ways in answer.

use super::Look;
use crate::base::Text;
use crate::model::entry::{Entry, EntryId, Service};
use crate::model::kube::Node;
use crate::plan::truth::Truth;

impl Look<'_> {
    pub(super) fn new_node_serves(&self, known: &[Text]) -> Truth {
        self.new_node(known, |node| {
            self.way_in(node).map_or_else(
                |unknown| unknown,
                |way| {
                    let said = format!("{}: {}", way.target, way.last.words());
                    Truth::of(way.service() == Service::Served, &said, &said)
                },
            )
        })
    }

    pub(super) fn new_node_named(&self, known: &[Text]) -> Truth {
        self.new_node(known, |node| {
            let way = match self.way_in(node) {
                Ok(way) => way,
                Err(unknown) => return unknown,
            };
            let Some(certificate) = &way.last.certificate else {
                return Truth::unknown(format!("{} has shown no certificate", way.target));
            };
            let subject = &certificate.subject;
            Truth::of(
                certificate.covers_host(node.name.as_str()),
                format!("{subject} names {}", node.name),
                format!("{subject} does not name {}", node.name),
            )
        })
    }

    /// The last probe of the gateway on a node: ways in are asked once a minute, so it may be older than other facts.
    fn way_in(&self, node: &Node) -> Result<&Entry, Truth> {
        let address = node.address.as_ref().and_then(|address| address.as_str().parse().ok());
        let way = address.and_then(|address| self.snapshot.entry.get(&EntryId::Users(address)));
        way.filter(|way| way.at > self.asked)
            .ok_or_else(|| Truth::unknown(format!("users' way in through {} has not been probed yet", node.name)))
    }
}
