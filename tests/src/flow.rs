//! A flow to be judged, in the form of a line of `ferrule eval --batch`.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// The first packet of a new connection or exchange between two peers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Who sends.
    pub from: Peer,
    /// Who receives.
    pub to: Peer,
    /// IP protocol number; read from a name as well.
    #[serde(deserialize_with = "protocol")]
    pub protocol: u8,
    /// Source port, for protocols that have ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_port: Option<u16>,
    /// Destination port, for protocols that have ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// ICMP or ICMPv6 type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp_type: Option<u8>,
    /// ICMP or ICMPv6 code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp_code: Option<u8>,
    /// 4 or 6; if absent, that of an address among the peers, else 4 if both peers have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<u8>,
    /// The node by which the world outside sends it, where the destination does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

impl fmt::Display for Flow {
    /// As `flows.txt` writes it, without the expectation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.from, self.to)?;
        self.at.as_ref().map_or(Ok(()), |node| write!(f, "@{node}"))?;
        f.write_str(" ")?;
        match (self.protocol, self.icmp_type, self.port) {
            (1, Some(kind), _) => write!(f, "icmp:{kind}/{}", self.icmp_code.unwrap_or(0))?,
            (58, Some(kind), _) => write!(f, "icmpv6:{kind}/{}", self.icmp_code.unwrap_or(0))?,
            (6, _, Some(port)) => write!(f, "tcp {port}")?,
            (17, _, Some(port)) => write!(f, "udp {port}")?,
            (132, _, Some(port)) => write!(f, "sctp {port}")?,
            (136, _, Some(port)) => write!(f, "udplite {port}")?,
            (other, _, _) => write!(f, "{other}")?,
        }
        if let Some(port) = self.source_port {
            write!(f, " from {port}")?;
        }
        self.family.map_or(Ok(()), |family| write!(f, " v{family}"))
    }
}

/// One end of a flow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// A pod: `namespace/name`.
    Pod {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// A node as a host: `node/name`.
    Node(String),
    /// An address, whoever owns it.
    Address(IpAddr),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pod { namespace, name } => write!(f, "{namespace}/{name}"),
            Self::Node(name) => write!(f, "node/{name}"),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some(("node", name)) => Ok(Self::Node(name.to_owned())),
            Some((namespace, name)) => {
                Ok(Self::Pod { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            None => text
                .parse()
                .map(Self::Address)
                .map_err(|_| format!("{text}: neither an address nor namespace/pod")),
        }
    }
}

impl Serialize for Peer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Peer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Reads a protocol number or one of the names of the policy APIs, in any letter case.
fn protocol<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u8),
        Name(String),
    }
    match Written::deserialize(deserializer)? {
        Written::Number(number) => Ok(number),
        Written::Name(name) => {
            protocol_number(&name).ok_or_else(|| D::Error::custom(format!("{name}: unknown protocol")))
        }
    }
}

/// The IANA number of a protocol that is named as in the policy APIs, in any letter case, or written as a decimal.
pub fn protocol_number(name: &str) -> Option<u8> {
    match name.to_ascii_lowercase().as_str() {
        "icmp" => Some(1),
        "tcp" => Some(6),
        "udp" => Some(17),
        "icmpv6" => Some(58),
        "sctp" => Some(132),
        "udplite" => Some(136),
        number => number.parse().ok(),
    }
}
