//! TCP connections between the inhabitants of a topology, by name: what comes of each, and whom the server sees.

use std::{
    net::{IpAddr, SocketAddr},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use ferrule_ruleset::address::Family;

use crate::{
    service::dial::{Dial, Dialler, Expected, Outcome, Server},
    topology::Topology,
};

/// How long a change of manifests or links may take to be enforced before the test gives up. Nothing is asserted about how long it takes.
const PATIENCE: Duration = Duration::from_secs(120);
/// After how long what has not come about is looked at again, the first time and at most: a source has so many ports and no more.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));

/// How a call should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The server answers and sees the client at this address.
    Seen(IpAddr),
    /// The server answers, whomever it sees.
    Answered,
    /// Somebody refuses: a reset, or an ICMP error.
    Refused,
    /// No answer comes, no refusal either.
    Silent,
    /// No server answers; whether somebody refuses is not said.
    Unanswered,
}

impl Ending {
    /// Whether an outcome is this.
    pub fn is(self, outcome: Outcome) -> bool {
        match (self, outcome) {
            (Self::Seen(client), Outcome::Answered(peer)) => peer.ip() == client,
            (Self::Answered, Outcome::Answered(_)) => true,
            (Self::Seen(_) | Self::Answered, Outcome::Refused | Outcome::Silent)
            | (Self::Refused | Self::Silent | Self::Unanswered, Outcome::Answered(_)) => false,
            (Self::Refused, outcome) => outcome == Outcome::Refused,
            (Self::Silent, outcome) => outcome == Outcome::Silent,
            (Self::Unanswered, Outcome::Refused | Outcome::Silent) => true,
        }
    }

    fn expected(self) -> Expected {
        match self {
            Self::Seen(_) | Self::Answered | Self::Refused => Expected::Answer,
            Self::Silent | Self::Unanswered => Expected::Silence,
        }
    }
}

/// A connection from somebody ([`crate::cluster::Cluster::addresses`]) to an address and port, and how it should end.
pub type Call<'a> = (&'a str, SocketAddr, Ending);

/// Whoever calls. There should be only one per topology.
#[derive(Debug)]
pub struct Caller<'a> {
    topology: &'a Topology,
    dialler: Dialler,
    servers: Vec<Server>,
}

impl<'a> Caller<'a> {
    /// Nobody has called yet, and nobody listens.
    pub fn new(topology: &'a Topology) -> Self {
        Self { topology, dialler: Dialler::default(), servers: Vec::new() }
    }

    /// Has somebody listen on a port of each address.
    pub fn serve(&mut self, addresses: &[IpAddr], port: u16) -> Result<()> {
        for address in addresses {
            self.servers.push(Server::start(self.topology.home(*address)?, SocketAddr::new(*address, port))?);
        }
        Ok(())
    }

    /// Makes calls, earlier connections forgotten; what came of each.
    pub fn call(&mut self, calls: &[Call<'_>]) -> Result<Vec<Outcome>> {
        self.topology.forget_connections()?;
        let dials = calls.iter().map(|(from, to, ending)| {
            let family = Family::of(&to.ip());
            let addresses = self.topology.cluster.addresses(from)?;
            let source = addresses.into_iter().find(|address| Family::of(address) == family);
            let source = source.with_context(|| format!("{from} has no address of {family}"))?;
            let from = self.topology.home(source)?;
            Ok(Dial { from, source, to: *to, expected: ending.expected() })
        });
        let dials = dials.collect::<Result<Vec<_>>>()?;
        Ok(self.dialler.dial(&dials)?.into_iter().map(|(_, outcome)| outcome).collect())
    }

    /// Makes calls; an error that names the first one that did not end as it should.
    pub fn expect(&mut self, calls: &[Call<'_>]) -> Result<Vec<Outcome>> {
        let outcomes = self.call(calls)?;
        let mut wrong = calls.iter().zip(&outcomes).filter(|((_, _, ending), outcome)| !ending.is(**outcome));
        let first = wrong.next();
        ensure!(
            first.is_none(),
            "{} of {} calls ended otherwise, the first: {first:?}",
            wrong.count() + 1,
            calls.len()
        );
        Ok(outcomes)
    }

    /// Makes calls again and again until all end as they should; an error with the first one that does not if that takes too long.
    pub fn until(&mut self, calls: &[Call<'_>]) -> Result<Vec<Outcome>> {
        until(|| self.expect(calls))
    }
}

/// Tries something until it succeeds; its last error if that takes too long.
pub fn until<T>(mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let (begin, mut pause) = (Instant::now(), PAUSES.0);
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) if begin.elapsed() > PATIENCE => {
                return Err(error.context(format!("not so after {PATIENCE:?}")));
            }
            Err(_) => thread::sleep(pause),
        }
        pause = (pause * 2).min(PAUSES.1);
    }
}
