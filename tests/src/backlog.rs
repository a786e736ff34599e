//! When everything that was sent has arrived, or never will.
//!
//! A virtual link hands a packet to the queue of the processor that sends (`enqueue_to_backlog` in net/core/dev.c), which is a line: what is put into it
//! later is dealt with later. Most of the time the sender itself empties it before its system call returns, but where packets are many or a processor is
//! busy a thread of the kernel does (`ksoftirqd`), and that waits for its turn like any other. So a pause proves nothing about a packet that did not
//! arrive; a packet of one's own that stood behind it in the same queue does.
//!
//! Not covered are packets that wait for something else than a processor: for a neighbour to be found, or to be sent again.

use std::{
    io::ErrorKind,
    net::UdpSocket,
    process::Command,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use nix::{
    sched::{CloneFlags, CpuSet, sched_getaffinity, sched_setaffinity, unshare},
    unistd::Pid,
};

/// How often a packet passes through each queue. Every link on a way is one time in the queue, and so is every link on the way of an answer.
const ROUNDS: usize = 32;
/// How long a packet may take through one queue, and after how long it is given up for dropped.
const PATIENCE: Duration = Duration::from_secs(120);
const LOST: Duration = Duration::from_secs(1);

/// Waits until every packet has reached its end that this process sent before, and whatever was answered to it by kernels, on whatever processor.
pub fn drain() -> Result<()> {
    static LOOPBACK: OnceLock<Mutex<UdpSocket>> = OnceLock::new();
    let loopback = match LOOPBACK.get() {
        Some(loopback) => loopback,
        None => {
            let opened = Mutex::new(open()?);
            LOOPBACK.get_or_init(|| opened)
        }
    };
    let socket = loopback.lock().unwrap_or_else(PoisonError::into_inner);
    // A thread of its own, which goes from processor to processor.
    let drained = thread::scope(|scope| scope.spawn(|| drain_all(&socket)).join());
    drained.unwrap_or_else(|_| Err(anyhow!("the thread that drains the queues panicked")))
}

fn drain_all(socket: &UdpSocket) -> Result<()> {
    static SENT: AtomicU64 = AtomicU64::new(0);
    let own = Pid::from_raw(0);
    let usable = sched_getaffinity(own).context("processors of this process")?;
    for number in 0..CpuSet::count() {
        if !usable.is_set(number)? {
            continue;
        }
        let mut one = CpuSet::new();
        one.set(number)?;
        sched_setaffinity(own, &one).with_context(|| format!("move to processor {number}"))?;
        for _ in 0..ROUNDS {
            pass_through(socket, SENT.fetch_add(1, Ordering::Relaxed))
                .with_context(|| format!("the queue of processor {number}"))?;
        }
    }
    Ok(())
}

/// Sends a packet to oneself and waits for it.
fn pass_through(socket: &UdpSocket, number: u64) -> Result<()> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        socket.send(&number.to_ne_bytes()).context("send over the loopback")?;
        let mut heard = [0; 8];
        loop {
            match socket.recv(&mut heard) {
                Ok(_) if u64::from_ne_bytes(heard) == number => return Ok(()),
                // One that was sent twice.
                Ok(_) => {}
                // A queue that is full drops it, and it is sent again.
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("hear over the loopback"),
            }
        }
    }
    bail!("nothing comes through after {PATIENCE:?}")
}

/// A socket that sends to itself, in a network namespace without a name that goes with it.
fn open() -> Result<UdpSocket> {
    let open = || -> Result<UdpSocket> {
        unshare(CloneFlags::CLONE_NEWNET).context("a network namespace (are you root?)")?;
        let started = Command::new("ip").args(["link", "set", "lo", "up"]).status().context("run ip")?;
        ensure!(started.success(), "ip link set lo up: {started}");
        let socket = UdpSocket::bind("127.0.0.1:0").context("bind")?;
        socket.connect(socket.local_addr()?).context("connect")?;
        socket.set_read_timeout(Some(LOST))?;
        Ok(socket)
    };
    let opened = thread::scope(|scope| scope.spawn(open).join());
    opened.unwrap_or_else(|_| Err(anyhow!("the thread that opens the loopback panicked")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        namespace::Namespace,
        wires::{Wires, address},
    };
    use ferrule_ruleset::address::Family;

    /// A flood from every side, looked at once.
    #[test]
    fn what_was_sent_is_there_when_the_queues_are_drained() {
        let wires = Wires::lay("drain").unwrap();
        for family in Family::ALL {
            let receiver = wires.server.run(|| UdpSocket::bind((address(family, 2, 2), 9000)).unwrap());
            receiver.set_nonblocking(true).unwrap();
            let flood = |namespace: &Namespace, from| {
                namespace.run(|| {
                    let socket = UdpSocket::bind((from, 0)).unwrap();
                    (0..50).for_each(|_| {
                        assert_eq!(socket.send_to(b"x", receiver.local_addr().unwrap()).unwrap(), 1)
                    });
                });
            };
            // Neighbours have to be known, or what waits for them is cut short.
            (0..2).for_each(|_| {
                wires
                    .client
                    .run(|| {
                        UdpSocket::bind((address(family, 1, 2), 0))
                            .unwrap()
                            .send_to(b"x", receiver.local_addr().unwrap())
                    })
                    .unwrap();
            });
            drain().unwrap();
            let arrived = || std::iter::from_fn(|| receiver.recv(&mut [0; 2]).ok()).count();
            assert_eq!(arrived(), 2, "{family}");
            for _ in 0..20 {
                flood(&wires.client, address(family, 1, 2));
                drain().unwrap();
                assert_eq!(arrived(), 50, "{family}");
            }
        }
    }
}
