//! Carries out a plan: asks `plan` what is next, writes it down, asks the outside for it, and looks. What it decides is
//! little: order, durability, and one run at a time. Knows no source, no terminal and no screen. Start reading at
//! [`engine`], then [`journal`].

pub mod engine;
pub mod journal;
pub mod lock;
pub mod place;

use std::hash::{BuildHasher, RandomState};

use jiff::Timestamp;

use crate::plan::RunId;

/// A name for a run that begins now: sortable by time, and different from any other.
pub fn new_run(now: Timestamp) -> RunId {
    // A fresh RandomState is seeded by the system; nothing secret depends on it.
    let random = RandomState::new().hash_one(now.as_nanosecond());
    let letters: String = (0..4u32)
        .map(|at| char::from(b'a' + u8::try_from((random >> (8 * at)) % 26).unwrap_or(0)))
        .collect();
    RunId(format!("{}-{letters}", now.strftime("%Y%m%d-%H%M%S")).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_runs_are_names_of_files() {
        let run = new_run(Timestamp::UNIX_EPOCH);
        assert!(run.0.as_str().starts_with("19700101-000000-"), "{run:?}");
        assert!(journal::is_name(&run), "{run:?}");
    }
}
