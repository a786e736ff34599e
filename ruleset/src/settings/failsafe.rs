//! Failsafe ports: what keeps a node within reach whatever policy says of its host endpoints.

use std::{net::IpAddr, str::FromStr};

use ipnet::IpNet;

use crate::protocol::Protocol;

/// A port that host endpoint policy cannot close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Failsafe {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The destination port of the first packet.
    pub port: u16,
    /// Only this other end (source of inbound, destination of outbound traffic); none: any.
    pub net: Option<IpNet>,
}

impl Failsafe {
    /// `failsafeInboundHostPorts`, by default SSH, DHCP, BGP, etcd, Typha, and the API server.
    pub fn inbound() -> Vec<Self> {
        let tcp = [22, 179, 2379, 2380, 5473, 6443, 6666, 6667];
        [(Protocol::UDP, 68)]
            .into_iter()
            .chain(tcp.map(|port| (Protocol::TCP, port)))
            .map(Self::any)
            .collect()
    }

    /// `failsafeOutboundHostPorts`, by default DNS, DHCP, BGP, etcd, Typha, and the API server.
    pub fn outbound() -> Vec<Self> {
        let udp = [53, 67].map(|port| (Protocol::UDP, port));
        let tcp = [179, 2379, 2380, 5473, 6443, 6666, 6667].map(|port| (Protocol::TCP, port));
        udp.into_iter().chain(tcp).map(Self::any).collect()
    }

    fn any((protocol, port): (Protocol, u16)) -> Self {
        Self { protocol, port, net: None }
    }
}

/// What is not a failsafe port in text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no failsafe port: write tcp:22, udp:10.0.0.0/8:53 or tcp:[fd00::/8]:6443")]
pub struct FailsafeError(String);

impl FromStr for Failsafe {
    type Err = FailsafeError;

    /// `protocol:port` or `protocol:net:port`, an IPv6 network in brackets; a bare port is TCP. An address stands for a network of one.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (rest, port) = text.rsplit_once(':').unwrap_or(("tcp", text));
            let (protocol, net) = rest.split_once(':').map_or((rest, None), |(name, net)| (name, Some(net)));
            let protocol =
                Protocol::from_name(protocol).filter(|it| [Protocol::TCP, Protocol::UDP].contains(it))?;
            let port = port.parse().ok().filter(|port| *port != 0)?;
            let net = match net {
                Some(net) => Some(parse_net(net)?),
                None => None,
            };
            Some(Self { protocol, port, net })
        };
        read().ok_or_else(|| FailsafeError(text.to_owned()))
    }
}

fn parse_net(text: &str) -> Option<IpNet> {
    let text = text.strip_prefix('[').map_or(Some(text), |rest| rest.strip_suffix(']'))?;
    let net = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    Some(net.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failsafe_ports_are_read_in_every_form() {
        let tcp = |port, net: Option<&str>| Failsafe {
            protocol: Protocol::TCP,
            port,
            net: net.map(|net| net.parse().unwrap()),
        };
        assert_eq!("22".parse(), Ok(tcp(22, None)));
        assert_eq!("TCP:22".parse(), Ok(tcp(22, None)));
        assert_eq!("tcp:10.1.2.3/8:22".parse(), Ok(tcp(22, Some("10.0.0.0/8"))));
        assert_eq!("tcp:10.1.2.3:22".parse(), Ok(tcp(22, Some("10.1.2.3/32"))));
        assert_eq!("tcp:[fd00::1/8]:22".parse(), Ok(tcp(22, Some("fd00::/8"))));
        assert_eq!("udp:68".parse(), Ok(Failsafe { protocol: Protocol::UDP, ..tcp(68, None) }));
    }

    #[test]
    fn what_is_no_failsafe_port_is_named() {
        for text in [
            "",
            "tcp",
            "tcp:",
            "tcp:0",
            "sctp:22",
            "tcp:10.0.0.0/33:22",
            "tcp:[fd00::1:22",
            "tcp:x:22",
            "70000",
        ] {
            assert_eq!(text.parse::<Failsafe>(), Err(FailsafeError(text.to_owned())), "{text}");
        }
    }
}
