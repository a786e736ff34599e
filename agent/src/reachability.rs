//! Whether the source of policy answers: a TCP connection to one of its addresses, opened and closed.
//!
//! Asked for now and then, and often while a change is on trial. Nothing is said on the connection.

use std::{io, time::Duration};

use futures::future::select_ok;
use tokio::{
    net::TcpStream,
    sync::{mpsc, watch},
    time::{Instant, sleep, timeout},
};

pub use crate::agent::Sighting;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often to ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Now and then.
    #[default]
    Steady,
    /// Often, and at once.
    Urgent,
}

impl Pace {
    fn interval(self) -> Duration {
        match self {
            Self::Steady => Duration::from_secs(5),
            Self::Urgent => Duration::from_millis(500),
        }
    }
}

/// The task that asks, in the hands of the loop.
#[derive(Debug)]
pub struct Reachability {
    sightings: mpsc::Receiver<Sighting>,
    pace: watch::Sender<Pace>,
}

/// Begins to ask: the source answers if one of these does, each `host:port`, or the address that is found out later. Needs a tokio runtime around the
/// caller.
pub fn start(targets: Vec<String>, address: watch::Receiver<Option<String>>) -> Reachability {
    let (reachability, outbox, pace) = Reachability::channel();
    tokio::spawn(run(targets, address, outbox, pace));
    reachability
}

impl Reachability {
    /// The loop's end, and the ends of whoever asks.
    pub(crate) fn channel() -> (Self, mpsc::Sender<Sighting>, watch::Receiver<Pace>) {
        let (outbox, sightings) = mpsc::channel(1);
        let (pace, paces) = watch::channel(Pace::default());
        (Self { sightings, pace }, outbox, paces)
    }

    /// The next sighting; none if nobody asks any more. May be dropped while it waits.
    pub async fn sighting(&mut self) -> Option<Sighting> {
        self.sightings.recv().await
    }

    /// From now on asks at this pace.
    pub fn set_pace(&self, pace: Pace) {
        self.pace.send_if_modified(|present| std::mem::replace(present, pace) != pace);
    }
}

async fn run(
    targets: Vec<String>,
    address: watch::Receiver<Option<String>>,
    outbox: mpsc::Sender<Sighting>,
    mut pace: watch::Receiver<Pace>,
) {
    loop {
        let began = Instant::now();
        let known: Option<String> = address.borrow().clone();
        let reachable = answers(targets.iter().chain(&known)).await;
        if outbox.send(Sighting { began, reachable }).await.is_err() {
            return;
        }
        let interval = pace.borrow_and_update().interval();
        tokio::select! {
            () = sleep(interval) => {}
            changed = pace.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}

/// Whether one of these answers; not if there are none.
async fn answers(targets: impl Iterator<Item = &String>) -> bool {
    let attempts: Vec<_> = targets.map(|target| Box::pin(connect(target))).collect();
    !attempts.is_empty() && matches!(timeout(PATIENCE, select_ok(attempts)).await, Ok(Ok(_)))
}

async fn connect(target: &str) -> io::Result<()> {
    TcpStream::connect(target).await.map(drop)
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    #[tokio::test]
    async fn one_target_that_answers_is_enough_and_none_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap().to_string();
        // Nobody listens there, and nobody else can.
        let held = TcpSocket::new_v4().unwrap();
        held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let closed = held.local_addr().unwrap().to_string();
        let unknown = watch::channel(None).1;
        let reachable =
            async |targets: Vec<String>| start(targets, unknown.clone()).sighting().await.unwrap().reachable;
        assert!(reachable(vec![closed.clone(), open]).await);
        assert!(!reachable(vec![closed.clone()]).await);
        assert!(!reachable(vec!["no-such-host.invalid:1".to_owned(), closed]).await);
    }

    #[tokio::test]
    async fn an_address_that_is_found_out_later_counts() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (found, address) = watch::channel(None);
        let mut reachability = start(Vec::new(), address);
        assert!(!reachability.sighting().await.unwrap().reachable);
        found.send_replace(Some(listener.local_addr().unwrap().to_string()));
        reachability.set_pace(Pace::Urgent);
        assert!(reachability.sighting().await.unwrap().reachable);
    }

    /// Time is paused, and without targets nothing is waited for but time.
    #[tokio::test(start_paused = true)]
    async fn urgency_asks_at_once() {
        let mut reachability = start(Vec::new(), watch::channel(None).1);
        reachability.sighting().await.unwrap();
        let before = Instant::now();
        reachability.set_pace(Pace::Urgent);
        reachability.sighting().await.unwrap();
        assert!(before.elapsed() <= Pace::Urgent.interval(), "{:?}", before.elapsed());
    }
}
