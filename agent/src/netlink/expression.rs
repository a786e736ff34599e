//! Expressions: what rules are made of in the kernel.

mod action;
mod nat;

use std::{ffi::CString, ptr::NonNull};

use ferrule_ruleset::nft::Operator;
use nftnl::nftnl_sys::{self as sys, libc};

use super::ffi::{self, RawExpression};
pub(crate) use action::{Action, Checksum, Rejection};
pub(crate) use nat::{Nat, Ports};

/// A register. What does not fit one register of 4 bytes lies in this and the following ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Register(u32);

impl Register {
    /// The register that single values go through: `NFT_REG_1`, the same bytes as `NFT_REG32_00` to `_03`.
    pub const FIRST: Self = Self(libc::NFT_REG_1 as u32);

    /// The register of 4 bytes after so many bytes from [`Self::FIRST`]; the number of bytes is a multiple of 4.
    pub fn after(bytes: u32) -> Self {
        if bytes == 0 { Self::FIRST } else { Self(libc::NFT_REG32_00 as u32 + bytes / 4) }
    }
}

/// A header of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Base {
    /// IPv4 or IPv6.
    Network = libc::NFT_PAYLOAD_NETWORK_HEADER as u32,
    /// TCP, UDP, ICMP and so on.
    Transport = libc::NFT_PAYLOAD_TRANSPORT_HEADER as u32,
}

/// A property of a packet that is in no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Meta {
    /// The protocol of the transport header.
    TransportProtocol = libc::NFT_META_L4PROTO as u32,
    /// The index of the interface it came in by, 0 for none.
    InputIndex = libc::NFT_META_IIF as u32,
    /// The index of the interface it leaves by, 0 for none.
    OutputIndex = libc::NFT_META_OIF as u32,
    /// The name of the interface it came in by, 16 bytes.
    InputInterface = libc::NFT_META_IIFNAME as u32,
    /// The name of the interface it leaves by, 16 bytes.
    OutputInterface = libc::NFT_META_OIFNAME as u32,
}

/// A property of the entry that connection tracking has for a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Connection {
    /// The state of the packet (`NF_CT_STATE_BIT`), which it has without an entry too.
    State = libc::NFT_CT_STATE as u32,
    /// The status of the flow (`IPS_*`).
    Status = libc::NFT_CT_STATUS as u32,
}

/// A part of the tuple of a flow as its first packet had it (`IP_CT_DIR_ORIGINAL`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Original {
    /// The IPv4 destination.
    DestinationV4 = libc::NFT_CT_DST_IP as u32,
    /// The IPv6 destination.
    DestinationV6 = libc::NFT_CT_DST_IP6 as u32,
    /// The destination port.
    DestinationPort = libc::NFT_CT_PROTO_DST as u32,
}

/// `IP_CT_DIR_ORIGINAL`.
const DIRECTION_ORIGINAL: u8 = 0;

/// The content of a register: at most 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    bytes: [u8; ffi::DATA_LENGTH],
    length: u8,
}

impl Value {
    /// The first [`ffi::DATA_LENGTH`] bytes of a slice.
    pub fn new(content: &[u8]) -> Self {
        let length = content.len().min(ffi::DATA_LENGTH);
        let mut bytes = [0; ffi::DATA_LENGTH];
        bytes[..length].copy_from_slice(&content[..length]);
        Self { bytes, length: length as u8 }
    }

    /// So many zeros.
    fn zeros(length: u8) -> Self {
        Self { bytes: [0; ffi::DATA_LENGTH], length }
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// A set as a rule refers to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SetReference {
    /// Its name.
    pub name: CString,
    /// Its number in this batch; 0 for a set that has its name already.
    pub id: u32,
}

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    /// Load bytes of a header.
    Payload { base: Base, offset: u32, length: u32, register: Register },
    /// Load a property of the packet.
    Meta(Meta, Register),
    /// Load a property of the packet's connection.
    Connection(Connection),
    /// Load a part of what the first packet of the connection had.
    Original(Original, Register),
    /// Load the type of the destination address in the routing tables.
    DestinationType,
    /// Keep only these bits.
    Mask(Value),
    /// Keep only the bits of the one value, and put those of the other among them; both are of the same length.
    Overwrite(Value, Value),
    /// Load a value.
    Immediate(Register, Value),
    /// Do something with the packet or the flow.
    Act(Action),
    /// Go on if the value is this one, or is not.
    Compare(Operator, Value),
    /// Go on if the value lies in the range, or does not.
    Range(Operator, Value, Value),
    /// Go on if the value is in the set, or is not.
    Lookup(Operator, SetReference),
    /// Take the verdict that the map has for the value; go on if it has none.
    VerdictLookup(SetReference),
    /// Count the packet.
    Counter,
    /// Log the packet.
    Log(CString),
    /// End with a verdict: its number and the chain it leads to.
    Verdict(i32, Option<CString>),
}

impl nftnl::expr::Expression for Expression {
    fn to_expr(&self, _rule: &nftnl::Rule<'_>) -> NonNull<sys::nftnl_expr> {
        let first = Register::FIRST.0;
        let raw = match self {
            Self::Payload { base, offset, length, register } => RawExpression::new(c"payload")
                .u32(ffi::PAYLOAD_BASE, *base as u32)
                .u32(ffi::PAYLOAD_OFFSET, *offset)
                .u32(ffi::PAYLOAD_LENGTH, *length)
                .u32(ffi::PAYLOAD_REGISTER, register.0),
            Self::Meta(key, register) => RawExpression::new(c"meta")
                .u32(ffi::META_KEY, *key as u32)
                .u32(ffi::META_REGISTER, register.0),
            Self::Connection(key) => {
                RawExpression::new(c"ct").u32(ffi::CT_KEY, *key as u32).u32(ffi::CT_REGISTER, first)
            }
            Self::Original(key, register) => RawExpression::new(c"ct")
                .u32(ffi::CT_KEY, *key as u32)
                .u32(ffi::CT_REGISTER, register.0)
                .u8(ffi::CT_DIRECTION, DIRECTION_ORIGINAL),
            Self::DestinationType => RawExpression::new(c"fib")
                .u32(ffi::FIB_REGISTER, first)
                .u32(ffi::FIB_RESULT, FIB_RESULT_ADDRESS_TYPE)
                .u32(ffi::FIB_FLAGS, FIB_DESTINATION),
            Self::Mask(mask) => bitwise(mask, &Value::zeros(mask.length)),
            Self::Overwrite(mask, bits) => bitwise(mask, bits),
            Self::Immediate(register, value) => RawExpression::new(c"immediate")
                .u32(ffi::IMMEDIATE_REGISTER, register.0)
                .data(ffi::IMMEDIATE_DATA, value.as_slice()),
            Self::Act(action) => action.raw(),
            Self::Compare(operator, value) => RawExpression::new(c"cmp")
                .u32(ffi::COMPARE_REGISTER, first)
                .u32(ffi::COMPARE_OPERATOR, comparison(*operator))
                .data(ffi::COMPARE_DATA, value.as_slice()),
            Self::Range(operator, low, high) => RawExpression::new(c"range")
                .u32(ffi::RANGE_REGISTER, first)
                .u32(ffi::RANGE_OPERATOR, comparison(*operator))
                .data(ffi::RANGE_FIRST, low.as_slice())
                .data(ffi::RANGE_LAST, high.as_slice()),
            Self::Lookup(operator, set) => lookup(set).u32(
                ffi::LOOKUP_FLAGS,
                match operator {
                    Operator::Is => 0,
                    Operator::IsNot => libc::NFT_LOOKUP_F_INV as u32,
                },
            ),
            Self::VerdictLookup(map) => {
                lookup(map).u32(ffi::LOOKUP_DESTINATION, libc::NFT_REG_VERDICT as u32)
            }
            Self::Counter => RawExpression::new(c"counter"),
            Self::Log(prefix) => RawExpression::new(c"log").text(ffi::LOG_PREFIX, prefix),
            Self::Verdict(code, chain) => {
                let verdict = RawExpression::new(c"immediate")
                    .u32(ffi::IMMEDIATE_REGISTER, libc::NFT_REG_VERDICT as u32)
                    .u32(ffi::IMMEDIATE_VERDICT, code.cast_unsigned());
                match chain {
                    Some(chain) => verdict.text(ffi::IMMEDIATE_CHAIN, chain),
                    None => verdict,
                }
            }
        };
        raw.into_raw()
    }
}

/// `NFT_FIB_RESULT_ADDRTYPE`.
const FIB_RESULT_ADDRESS_TYPE: u32 = 3;

/// `NFTA_FIB_F_DADDR`.
const FIB_DESTINATION: u32 = 2;

fn bitwise(mask: &Value, xor: &Value) -> RawExpression {
    RawExpression::new(c"bitwise")
        .u32(ffi::BITWISE_SOURCE, Register::FIRST.0)
        .u32(ffi::BITWISE_DESTINATION, Register::FIRST.0)
        .u32(ffi::BITWISE_LENGTH, u32::from(mask.length))
        .data(ffi::BITWISE_MASK, mask.as_slice())
        .data(ffi::BITWISE_XOR, xor.as_slice())
}

fn comparison(operator: Operator) -> u32 {
    match operator {
        Operator::Is => libc::NFT_CMP_EQ as u32,
        Operator::IsNot => libc::NFT_CMP_NEQ as u32,
    }
}

fn lookup(set: &SetReference) -> RawExpression {
    RawExpression::new(c"lookup")
        .u32(ffi::LOOKUP_REGISTER, Register::FIRST.0)
        .text(ffi::LOOKUP_SET, &set.name)
        .u32(ffi::LOOKUP_SET_ID, set.id)
}

#[cfg(test)]
mod tests;
