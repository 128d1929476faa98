use std::sync::Mutex;

use tokio::sync::watch;

/// Keeps the order of statements on one session, so that a limit counts from when the server turns to a statement and
/// not from when it was queued behind others.
#[derive(Debug)]
pub(super) struct Lane {
    sent: Mutex<u64>,
    answered: watch::Sender<u64>,
}

/// A statement's place in the order; answered when dropped.
#[derive(Debug)]
pub(super) struct Ticket<'a> {
    lane: &'a Lane,
    before: u64,
}

impl Lane {
    pub(super) fn new() -> Self {
        Self {
            sent: Mutex::new(0),
            answered: watch::Sender::new(0),
        }
    }

    /// Runs `send` while nobody else sends, and gives it the next place in the order.
    pub(super) fn enter<T>(&self, send: impl FnOnce() -> T) -> (T, Ticket<'_>) {
        let mut sent = self
            .sent
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let ticket = Ticket {
            lane: self,
            before: *sent,
        };
        *sent += 1;
        (send(), ticket)
    }
}

impl Ticket<'_> {
    /// Waits until all that was sent before has been answered.
    pub(super) async fn turn(&self) {
        let mut answered = self.lane.answered.subscribe();
        // The sender lives as long as the lane this ticket borrows, so the wait cannot fail.
        let _ = answered.wait_for(|count| *count >= self.before).await;
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.lane.answered.send_modify(|count| *count += 1);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::Lane;

    #[test]
    fn a_turn_comes_when_all_before_it_are_answered() {
        let lane = Lane::new();
        let ((), first) = lane.enter(|| ());
        let ((), second) = lane.enter(|| ());
        assert!(first.turn().now_or_never().is_some());
        assert!(second.turn().now_or_never().is_none());
        drop(first);
        assert!(second.turn().now_or_never().is_some());
    }
}
