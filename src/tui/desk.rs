//! Where questions are laid down and answers come in. What stands is a value, not a queue: nothing can pile up, and no
//! cancellation can be lost.

use tokio::sync::{mpsc, watch};

use crate::model::question::{Answer, Question, QuestionId, Standing};

/// How many answers may wait; who answers waits beyond that.
pub const ANSWERS_BOUND: usize = 32;

/// The console's end.
#[derive(Debug)]
pub struct Desk {
    standing: watch::Sender<Standing>,
    answers: mpsc::Receiver<Answer>,
    /// Whether somebody may still answer.
    is_manned: bool,
}

/// The other end: what stands, and where answers go.
#[derive(Debug)]
pub struct Clerk {
    /// What is asked now.
    pub standing: watch::Receiver<Standing>,
    /// Where answers go.
    pub answers: mpsc::Sender<Answer>,
}

impl Desk {
    /// Both ends.
    pub fn open() -> (Self, Clerk) {
        let (standing, asked) = watch::channel(Standing::new());
        let (sender, answers) = mpsc::channel(ANSWERS_BOUND);
        let desk = Self {
            standing,
            answers,
            is_manned: true,
        };
        let clerk = Clerk {
            standing: asked,
            answers: sender,
        };
        (desk, clerk)
    }

    /// Lays a question down.
    pub(super) fn ask(&self, id: QuestionId, question: Question) {
        self.standing.send_modify(|all| {
            all.insert(id, question);
        });
    }

    /// Takes a question away.
    pub(super) fn cancel(&self, id: QuestionId) {
        self.standing.send_modify(|all| {
            all.remove(&id);
        });
    }

    /// Waits for an answer; for ever where nobody answers any more. May be dropped at any time.
    pub(super) async fn answer(&mut self) -> Answer {
        if self.is_manned {
            match self.answers.recv().await {
                Some(answer) => return answer,
                None => self.is_manned = false,
            }
        }
        std::future::pending().await
    }

    /// An answer that is there already.
    pub(super) fn waiting(&mut self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }
}
