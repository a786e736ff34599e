//! A steady stream of numbered UDP datagrams between two namespaces, and the count of what arrived.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use nix::sys::socket::{setsockopt, sockopt};

use crate::{backlog, namespace::Namespace};

/// Sockets on either end, so that a stream is many flows.
const FLOWS: u16 = 16;
/// How often the sender looks at the clock.
const TICK: Duration = Duration::from_millis(1);
/// How many datagrams are sent between two looks at the clock. The queue of a processor holds a thousand packets (net.core.netdev_max_backlog).
const BURST: u64 = 64;
/// How often a receiver to which nothing comes looks whether it should stop.
const LOOK: Duration = Duration::from_millis(50);
/// How long a sender is waited for that does not get on.
const PATIENCE: Duration = Duration::from_secs(120);
/// Room for what arrives while the receiver does not run, in bytes.
const BUFFER: usize = 32 << 20;

/// A running stream.
#[derive(Debug)]
pub struct Stream {
    sent: Arc<AtomicU64>,
    stop_sender: Arc<AtomicBool>,
    stop_receiver: Arc<AtomicBool>,
    sender: JoinHandle<Result<()>>,
    receiver: JoinHandle<Result<Vec<Arrival>>>,
    begin: Instant,
}

/// A datagram that arrived.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Its number, from 0.
    pub number: u64,
    /// When it was read.
    pub at: Instant,
}

/// What a stream came to.
#[derive(Debug)]
pub struct Count {
    /// How many datagrams were sent.
    pub sent: u64,
    /// What arrived, in order of arrival.
    pub arrivals: Vec<Arrival>,
    /// How long was sent for.
    pub duration: Duration,
}

impl Stream {
    /// Sends so many datagrams a second between two addresses, to one port, or as many as the machine has time for. A sender that falls behind catches up
    /// as it can.
    pub fn start(
        from: (&Namespace, IpAddr),
        to: (&Namespace, IpAddr),
        port: u16,
        per_second: u64,
    ) -> Result<Self> {
        let destination = SocketAddr::new(to.1, port);
        let bind = |address| UdpSocket::bind(address).with_context(|| format!("bind {address}"));
        let receiver = to.0.run(|| bind(destination))?;
        setsockopt(&receiver, sockopt::RcvBufForce, &BUFFER).context("receive buffer")?;
        receiver.set_read_timeout(Some(LOOK))?;
        let open = || (0..FLOWS).map(|_| bind(SocketAddr::new(from.1, 0))).collect::<Result<Vec<_>>>();
        let senders = from.0.run(open)?;
        let (sent, stop_sender, stop_receiver) =
            (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let (count, stop) = (Arc::clone(&sent), Arc::clone(&stop_sender));
        let sender = thread::spawn(move || send(&senders, destination, per_second, &stop, &count));
        let stop = Arc::clone(&stop_receiver);
        let receiver = thread::spawn(move || receive(&receiver, &stop));
        Ok(Self { sent, stop_sender, stop_receiver, sender, receiver, begin: Instant::now() })
    }

    /// How many datagrams have been sent so far. One more may be on its way.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    /// Waits until so many further datagrams have been sent, each of them after this was called.
    pub fn await_further(&self, number: u64) -> Result<()> {
        let (first, begin) = (self.sent(), Instant::now());
        // The first of them may have been on its way already.
        while self.sent() <= first + number {
            ensure!(!self.sender.is_finished(), "the sender has ended after {} datagrams", self.sent());
            ensure!(
                begin.elapsed() < PATIENCE,
                "{} of {number} datagrams were sent in {PATIENCE:?}",
                self.sent() - first
            );
            thread::sleep(TICK);
        }
        Ok(())
    }

    /// Stops and counts, once all that was sent has arrived or never will.
    pub fn stop(self) -> Result<Count> {
        self.stop_sender.store(true, Ordering::SeqCst);
        self.sender.join().map_err(|_| anyhow!("sender panicked"))??;
        let duration = self.begin.elapsed();
        backlog::drain()?;
        self.stop_receiver.store(true, Ordering::SeqCst);
        let arrivals = self.receiver.join().map_err(|_| anyhow!("receiver panicked"))??;
        Ok(Count { sent: self.sent.load(Ordering::SeqCst), arrivals, duration })
    }
}

impl Count {
    /// Datagrams sent per second.
    pub fn rate(&self) -> u64 {
        (self.sent as f64 / self.duration.as_secs_f64()) as u64
    }

    /// How many did not arrive.
    pub fn lost(&self) -> u64 {
        self.sent - self.arrivals.len() as u64
    }

    /// Where datagrams are missing: when the last one before the gap arrived.
    pub fn gaps(&self) -> Vec<Instant> {
        let pairs = self.arrivals.windows(2);
        pairs.filter(|pair| pair[1].number > pair[0].number + 1).map(|pair| pair[0].at).collect()
    }
}

fn send(
    sockets: &[UdpSocket],
    to: SocketAddr,
    per_second: u64,
    stop: &AtomicBool,
    count: &AtomicU64,
) -> Result<()> {
    let begin = Instant::now();
    let mut sent = 0;
    while !stop.load(Ordering::SeqCst) {
        let due = (begin.elapsed().as_secs_f64() * per_second as f64) as u64;
        let due = due.min(sent + BURST);
        while sent < due && !stop.load(Ordering::SeqCst) {
            let socket = &sockets[sent as usize % sockets.len()];
            match socket.send_to(&sent.to_be_bytes(), to) {
                Ok(_) => sent += 1,
                // An output hook's drop; a datagram that was not sent does not count as lost.
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {}
                Err(error) => return Err(error).context("send a datagram"),
            }
            count.store(sent, Ordering::SeqCst);
        }
        thread::sleep(TICK);
    }
    Ok(())
}

fn receive(socket: &UdpSocket, stop: &AtomicBool) -> Result<Vec<Arrival>> {
    let mut arrivals = Vec::new();
    let mut buffer = [0; 16];
    loop {
        // Looked at first: what comes before the stop is read even if it came while nobody looked.
        let is_last = stop.load(Ordering::SeqCst);
        match socket.recv(&mut buffer) {
            Ok(length) => {
                ensure!(length == 8, "a datagram of {length} bytes that is not ours");
                let number = u64::from_be_bytes(buffer[..8].try_into()?);
                arrivals.push(Arrival { number, at: Instant::now() });
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                if is_last {
                    return Ok(arrivals);
                }
            }
            Err(error) => return Err(error).context("receive a datagram"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{cluster::Cluster, objects::from_yaml, topology::Topology};

    #[test]
    fn counts_what_arrives_and_what_a_rule_drops() {
        let objects = "
kind: List
items:
- {kind: Pod, metadata: {name: a}, spec: {nodeName: n}, status: {podIPs: [{ip: 10.0.0.1}]}}
- {kind: Pod, metadata: {name: b}, spec: {nodeName: n}, status: {podIPs: [{ip: 10.0.0.2}]}}";
        let cluster = Cluster::from_objects(&from_yaml(objects).unwrap());
        let topology = Topology::build("stream", &cluster, &BTreeSet::new()).unwrap();
        let from = (topology.pod("default/a").unwrap(), "10.0.0.1".parse().unwrap());
        let to = (topology.pod("default/b").unwrap(), "10.0.0.2".parse().unwrap());
        let open = Stream::start(from, to, 7000, 20_000).unwrap();
        open.await_further(1000).unwrap();
        let open = open.stop().unwrap();
        assert!(open.sent > 1000 && open.lost() == 0, "{} sent, {} lost", open.sent, open.lost());
        let node = topology.node("n").unwrap();
        node.execute(
            "nft",
            &["add table ip x; add chain ip x f { type filter hook forward priority 0; policy drop; }"],
            "",
        )
        .unwrap();
        let closed = Stream::start(from, to, 7001, 20_000).unwrap();
        closed.await_further(1000).unwrap();
        let closed = closed.stop().unwrap();
        assert!(
            closed.sent > 1000 && closed.arrivals.is_empty(),
            "{} of {} arrived",
            closed.arrivals.len(),
            closed.sent
        );
    }
}
