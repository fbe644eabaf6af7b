//! `quorate etcd snapshot FILE`: a backup of the local etcd member, with or without quorum.

use std::path::Path;
use std::process::ExitCode;

use color_eyre::eyre;
use jiff::Timestamp;
use serde::Serialize;

use super::args::{EtcdAction, Output};
use super::exit::{self, Usage};
use super::observe::{self, Resolved};
use super::output::{print, print_json};
use super::place::Place;
use crate::base::{Clock, Text};
use crate::live::etcd::snapshot::{self, Saved};
use crate::model::etcd::{ClusterId, MemberId};
use crate::sim::wire::Cluster;

/// What `etcd snapshot -o json` prints.
#[derive(Debug, Serialize)]
struct SnapshotDocument {
    schema: &'static str,
    /// The scenario, where nothing of this is real.
    #[serde(skip_serializing_if = "Option::is_none")]
    simulated: Option<Text>,
    taken_at: Timestamp,
    path: Text,
    bytes: u64,
    sha256: String,
    cluster_id: ClusterId,
    member_id: MemberId,
    revision: i64,
    applied_index: u64,
    term: u64,
}

/// Does it; exits 0 when the file is whole and checked, 1 when it could not be taken.
pub fn run(resolved: &Resolved, action: &EtcdAction) -> eyre::Result<ExitCode> {
    let EtcdAction::Snapshot { file, output } = action;
    observe::warn_of(&resolved.problems);
    let runtime = observe::runtime()?;
    let taken = runtime.block_on(async {
        let place = find(resolved).await?;
        let saved = snapshot::take(&place.0.pki(), &place.0.etcd_endpoint, file).await;
        let scenario = place.0.simulated.as_ref().map(|own| own.scenario.clone());
        Ok::<_, eyre::Report>((scenario, saved))
    });
    runtime.shutdown_background();
    let (simulated, saved) = taken?;
    match saved {
        Ok(saved) => {
            let document = document(simulated, saved, file);
            match output {
                Output::Json => print_json(&document)?,
                Output::Table => print(&text(&document))?,
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(why) => {
            let hint = why.hint.as_ref().map(|hint| format!("\n{hint}")).unwrap_or_default();
            eprintln!("quorate: no snapshot was taken: {}{hint}", why.text);
            Ok(ExitCode::from(exit::FAILED))
        }
    }
}

/// Where to ask, and the simulated cluster that must live so long.
async fn find(resolved: &Resolved) -> eyre::Result<(Place, Option<Cluster>)> {
    let Some(simulation) = &resolved.simulation else {
        return Ok((Place::here(&resolved.settings, &resolved.environment), None));
    };
    let cluster = Cluster::start(&simulation.scenario, Clock::scalable())
        .await
        .map_err(|error| Usage {
            message: format!("the simulated cluster could not be started on loopback: {error}"),
        })?;
    let place = Place::simulated(&cluster, simulation.name.clone(), &resolved.settings);
    Ok((place, Some(cluster)))
}

fn document(simulated: Option<Text>, saved: Saved, file: &Path) -> SnapshotDocument {
    SnapshotDocument {
        schema: "quorate.etcd-snapshot/v1",
        simulated,
        taken_at: Timestamp::now(),
        path: Text::new(&file.to_string_lossy()),
        bytes: saved.bytes,
        sha256: saved.sha256,
        cluster_id: saved.cluster_id,
        member_id: saved.member_id,
        revision: saved.revision,
        applied_index: saved.applied_index,
        term: saved.term,
    }
}

fn text(document: &SnapshotDocument) -> String {
    format!(
        "{}{}: {} bytes, checksum right (sha256 {})\nmember {} of cluster {}: term {}, applied index {}, revision {}\ncopy it to \
         another machine, with k0s's directory pki\n",
        super::output::mark(document.simulated.as_ref()),
        document.path,
        document.bytes,
        document.sha256,
        document.member_id,
        document.cluster_id,
        document.term,
        document.applied_index,
        document.revision
    )
}
