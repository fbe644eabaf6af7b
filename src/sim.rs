//! The embedded cluster: a simulated NetBox Enterprise cluster that the product speaks to as to a real one. [`world`] is
//! the cluster itself, a deterministic state machine without sockets and clocks; [`wire`] puts it behind real servers on
//! loopback; [`scenario`] says how it is built and what goes wrong with it. Knows nothing of the product above `base`.
//! Start reading at [`scenario::Scenario`], then [`world::World`].

pub mod scenario;
pub mod wire;
pub mod world;
