//! Guided actions as data: a wish and a snapshot become a plan of resolved steps; a plan, its journal and fresh snapshots
//! become the next thing to do. Pure: knows no clock, no channel and no server, so that a test and a rehearsal drive it as
//! the real run does. Start reading at [`step::Plan`], then [`event::RunEvent`], [`view::RunView`] and [`drive::Drive`].

pub mod action;
pub mod condition;
pub mod digest;
pub mod drive;
pub mod event;
pub mod gate;
pub mod input;
pub mod make;
mod moves;
pub mod ok;
pub mod request;
pub mod rights;
pub mod step;
pub mod truth;
pub mod view;

pub use action::{Action, ObjectKind, Target};
pub use condition::Condition;
pub use drive::{Drive, Next, Question};
pub use event::{Entry, RunEvent, RunId};
pub use input::Input;
pub use make::{Planned, backup_file, is_reversible, make, undo};
pub use ok::ok_to;
pub use step::{Plan, Risk, Step, StepId};
pub use truth::Truth;
pub use view::{RunView, Status};
