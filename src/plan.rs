//! Guided actions as data: a wish and a snapshot become a plan of resolved steps; a plan, its journal and fresh snapshots
//! become the next thing to do. Pure: knows no clock, no channel and no server, so that a test and a rehearsal drive it as
//! the real run does. Start reading at [`step::Plan`], then [`event::RunEvent`].

pub mod action;
pub mod condition;
pub mod event;
pub mod request;
pub mod step;

pub use action::{Action, ObjectKind, Target};
pub use event::{RunEvent, RunId};
pub use step::{Plan, Risk, Step, StepId};
