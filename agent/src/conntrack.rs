//! Forgetting the connections of addresses that have left the node.
//!
//! An address that passes on must not hand down connections: what was admitted to the last pod would be established for the next, and a service would go
//! on sending to a backend that is gone. So when a commit has taken an address from a pod, every connection tracking entry in which it stands goes:
//! as original source and destination, and as reply source and destination, which is where a backend stands behind a translated address.
//!
//! Order: first the commit that takes the endpoint out, then the deletion. An entry that goes earlier would be made anew by the next packet, under the
//! rules that still admit it. Between the two, some milliseconds, packets of the old connections still pass as established. The commit never waits for a
//! deletion: that is done by a thread of its own, one order at a time, each for all addresses that have left by then.
//!
//! Deliberately absent: any reaction to changes of policies, labels, or peers elsewhere. Their connections are their own.

use std::{collections::BTreeSet, io, net::IpAddr, thread};

use ferrule_ruleset::address::Family;
use nix::errno::Errno;
use tokio::sync::mpsc;

use crate::netlink::Socket;

/// The thread that forgets, in the hands of the loop.
#[derive(Debug)]
pub struct Conntrack {
    orders: mpsc::Sender<BTreeSet<IpAddr>>,
    outcomes: mpsc::Receiver<Outcome>,
}

/// How many entries went, or why some may be left.
pub type Outcome = Result<usize, ForgetError>;

/// Why entries may be left.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForgetError {
    /// The kernel would not delete some.
    #[error("the kernel keeps {count} connection tracking entries: {reason}")]
    Kept {
        /// How many.
        count: usize,
        /// Its last reason.
        reason: String,
    },
    /// They could not be listed or deleted.
    #[error("cannot talk to ctnetlink: {0}")]
    Transport(String),
}

/// Starts the thread in the network namespace of the caller.
///
/// # Errors
/// If there is no netlink socket, or no thread, to be had.
pub fn start() -> io::Result<Conntrack> {
    let (conntrack, mut orders, outcomes) = Conntrack::channel();
    let (opened, started) = std::sync::mpsc::sync_channel(1);
    let work = move || {
        // The socket is bound to the thread that opens it.
        let mut socket = match Socket::open() {
            Ok(socket) => socket,
            Err(error) => return opened.send(Err(error)).unwrap_or(()),
        };
        opened.send(Ok(())).unwrap_or(());
        while let Some(addresses) = orders.blocking_recv() {
            if outcomes.blocking_send(forget(&mut socket, &addresses)).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("conntrack".to_owned()).spawn(work)?;
    started.recv().map_err(|_| io::Error::other("the thread that forgets connections did not start"))??;
    Ok(conntrack)
}

impl Conntrack {
    /// The loop's end, and the ends of whoever does the work.
    pub(crate) fn channel() -> (Self, mpsc::Receiver<BTreeSet<IpAddr>>, mpsc::Sender<Outcome>) {
        let (orders, inbox) = mpsc::channel(1);
        let (answers, outcomes) = mpsc::channel(1);
        (Self { orders, outcomes }, inbox, answers)
    }

    /// Begins to forget all connections of these addresses. False if the thread has not answered the last order, or is gone.
    pub fn begin(&self, addresses: BTreeSet<IpAddr>) -> bool {
        self.orders.try_send(addresses).is_ok()
    }

    /// The outcome of what was begun. May be dropped while it waits.
    pub async fn outcome(&mut self) -> Outcome {
        let ended = || ForgetError::Transport("the thread that forgets connections has ended".to_owned());
        self.outcomes.recv().await.unwrap_or_else(|| Err(ended()))
    }
}

fn forget(socket: &mut Socket, addresses: &BTreeSet<IpAddr>) -> Outcome {
    let transport = |error: io::Error| ForgetError::Transport(error.to_string());
    let mut count = 0;
    let mut refused: Option<(usize, Errno)> = None;
    for family in Family::ALL {
        let own = addresses.iter().copied().filter(|address| Family::of(address) == family).collect();
        let connections = socket.connections_of(family, &own).map_err(transport)?;
        let deleted = socket.forget(family, &connections).map_err(transport)?;
        count += deleted.count;
        refused = refused.or(deleted.refused);
    }
    match refused {
        None => Ok(count),
        Some((count, errno)) => Err(ForgetError::Kept { count, reason: errno.to_string() }),
    }
}
