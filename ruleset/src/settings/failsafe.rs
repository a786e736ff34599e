//! Failsafe ports: what keeps a node within reach whatever policy says of its host endpoints.

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
