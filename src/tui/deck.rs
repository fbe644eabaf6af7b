//! What can be done to a simulated cluster: a function that the composition root brings along.

use std::fmt;
use std::sync::Arc;

use crate::app::{Message, SimCommand};
use crate::check::Severity;

type Play = dyn Fn(&SimCommand) -> Result<String, String> + Send + Sync;

/// Does what the operator wishes of the simulator. Without one, nothing.
#[derive(Clone, Default)]
pub struct Deck(Option<Arc<Play>>);

impl Deck {
    /// A deck that does it at once. What it returns is told to the operator; an error, too.
    pub fn new(play: impl Fn(&SimCommand) -> Result<String, String> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(play)))
    }

    /// Does it, and says what came of it.
    pub fn play(&self, command: &SimCommand) -> Message {
        let Some(play) = &self.0 else {
            return Message::new(Severity::Warning, "there is no simulator");
        };
        match play(command) {
            Ok(done) => Message::new(Severity::Info, done),
            Err(why) => Message::new(Severity::Warning, why),
        }
    }
}

impl fmt::Debug for Deck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deck").finish_non_exhaustive()
    }
}
