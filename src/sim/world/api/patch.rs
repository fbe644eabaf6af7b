//! The three kinds of patches.

use serde_json::Value;

use super::{media, strategic};
use crate::sim::world::status::ApiError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PatchKind {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// Kubernetes' own, which merges some lists.
    Strategic,
}

impl PatchKind {
    pub(super) const ALL: [PatchKind; 3] = [PatchKind::Json, PatchKind::Merge, PatchKind::Strategic];

    pub(super) const fn media_type(self) -> &'static str {
        match self {
            PatchKind::Json => "application/json-patch+json",
            PatchKind::Merge => "application/merge-patch+json",
            PatchKind::Strategic => "application/strategic-merge-patch+json",
        }
    }
}

/// The object after the patch.
pub(super) fn apply(kind: PatchKind, stored: &Value, patch: &[u8]) -> Result<Value, ApiError> {
    let mut next = stored.clone();
    match kind {
        PatchKind::Json => {
            let patch: json_patch::Patch = serde_json::from_slice(patch)
                .map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}")))?;
            json_patch::patch(&mut next, &patch).map_err(|_| ApiError::of_code(422))?;
        }
        PatchKind::Merge => json_patch::merge(&mut next, &media::parse(patch)?),
        PatchKind::Strategic => strategic::merge(&mut next, &media::parse(patch)?)?,
    }
    Ok(next)
}
