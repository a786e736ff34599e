//! Sending many requests and seeing which arrive.
//!
//! Requests are whole packets from raw sockets in the sender's namespace. At the destination a raw socket of the packet's protocol sees them, that is
//! behind the input hook of that namespace, for pods, nodes and the world outside alike. A batch is sent as fast as it goes, and what arrived is counted
//! once the queues on all ways are empty.

mod socket;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use ferrule_ruleset::{address::Family, protocol::Protocol};

use crate::{
    backlog,
    cluster::Place,
    packet::{self, Packet, Payload},
    topology::Topology,
};
use socket::{Home, Sent};

/// How long a request that should arrive is waited for where the queues are empty: it may wait for a neighbour to be found.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many requests are sent before arrivals are taken in.
const BURST: usize = 64;

/// A request of a certain kind; ports and identifiers that are left open are chosen so that none is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Request {
    /// TCP, UDP, SCTP or UDP-Lite.
    Ports {
        /// Which of them.
        protocol: Protocol,
        /// Destination port.
        port: u16,
        /// A source port that matters. It can be used once per batch between the same two addresses.
        source: Option<u16>,
    },
    /// ICMP in IPv4, ICMPv6 in IPv6, or the other way round.
    Icmp {
        /// Which of them.
        protocol: Protocol,
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
    },
    /// Another protocol.
    Other(Protocol),
}

impl Request {
    /// Its protocol.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Ports { protocol, .. } | Self::Icmp { protocol, .. } | Self::Other(protocol) => protocol,
        }
    }
}

/// One request between two addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Where it is sent from; whoever owns the source address, unless that is forged.
    pub sender: Place,
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// The address that it arrives at if nobody drops it: another than the destination where that is a service's.
    pub arrives: IpAddr,
    /// What is sent.
    pub request: Request,
    /// What should become of it: only whether it is waited for depends on this.
    pub expected: Delivery,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Delivery {
    /// It reached the namespace of its destination.
    Arrived,
    /// It did not.
    Lost,
}

/// Sends probes through a topology and watches for them.
pub struct Prober<'a> {
    topology: &'a Topology,
    homes: BTreeMap<Place, Home>,
    next_tag: u32,
    next_port: BTreeMap<(IpAddr, Protocol), u16>,
}

/// A connection as connection tracking knows it, whichever end began it: a protocol and two addresses, each with its port, or 0 where there are none.
type Conversation = (Protocol, BTreeSet<(IpAddr, u16)>);

impl<'a> Prober<'a> {
    /// A prober that has used no port yet. There should be only one per topology.
    pub fn new(topology: &'a Topology) -> Self {
        Self { topology, homes: BTreeMap::new(), next_tag: 1, next_port: BTreeMap::new() }
    }

    /// What becomes of each probe, in their order. Connections of earlier probes are forgotten first. A packet seen anywhere but at its destination is
    /// an error.
    pub fn deliver(&mut self, probes: &[Probe]) -> Result<Vec<Delivery>> {
        let mut deliveries = vec![Delivery::Lost; probes.len()];
        let mut left: Vec<usize> = (0..probes.len()).collect();
        while !left.is_empty() {
            let (wave, later) = split(&left, probes);
            self.topology.forget_connections()?;
            self.send_wave(&wave, probes, &mut deliveries)?;
            left = later;
        }
        Ok(deliveries)
    }

    /// The same all at once and with connections as they are: for packets that are meant to belong to one.
    pub fn deliver_on(&mut self, probes: &[Probe]) -> Result<Vec<Delivery>> {
        let mut deliveries = vec![Delivery::Lost; probes.len()];
        self.send_wave(&(0..probes.len()).collect::<Vec<_>>(), probes, &mut deliveries)?;
        Ok(deliveries)
    }

    fn send_wave(&mut self, wave: &[usize], probes: &[Probe], deliveries: &mut [Delivery]) -> Result<()> {
        for probe in wave.iter().map(|index| &probes[*index]) {
            let family = Family::of(&probe.destination);
            ensure!(
                Family::of(&probe.source) == family,
                "{} and {} are of two families",
                probe.source,
                probe.destination
            );
            self.watch(&probe.arrives, family, probe.request.protocol())?;
        }
        let first = self.next_tag;
        for (sent, index) in wave.iter().enumerate() {
            self.send(&probes[*index])?;
            if sent % BURST == BURST - 1 {
                self.collect(first, wave, probes, deliveries)?;
            }
        }
        let missing = |index: &usize, deliveries: &[Delivery]| {
            (probes[*index].expected, deliveries[*index]) == (Delivery::Arrived, Delivery::Lost)
        };
        let sent = Instant::now();
        loop {
            backlog::drain()?;
            self.collect(first, wave, probes, deliveries)?;
            if sent.elapsed() > PATIENCE || !wave.iter().any(|index| missing(index, deliveries)) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn send(&mut self, probe: &Probe) -> Result<()> {
        let payload = self.payload(probe)?;
        let tag = self.next_tag;
        self.next_tag += 1;
        let bytes = Packet { source: probe.source, destination: probe.destination, payload }.encode(tag);
        match self.home(&probe.sender)?.send(probe.destination, &bytes) {
            Ok(Sent::Out | Sent::Refused) => Ok(()),
            Err(error) => bail!("send {probe:?}: {error}"),
        }
    }

    /// Fills in ports and identifiers.
    fn payload(&mut self, probe: &Probe) -> Result<Payload> {
        Ok(match probe.request {
            Request::Ports { protocol, port, source } => {
                let source = source.map_or_else(|| self.fresh(probe.source, protocol), Ok)?;
                Payload::Ports { protocol, source, destination: port }
            }
            Request::Icmp { protocol, kind, code } => {
                Payload::Icmp { protocol, kind, code, identifier: self.fresh(probe.source, protocol)? }
            }
            Request::Other(protocol) => Payload::Other(protocol),
        })
    }

    /// A source port or identifier that this source has not used.
    fn fresh(&mut self, source: IpAddr, protocol: Protocol) -> Result<u16> {
        let next = self.next_port.entry((source, protocol)).or_insert(20_000);
        ensure!(*next < u16::MAX, "{source} has used every port of {protocol}: build a new topology");
        *next += 1;
        Ok(*next)
    }

    fn home(&mut self, place: &Place) -> Result<&mut Home> {
        if !self.homes.contains_key(place) {
            let namespace = match place {
                Place::Pod(name) => self.topology.pod(name)?,
                Place::Node(name) => self.topology.node(name)?,
                Place::Outside => self.topology.outside(),
            };
            self.homes.insert(place.clone(), Home::open(namespace)?);
        }
        Ok(self.homes.entry(place.clone()).or_default())
    }

    /// Opens the eyes of a destination for a protocol.
    fn watch(&mut self, destination: &IpAddr, family: Family, protocol: Protocol) -> Result<()> {
        let place = self.topology.cluster.owner(*destination);
        let namespace = self.topology.home(*destination)?;
        self.home(&place)?.watch(namespace, family, protocol)
    }

    /// Takes in what arrived so far, of the wave whose first tag is given.
    fn collect(
        &mut self,
        first: u32,
        wave: &[usize],
        probes: &[Probe],
        deliveries: &mut [Delivery],
    ) -> Result<()> {
        for (place, home) in &mut self.homes {
            for (protocol, transport) in home.arrivals()? {
                let Some(tag) = packet::tag(protocol, &transport) else { continue };
                let Some(index) = tag.checked_sub(first).and_then(|number| wave.get(number as usize)) else {
                    continue;
                };
                let probe = &probes[*index];
                if *place == self.topology.cluster.owner(probe.arrives) {
                    deliveries[*index] = Delivery::Arrived;
                } else {
                    // An echo reply bears the tag of its request back to the sender.
                    ensure!(*place == probe.sender, "{probe:?} arrived at {place:?}");
                }
            }
        }
        Ok(())
    }
}

/// Those that can be sent at once, and those that would look like the reply to one of them.
fn split(left: &[usize], probes: &[Probe]) -> (Vec<usize>, Vec<usize>) {
    let mut taken: BTreeSet<Conversation> = BTreeSet::new();
    left.iter().copied().partition(|index| {
        let probe = &probes[*index];
        let (port, source) = match probe.request {
            Request::Ports { source: None, .. } | Request::Icmp { .. } => return true,
            Request::Ports { port, source: Some(source), .. } => (port, source),
            Request::Other(_) => (0, 0),
        };
        let ends = BTreeSet::from([(probe.source, source), (probe.destination, port)]);
        taken.insert((probe.request.protocol(), ends))
    })
}
