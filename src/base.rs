//! What every layer may use: time, clean text, reasons. Knows no domain: no node, no member, no cluster.
//! Start reading at [`text::Text`], which is why no hostile byte gets past the sources.

pub mod age;
pub mod alias;
pub mod amount;
pub mod clock;
pub mod natural;
pub mod plural;
pub mod ring;
pub mod starting;
pub mod text;
pub mod why;

pub use age::Age;
pub use clock::{Clock, Stamp};
pub use natural::Natural;
pub use plural::plural;
pub use ring::Ring;
pub use text::Text;
pub use why::{Why, WhyKind};
