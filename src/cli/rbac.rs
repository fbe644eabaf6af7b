//! `quorate rbac`: the roles that permit what quorate does with the Kubernetes API, ready for `kubectl apply`.

use std::process::ExitCode;

use color_eyre::eyre;

use super::args::Whom;
use super::output::{print, rbac};
use crate::live::kube::rights::Who;

/// Prints them.
pub fn run(who: Whom) -> eyre::Result<ExitCode> {
    let who = match who {
        Whom::Viewer => Who::Viewer,
        Whom::Operator => Who::Operator,
    };
    print(&rbac::manifest(who))?;
    Ok(ExitCode::SUCCESS)
}
