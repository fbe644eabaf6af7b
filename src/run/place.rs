//! Where journals and local locks are kept. Pure over an injected environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::{Why, WhyKind};

/// Root's, where `XDG_STATE_HOME` is not set: kept over restarts.
pub const ROOT: &str = "/var/lib/quorate";
/// In memory: for the one action that must be possible with a full or dead disk. Gone after a restart.
const VOLATILE: &str = "/run/quorate";

/// Which cluster the state is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reality {
    /// A real one.
    Real,
    /// A simulated one: its runs never stand among those of real clusters.
    Simulated,
}

/// The directory of all that must outlive the process.
pub fn state_dir(environment: &BTreeMap<String, String>, is_root: bool, reality: Reality) -> Result<PathBuf, Why> {
    let absolute = |name: &str| {
        let path = PathBuf::from(environment.get(name)?);
        path.is_absolute().then_some(path)
    };
    let dir = match (absolute("XDG_STATE_HOME"), absolute("HOME")) {
        (Some(state), _) => state.join("quorate"),
        (None, _) if is_root => PathBuf::from(ROOT),
        (None, Some(home)) => home.join(".local/state/quorate"),
        (None, None) => {
            let text = "there is no directory for the journal: neither XDG_STATE_HOME nor HOME is set";
            return Err(Why::new(WhyKind::Config, text).hint("set XDG_STATE_HOME to a directory of your own"));
        }
    };
    Ok(match reality {
        Reality::Real => dir,
        Reality::Simulated => dir.join("simulated"),
    })
}

/// The directory of journals below a state directory.
pub fn runs(state: &Path) -> PathBuf {
    state.join("runs")
}

/// Where `start-controller` may keep its journal when the usual place cannot be written.
pub fn volatile() -> PathBuf {
    PathBuf::from(VOLATILE)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn dir(variables: &[(&str, &str)], is_root: bool, reality: Reality) -> Result<PathBuf, WhyKind> {
        let environment = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        state_dir(&environment.collect(), is_root, reality).map_err(|why| why.kind)
    }

    #[test]
    fn the_state_has_one_place() {
        let home = ("HOME", "/home/me");
        let cases = [
            (vec![home], false, "/home/me/.local/state/quorate"),
            (vec![home], true, "/var/lib/quorate"),
            (vec![home, ("XDG_STATE_HOME", "/s")], true, "/s/quorate"),
            (
                vec![home, ("XDG_STATE_HOME", "relative")],
                false,
                "/home/me/.local/state/quorate",
            ),
        ];
        for (variables, is_root, expected) in cases {
            assert_eq!(dir(&variables, is_root, Reality::Real), Ok(expected.into()));
        }
        assert_eq!(dir(&[], false, Reality::Real), Err(WhyKind::Config));
        assert_eq!(
            dir(&[], true, Reality::Simulated),
            Ok("/var/lib/quorate/simulated".into())
        );
    }
}
