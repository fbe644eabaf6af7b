//! `quorate explain`: what a check looks at, why it matters, how to fix it.

use std::process::ExitCode;

use color_eyre::eyre;

use super::args::Output;
use super::exit::Usage;
use super::output::check::explain_text;
use super::output::table::table;
use super::output::{print, print_json};
use crate::check::{self, Check, CheckId};

/// Explains one check, or lists all of them.
pub fn run(name: Option<&str>, output: Output) -> eyre::Result<ExitCode> {
    let Some(name) = name else {
        return list(output);
    };
    let check = find(name)?;
    match output {
        Output::Json => print_json(&serde_json::json!({ "schema": "quorate.explain/v1", "checks": [check] }))?,
        Output::Table => print(&explain_text(check))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The check with a name; a slip of the finger is told what was meant.
pub fn find(name: &str) -> Result<&'static Check, Usage> {
    let found = name.parse::<CheckId>().ok().and_then(check::find);
    found.ok_or_else(|| {
        let distance = |id: &CheckId| strsim::damerau_levenshtein(id.name(), name);
        let nearest = CheckId::ALL
            .into_iter()
            .min_by_key(distance)
            .filter(|id| distance(id) <= 4);
        let advice = nearest.map_or_else(
            || "`quorate explain` lists all checks".to_owned(),
            |id| format!("did you mean {id}?"),
        );
        Usage {
            message: format!("there is no check {:?}; {advice}", crate::base::Text::new(name)),
        }
    })
}

fn list(output: Output) -> eyre::Result<ExitCode> {
    match output {
        Output::Json => {
            let checks: Vec<_> = check::all().collect();
            print_json(&serde_json::json!({ "schema": "quorate.explain/v1", "checks": checks }))?;
        }
        Output::Table => {
            let rows: Vec<Vec<String>> = check::all()
                .map(|check| {
                    vec![
                        check.id.to_string(),
                        check.group.title().to_owned(),
                        check.title.to_owned(),
                    ]
                })
                .collect();
            print(&table(&["CHECK", "GROUP", "WHAT MUST HOLD"], &rows))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
