//! What a ruleset costs per packet.
//!
//! One process holds sockets in the namespaces of every configuration. Sending runs forwarding and delivery inside the sender's system call, so the CPU
//! time of the sending thread per packet is the price of the whole path. Batches alternate between the configurations within milliseconds, and ratios
//! are taken round by round, so that a machine whose speed drifts does not show.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use anyhow::{Context, Result};
use nix::{
    sys::socket::{setsockopt, sockopt},
    time::{ClockId, clock_gettime},
};

use super::ratio::Ratios;
use crate::{namespace::Namespace, topology::Topology};

/// Rounds per measurement.
const ROUNDS: usize = 80;
/// Packets per batch.
const BATCH: usize = 300;

/// Two pods on a node whose rules are to be measured.
#[derive(Debug)]
pub struct Route<'a> {
    client: &'a Namespace,
    receiver: UdpSocket,
    source: IpAddr,
    destination: SocketAddr,
}

impl<'a> Route<'a> {
    /// Sockets for traffic between two pods of a topology, from `source` to `destination`.
    pub fn new(
        topology: &'a Topology,
        client: &str,
        server: &str,
        source: IpAddr,
        destination: SocketAddr,
    ) -> Result<Self> {
        let receiver =
            topology.pod(server)?.run(|| UdpSocket::bind(destination)).context("bind the receiver")?;
        setsockopt(&receiver, sockopt::RcvBufForce, &(8 << 20)).context("enlarge the receiver's buffer")?;
        receiver.set_nonblocking(true)?;
        Ok(Self { client: topology.pod(client)?, receiver, source, destination })
    }

    /// CPU nanoseconds per packet of an established flow.
    fn established(&self, flow: &UdpSocket) -> Result<f64> {
        let nanoseconds = cpu_time(|| (0..BATCH).try_for_each(|_| flow.send(&[0; 64]).map(drop)))?;
        self.drain();
        Ok(nanoseconds / BATCH as f64)
    }

    /// CPU nanoseconds for the first packet of a flow.
    fn new_flow(&self) -> Result<f64> {
        let flows: Vec<UdpSocket> = (0..BATCH).map(|_| self.flow()).collect::<Result<_>>()?;
        let nanoseconds = cpu_time(|| flows.iter().try_for_each(|flow| flow.send(&[0; 64]).map(drop)))?;
        let arrived = self.drain();
        anyhow::ensure!(
            arrived == BATCH,
            "{arrived} of {BATCH} packets arrived: what is measured is not the allowed path"
        );
        Ok(nanoseconds / BATCH as f64)
    }

    fn flow(&self) -> Result<UdpSocket> {
        let flow = self.client.run(|| UdpSocket::bind((self.source, 0))).context("bind a flow")?;
        flow.connect(self.destination)?;
        Ok(flow)
    }

    /// A flow that has seen a reply.
    fn established_flow(&self) -> Result<UdpSocket> {
        let flow = self.flow()?;
        flow.send(&[0; 64])?;
        let mut buffer = [0; 128];
        let (_, from) = self.receiver.recv_from(&mut buffer).context("the first packet of a flow")?;
        self.receiver.send_to(&[0; 64], from)?;
        flow.recv(&mut buffer)?;
        Ok(flow)
    }

    fn drain(&self) -> usize {
        let mut buffer = [0; 128];
        std::iter::from_fn(|| self.receiver.recv(&mut buffer).ok()).count()
    }
}

/// Thread CPU time of some work, in nanoseconds.
fn cpu_time(work: impl FnOnce() -> std::io::Result<()>) -> Result<f64> {
    let now = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    let before = now()?;
    work()?;
    let spent = now()? - before;
    Ok(spent.tv_sec() as f64 * 1e9 + spent.tv_nsec() as f64)
}

/// Price per packet of an established flow and per new flow, as ratios to the first route.
#[derive(Debug)]
pub struct PathCosts {
    /// Per packet of an established flow.
    pub established: Ratios,
    /// Per first packet of a flow.
    pub new_flow: Ratios,
}

/// Measures all routes in alternation; the first is the baseline.
pub fn measure(routes: &[Route<'_>]) -> Result<PathCosts> {
    let flows: Vec<UdpSocket> = routes.iter().map(Route::established_flow).collect::<Result<_>>()?;
    let mut established = Ratios::new(routes.len());
    let mut new_flow = Ratios::new(routes.len());
    for _ in 0..ROUNDS {
        established.round(
            routes.iter().zip(&flows).map(|(route, flow)| route.established(flow)).collect::<Result<_>>()?,
        );
        new_flow.round(routes.iter().map(Route::new_flow).collect::<Result<_>>()?);
    }
    Ok(PathCosts { established, new_flow })
}
