//! Who reaches whom: one request from every pod to every pod's service.

use std::{collections::BTreeMap, fmt, net::IpAddr};

use anyhow::{Context, Result};
use ferrule_ruleset::protocol::Protocol;

use crate::{
    cluster::Place,
    probe::{Delivery, Probe, Prober, Request},
    topology::Topology,
};

/// What each pod of the demonstration serves, by the beginning of its name.
const SERVICES: [(&str, Protocol, u16); 4] = [
    ("frontend", Protocol::TCP, 80),
    ("api", Protocol::TCP, 8080),
    ("db", Protocol::TCP, 5432),
    ("dns", Protocol::UDP, 53),
];

/// Asks the same requests again and again.
pub(super) struct Matrix<'a> {
    prober: Prober<'a>,
    pods: Vec<(String, IpAddr)>,
}

/// One round of answers.
pub(super) struct Reached {
    pods: Vec<String>,
    arrived: BTreeMap<(String, String), Delivery>,
}

impl<'a> Matrix<'a> {
    pub(super) fn new(topology: &'a Topology) -> Self {
        let pods = topology.cluster.pods.iter();
        let pods = pods.filter_map(|(name, pod)| Some((name.clone(), *pod.addresses.first()?))).collect();
        Self { prober: Prober::new(topology), pods }
    }

    /// Sends one request from every pod to every pod that serves something.
    pub(super) fn probe(&mut self) -> Result<Reached> {
        let pairs: Vec<_> =
            self.pods.iter().flat_map(|from| self.pods.iter().map(move |to| (from, to))).collect();
        let pairs: Vec<_> =
            pairs.into_iter().filter(|(from, to)| from != to && service(&to.0).is_some()).collect();
        let probes: Vec<Probe> = pairs.iter().map(|(from, to)| request(from, to)).collect::<Result<_>>()?;
        let arrived = self.prober.deliver(&probes)?;
        let names = pairs.iter().map(|(from, to)| (from.0.clone(), to.0.clone()));
        Ok(Reached {
            pods: self.pods.iter().map(|(name, _)| name.clone()).collect(),
            arrived: names.zip(arrived).collect(),
        })
    }
}

fn request((from, source): &(String, IpAddr), (to, destination): &(String, IpAddr)) -> Result<Probe> {
    let (protocol, port) = service(to).context("a pod that serves something")?;
    Ok(Probe {
        sender: Place::Pod(from.clone()),
        source: *source,
        destination: *destination,
        arrives: *destination,
        request: Request::Ports { protocol, port, source: None },
        expected: Delivery::Lost,
    })
}

fn service(pod: &str) -> Option<(Protocol, u16)> {
    let name = pod.split('/').next_back()?;
    SERVICES.iter().find(|(start, ..)| name.starts_with(start)).map(|(_, protocol, port)| (*protocol, *port))
}

impl Reached {
    /// Whether a request between the two was lost.
    pub(super) fn is_isolated(&self, from: &str, to: &str) -> bool {
        self.arrived.get(&(from.to_owned(), to.to_owned())) == Some(&Delivery::Lost)
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services: Vec<_> =
            self.pods.iter().filter_map(|pod| service(pod).map(|service| (pod, service))).collect();
        write!(f, "  {:22}", "from \\ to")?;
        for (pod, (protocol, port)) in &services {
            let name = pod.split('/').next_back().unwrap_or_default();
            write!(f, "{:>18}", format!("{name} {}/{port}", protocol.to_string().to_lowercase()))?;
        }
        writeln!(f)?;
        for from in &self.pods {
            write!(f, "  {from:22}")?;
            for (to, _) in &services {
                let word = match self.arrived.get(&(from.clone(), (*to).clone())) {
                    Some(Delivery::Arrived) => "yes",
                    Some(Delivery::Lost) => "-",
                    None => ".",
                };
                write!(f, "{word:>18}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
