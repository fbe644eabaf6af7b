//! Who runs guided actions: orders go there, news come from there. Both ways are bounded; an order that finds no room is
//! refused aloud, and news only ever tell the newest state.

use tokio::sync::mpsc;

use crate::app::Message;
use crate::app::work::{News, Order};
use crate::check::Severity;

/// How many orders and how much news may wait.
const BOUND: usize = 16;

/// The console's end.
#[derive(Debug, Default)]
pub struct Crew(Option<(mpsc::Sender<Order>, mpsc::Receiver<News>)>);

/// The other end.
#[derive(Debug)]
pub struct Foreman {
    /// What is to be done.
    pub orders: mpsc::Receiver<Order>,
    /// Where news go.
    pub news: mpsc::Sender<News>,
}

impl Crew {
    /// Both ends.
    pub fn open() -> (Self, Foreman) {
        let (sender, orders) = mpsc::channel(BOUND);
        let (news, receiver) = mpsc::channel(BOUND);
        (Self(Some((sender, receiver))), Foreman { orders, news })
    }

    /// Whether there is anybody.
    pub const fn is_manned(&self) -> bool {
        self.0.is_some()
    }

    /// Gives an order; otherwise says why that is not possible.
    pub(super) fn order(&self, order: Order) -> Option<Message> {
        let sent = self.0.as_ref().map(|(orders, _)| orders.try_send(order));
        match sent {
            Some(Ok(())) => None,
            Some(Err(mpsc::error::TrySendError::Full(_))) => Some(Message::new(
                Severity::Warning,
                "the run has not taken in what was said before; nothing was done",
            )),
            Some(Err(mpsc::error::TrySendError::Closed(_))) | None => {
                Some(Message::new(Severity::Warning, "nothing can be run from here"))
            }
        }
    }

    /// Waits for news; for ever where nobody sends any. May be dropped at any time.
    pub(super) async fn news(&mut self) -> News {
        if let Some((_, news)) = &mut self.0 {
            match news.recv().await {
                Some(news) => return news,
                None => self.0 = None,
            }
        }
        std::future::pending().await
    }
}
