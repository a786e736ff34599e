//! A flow to be judged.

use crate::{
    address::Family,
    packet::Payload,
    protocol::Protocol,
    verdict::{FlowError, Peer},
};

/// A flow, by its first packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Who opens it.
    pub from: Peer,
    /// To whom.
    pub to: Peer,
    /// The IP protocol.
    pub protocol: Protocol,
    /// Source port; [`Flow::SOURCE_PORT`] if absent.
    pub source_port: Option<u16>,
    /// Destination port. Needed by protocols with ports.
    pub port: Option<u16>,
    /// ICMP type; an echo request if absent.
    pub icmp_type: Option<u8>,
    /// ICMP code; 0 if absent.
    pub icmp_code: Option<u8>,
    /// The family to use where both ends have both; IPv4 if absent.
    pub family: Option<Family>,
}

impl Flow {
    /// The source port of a flow that names none: one that a client's kernel could have picked.
    pub const SOURCE_PORT: u16 = 40_000;

    /// A flow of TCP to a port.
    pub fn tcp(from: Peer, to: Peer, port: u16) -> Self {
        Self {
            from,
            to,
            protocol: Protocol::TCP,
            source_port: None,
            port: Some(port),
            icmp_type: None,
            icmp_code: None,
            family: None,
        }
    }

    /// What its first packet carries. A port that is given for a protocol without ports must be 0, for callers that always write one.
    pub(super) fn payload(&self) -> Result<Payload, FlowError> {
        let protocol = self.protocol;
        let icmp = matches!(protocol, Protocol::ICMP | Protocol::ICMPV6);
        let ports = protocol.has_ports() || protocol == Protocol::UDPLITE;
        if !icmp && (self.icmp_type.is_some() || self.icmp_code.is_some()) {
            return Err(FlowError::NotIcmp { protocol });
        }
        if !ports && [self.port, self.source_port].into_iter().flatten().any(|port| port != 0) {
            return Err(FlowError::NoPorts { protocol });
        }
        if ports {
            let destination = self.port.ok_or(FlowError::PortMissing { protocol })?;
            let source = self.source_port.unwrap_or(Self::SOURCE_PORT);
            return Ok(Payload::Ports { protocol, source, destination });
        }
        if icmp {
            return self.message();
        }
        Ok(Payload::Other(protocol))
    }

    fn message(&self) -> Result<Payload, FlowError> {
        let protocol = self.protocol;
        let echo_request = if protocol == Protocol::ICMP { 8 } else { 128 };
        match (self.icmp_type, self.icmp_code) {
            (None, Some(_)) => Err(FlowError::CodeWithoutType),
            (kind, code) => {
                Ok(Payload::Icmp { protocol, kind: kind.unwrap_or(echo_request), code: code.unwrap_or(0) })
            }
        }
    }
}
