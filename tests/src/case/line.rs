//! A line of `flows.txt`.
//!
//! ```text
//! FROM[,FROM…] -> TO[@NODE][,TO…]  PROTOCOL[,PROTOCOL…] [PORT[,PORT…]] [from PORT] [v4|v6]  allow|deny  [by DECIDER]   # remark
//! default/web -> default/db tcp 5432 allow by knp/default/db ingress[0]
//! 203.0.113.7 -> default/db tcp,udp 53,5432 deny by end-of-tier
//! node/n1 -> default/db ping allow
//! 203.0.113.7 -> svc/default/web@n2 tcp 80 allow
//! ```
//!
//! A peer is `namespace/pod`, `node/NAME`, an address, or, as a receiver, `svc/NAMESPACE/NAME` (the cluster addresses of a Service). `@NODE` is the node by
//! which the world outside sends what is bound for a Service's address. Nodes run kube-proxy if there are Services. A protocol is `tcp`, `udp`, `sctp`, `udplite`, `ping` (an echo request), `icmp:TYPE/CODE`,
//! `icmpv6:TYPE/CODE`, or a number. Each combination is judged, in each family that both peers have unless one is named. What decided is written as the
//! beginning of `knp/NAMESPACE/NAME ingress[0]` (`np/…`, `gnp/NAME`, `cnp/NAME`, `anp/NAME`, `banp/NAME`), or as the name of a built-in (`end-of-tier`, `profile`, `host-to-own-pod`, …).

use std::{fmt, net::IpAddr};

use anyhow::{Context, Result, bail, ensure};
use ferrule_ruleset::{address::Family, protocol::Protocol};

use crate::{
    cluster::Cluster,
    probe::{Delivery, Probe, Request},
};

/// One combination of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Who sends.
    pub from: String,
    /// Who receives.
    pub to: String,
    /// The node by which the world outside sends it, where the receiver does not say.
    pub at: Option<String>,
    /// What is sent.
    pub traffic: Traffic,
    /// The only family that is meant.
    pub family: Option<Family>,
    /// What should become of it.
    pub expected: Delivery,
    /// What should decide; empty if the line does not say.
    pub by: String,
}

/// What a line sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// The same in both families.
    Request(Request),
    /// An echo request of the family.
    Ping,
}

impl Line {
    /// The combinations of a line of text; none of an empty one.
    pub fn parse(text: &str) -> Result<Vec<Self>> {
        let text = text.split_once('#').map_or(text, |(before, _)| before);
        let mut words = text.split_whitespace().peekable();
        let Some(from) = words.next() else { return Ok(Vec::new()) };
        ensure!(words.next() == Some("->"), "FROM -> TO is missing");
        let to = words.next().context("TO is missing")?;
        let protocols = words.next().context("PROTOCOL is missing")?;
        let ports =
            words.next_if(|word| word.starts_with(|first: char| first.is_ascii_digit())).unwrap_or_default();
        let source = match words.next_if_eq(&"from") {
            Some(_) => Some(words.next().context("source port is missing")?.parse().context("source port")?),
            None => None,
        };
        let family = match words.next_if(|word| matches!(*word, "v4" | "v6")) {
            Some("v4") => Some(Family::V4),
            Some(_) => Some(Family::V6),
            None => None,
        };
        let expected = match words.next() {
            Some("allow") => Delivery::Arrived,
            Some("deny") => Delivery::Lost,
            other => bail!("expected allow or deny, not {other:?}"),
        };
        let by: Vec<_> = match words.next() {
            Some("by") => words.collect(),
            Some(word) => bail!("unexpected {word:?}"),
            None => Vec::new(),
        };
        let by = by.join(" ");
        let traffic = traffic(protocols, ports, source)?;
        let mut lines = Vec::new();
        for from in from.split(',') {
            for to in to.split(',') {
                let (to, at) = to.split_once('@').map_or((to, None), |(to, at)| (to, Some(at)));
                let line = |traffic: &Traffic| Self {
                    from: from.to_owned(),
                    to: to.to_owned(),
                    at: at.map(str::to_owned),
                    traffic: *traffic,
                    family: family.or_else(|| implied_family(*traffic)),
                    expected,
                    by: by.clone(),
                };
                lines.extend(traffic.iter().map(line));
            }
        }
        Ok(lines)
    }

    /// The packets to send: one in each family that is meant and that both peers have; none at all is an error.
    pub fn probes(&self, cluster: &Cluster) -> Result<Vec<Probe>> {
        let (from, to) = (cluster.addresses(&self.from)?, cluster.addresses(&self.to)?);
        let mut probes = Vec::new();
        for family in
            Family::ALL.into_iter().filter(|family| self.family.is_none_or(|meant| meant == *family))
        {
            let of = |addresses: &[IpAddr]| {
                addresses.iter().copied().find(|address| Family::of(address) == family)
            };
            let (Some(source), Some(destination)) = (of(&from), of(&to)) else { continue };
            let sender = cluster.owner(source);
            probes.push(Probe {
                sender,
                source,
                destination,
                arrives: destination,
                request: self.request(family),
                expected: self.expected,
            });
        }
        ensure!(!probes.is_empty(), "{} and {} have no address of a common family", self.from, self.to);
        Ok(probes)
    }

    /// The request in a family.
    pub fn request(&self, family: Family) -> Request {
        match (self.traffic, family) {
            (Traffic::Request(request), _) => request,
            (Traffic::Ping, Family::V4) => Request::Icmp { protocol: Protocol::ICMP, kind: 8, code: 0 },
            (Traffic::Ping, Family::V6) => Request::Icmp { protocol: Protocol::ICMPV6, kind: 128, code: 0 },
        }
    }

    /// What is expected, in words.
    pub fn expectation(&self) -> String {
        let verdict = super::verdict(self.expected);
        if self.by.is_empty() { verdict.to_owned() } else { format!("{verdict} by {}", self.by) }
    }

    /// Whether a decider, written in full, is the one that is expected.
    pub fn is_by(&self, decider: &str) -> bool {
        decider
            .strip_prefix(&self.by)
            .is_some_and(|rest| self.by.is_empty() || rest.is_empty() || rest.starts_with(' '))
    }

    /// The arguments of `ferrule eval` for one of its packets.
    pub fn eval_arguments(&self, probe: &Probe) -> String {
        let asked = match probe.request {
            Request::Ports { protocol, port, source } => {
                let source = source.map(|source| format!(" --source-port {source}")).unwrap_or_default();
                format!("--protocol {protocol} --port {port}{source}")
            }
            Request::Icmp { protocol, kind, code } => {
                format!("--protocol {protocol} --icmp-type {kind} --icmp-code {code}")
            }
            Request::Other(protocol) => format!("--protocol {protocol}"),
        };
        format!("--from {} --to {} {asked}", probe.source, probe.destination)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, at, .. } = self;
        let at = at.as_ref().map(|node| format!("@{node}")).unwrap_or_default();
        write!(f, "{from} -> {to}{at} ")?;
        match self.traffic {
            Traffic::Ping => write!(f, "ping")?,
            Traffic::Request(Request::Ports { protocol, port, source }) => {
                write!(f, "{protocol} {port}")?;
                source.map_or(Ok(()), |source| write!(f, " from {source}"))?;
            }
            Traffic::Request(Request::Icmp { protocol, kind, code }) => {
                write!(f, "{protocol}:{kind}/{code}")?
            }
            Traffic::Request(Request::Other(protocol)) => write!(f, "{protocol}")?,
        }
        write!(f, " {}", self.expectation())
    }
}

/// Every protocol with every port.
fn traffic(protocols: &str, ports: &str, source: Option<u16>) -> Result<Vec<Traffic>> {
    let ports: Vec<u16> =
        ports.split_terminator(',').map(str::parse).collect::<Result<_, _>>().context("port")?;
    let mut traffic = Vec::new();
    for name in protocols.split(',') {
        if let ("icmp" | "icmpv6", Some((kind, code))) = numbered(name) {
            let protocol = if name.starts_with("icmpv6") { Protocol::ICMPV6 } else { Protocol::ICMP };
            traffic.push(Traffic::Request(Request::Icmp { protocol, kind, code }));
            continue;
        }
        match (name, Protocol::from_name(name), name.parse()) {
            ("ping", _, _) => traffic.push(Traffic::Ping),
            (_, Some(protocol), _) => {
                ensure!(!ports.is_empty(), "{name} needs a port");
                let request = |port: &u16| Traffic::Request(Request::Ports { protocol, port: *port, source });
                traffic.extend(ports.iter().map(request));
            }
            (_, None, Ok(number)) => traffic.push(Traffic::Request(Request::Other(Protocol(number)))),
            (_, None, Err(_)) => bail!("unknown protocol {name:?}"),
        }
    }
    Ok(traffic)
}

/// `icmp:8/0` as its name, type and code.
fn numbered(text: &str) -> (&str, Option<(u8, u8)>) {
    let Some((name, numbers)) = text.split_once(':') else { return (text, None) };
    let pair =
        numbers.split_once('/').and_then(|(kind, code)| Some((kind.parse().ok()?, code.parse().ok()?)));
    (name, pair)
}

/// ICMP without a family is meant in its own.
fn implied_family(traffic: Traffic) -> Option<Family> {
    match traffic {
        Traffic::Request(Request::Icmp { protocol: Protocol::ICMP, .. }) => Some(Family::V4),
        Traffic::Request(Request::Icmp { .. }) => Some(Family::V6),
        Traffic::Request(Request::Ports { .. } | Request::Other(_)) | Traffic::Ping => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_multiply() {
        let lines =
            Line::parse("a/b,node/n -> 10.0.0.1 tcp,udp,ping 80,81 deny by knp/a/p ingress[1]  # why")
                .unwrap();
        assert_eq!(lines.len(), 2 * 5);
        assert!(lines.iter().all(|line| line.expected == Delivery::Lost && line.by == "knp/a/p ingress[1]"));
        assert_eq!(lines[0].to_string(), "a/b -> 10.0.0.1 TCP 80 deny by knp/a/p ingress[1]");
    }

    #[test]
    fn families_and_icmp() {
        let line = |text| Line::parse(text).unwrap().remove(0);
        assert_eq!(line("a/b -> c/d icmp:8/0 allow").family, Some(Family::V4));
        assert_eq!(line("a/b -> c/d icmpv6:128/0 allow").family, Some(Family::V6));
        assert_eq!(line("a/b -> c/d udp 53 from 53 v6 allow").family, Some(Family::V6));
        assert_eq!(line("a/b -> c/d 253 allow").traffic, Traffic::Request(Request::Other(Protocol(253))));
    }

    #[test]
    fn deciders_match_by_words() {
        let line = Line::parse("a/b -> c/d ping allow by knp/a/p").unwrap().remove(0);
        assert!(line.is_by("knp/a/p ingress[0]") && line.is_by("knp/a/p"));
        assert!(!line.is_by("knp/a/px ingress[0]"));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "a/b",
            "a/b -> c/d",
            "a/b -> c/d tcp allow",
            "a/b -> c/d tcp 80",
            "a/b -> c/d foo 80 deny",
            "a/b -> c/d icmp:8 deny",
        ] {
            assert!(Line::parse(text).is_err(), "{text}");
        }
        assert!(Line::parse("  # only a remark").unwrap().is_empty());
    }
}
