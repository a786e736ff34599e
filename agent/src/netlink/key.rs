//! Keys of sets as the kernel compares them: fields in network order, each padded to 4 bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ferrule_ruleset::{
    address::Family, ir::AddressPort, name::InterfaceName, nft::ProtocolPort, protocol::Protocol,
};

/// Length of an interface name in the kernel (`IFNAMSIZ`), its terminator included.
pub(crate) const INTERFACE_NAME: usize = 16;

/// Length of a field of a concatenation that is no address.
pub(crate) const FIELD: usize = 4;

/// A key of at most 24 bytes: an IPv6 address, a protocol and a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Key {
    bytes: [u8; 24],
    length: u8,
}

impl Key {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// A key as the kernel lists it; none if it is longer than any of ours.
    pub fn listed(bytes: &[u8]) -> Option<Self> {
        let mut key = Self { length: bytes.len() as u8, ..Self::default() };
        key.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(key)
    }

    /// An address.
    pub fn address(address: &IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::default().field(&address.octets()),
            IpAddr::V6(address) => Self::default().field(&address.octets()),
        }
    }

    /// A port alone.
    pub fn port(port: u16) -> Self {
        Self::exactly(&port.to_be_bytes())
    }

    /// A byte alone.
    pub fn byte(byte: u8) -> Self {
        Self::exactly(&[byte])
    }

    /// The type and the code of an ICMP message.
    pub fn type_code(kind: u8, code: u8) -> Self {
        Self::default().field(&[kind]).field(&[code])
    }

    /// An address, a protocol and a port.
    pub fn address_port(element: &AddressPort) -> Self {
        Self::address(&element.address).field(&[element.protocol.0]).field(&element.port.to_be_bytes())
    }

    /// A protocol and a port.
    pub fn protocol_port(element: &ProtocolPort) -> Self {
        Self::default().field(&[element.protocol.0]).field(&element.port.to_be_bytes())
    }

    /// An interface; none if its name is longer than the kernel's can be.
    pub fn interface(name: &InterfaceName) -> Option<Self> {
        let name = name.as_str().as_bytes();
        if name.is_empty() || name.len() >= INTERFACE_NAME || name.contains(&0) {
            return None;
        }
        let mut key = Self { length: INTERFACE_NAME as u8, ..Self::default() };
        key.bytes[..name.len()].copy_from_slice(name);
        Some(key)
    }

    fn exactly(bytes: &[u8]) -> Self {
        Self { length: bytes.len() as u8, ..Self::default().field(bytes) }
    }

    fn field(mut self, bytes: &[u8]) -> Self {
        let start = usize::from(self.length);
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len().next_multiple_of(FIELD) as u8;
        self
    }
}

/// The address that a key begins with, and the rest of the key.
pub(crate) fn read_address(family: Family, key: &[u8]) -> Option<(IpAddr, &[u8])> {
    match family {
        Family::V4 => {
            let (address, rest) = key.split_first_chunk()?;
            Some((Ipv4Addr::from(*address).into(), rest))
        }
        Family::V6 => {
            let (address, rest) = key.split_first_chunk()?;
            Some((Ipv6Addr::from(*address).into(), rest))
        }
    }
}

/// The protocol and port that a key ends with.
pub(crate) fn read_protocol_port(key: &[u8]) -> Option<ProtocolPort> {
    match *key {
        [protocol, _, _, _, high, low, _, _] => {
            Some(ProtocolPort { protocol: Protocol(protocol), port: u16::from_be_bytes([high, low]) })
        }
        _ => None,
    }
}

/// The interface of a key.
pub(crate) fn read_interface(key: &[u8]) -> Option<InterfaceName> {
    let name = key.split(|byte| *byte == 0).next().unwrap_or_default();
    std::str::from_utf8(name).ok().map(InterfaceName::from)
}
