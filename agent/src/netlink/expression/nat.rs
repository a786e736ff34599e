//! What translations of addresses are told.

use ferrule_ruleset::{
    nft::{FullyRandom, NatPorts},
    port::PortRange,
};
use nftnl::nftnl_sys::libc;

use super::Register;
use crate::netlink::ffi::{RawExpression, U32};

/// Which address of the flow is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Nat {
    /// The source.
    Source = libc::NFT_NAT_SNAT as u32,
    /// The destination.
    Destination = libc::NFT_NAT_DNAT as u32,
}

/// Where the ports lie that a translation may choose, and how it chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ports {
    /// The register of the lowest port.
    pub first: Option<Register>,
    /// The register of the highest port, if it is another one.
    pub last: Option<Register>,
    /// How it chooses.
    pub fully_random: FullyRandom,
}

/// `NF_NAT_RANGE_PROTO_SPECIFIED`.
const SPECIFIED: u32 = 1 << 1;

/// `NF_NAT_RANGE_PROTO_RANDOM_FULLY`.
const FULLY_RANDOM: u32 = 1 << 4;

/// A register of 16 bytes for each value, as nft has it.
const WIDE: u32 = 16;

impl Ports {
    /// In the registers from the first on.
    pub fn alone(ports: NatPorts) -> Self {
        Self::after(0, ports)
    }

    /// In the registers behind that of an address.
    pub fn behind_address(ports: NatPorts) -> Self {
        Self::after(WIDE, ports)
    }

    fn after(bytes: u32, NatPorts { range, fully_random }: NatPorts) -> Self {
        let first = range.map(|_| Register::after(bytes));
        let several = |range: &PortRange| range.first != range.last;
        let last = range.filter(several).map(|_| Register::after(bytes + WIDE));
        Self { first, last, fully_random }
    }

    /// As attributes of a translation. The kernel lists flags where there are some.
    pub(super) fn write(self, raw: RawExpression, flags: U32, first: U32, last: U32) -> RawExpression {
        let random = match self.fully_random {
            FullyRandom::No => 0,
            FullyRandom::Yes => FULLY_RANDOM,
        };
        let specified = if self.first.is_some() { SPECIFIED } else { 0 };
        let register = |raw: RawExpression, attribute, register: Option<Register>| match register {
            Some(Register(number)) => raw.u32(attribute, number),
            None => raw,
        };
        let raw = register(register(raw, first, self.first), last, self.last);
        match random | specified {
            0 => raw,
            set => raw.u32(flags, set),
        }
    }
}
