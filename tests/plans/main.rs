//! The generic fault harness: every plan, at every step, with every mishap, in every family of k0s; and every gate, shown to
//! bear load. It drives the simulated world with its virtual clock through the pure code alone. Start reading at
//! [`trial::Trial`].

#![allow(clippy::unwrap_used, clippy::panic)]

mod copies;
mod gates;
mod referee;
mod scenes;
mod trial;
mod trials;
