//! A cluster to practise on: the simulated world without sockets and without waiting. The same pure code as in earnest
//! (`assemble`, `plan`), with a driver in the place of `live`. Knows no runtime and no clock: who drives it says how much
//! time passes. Start reading at [`stage::Stage`] and [`vantage::Vantage`], then
//! [`play::Play`]. [`cast::cast`] makes a copy of a cluster that was seen.

pub mod cast;
pub mod mishap;
pub mod person;
pub mod play;
pub mod report;
pub mod send;
pub mod stage;
pub mod vantage;
