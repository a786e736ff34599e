//! Expressions that do something with a packet or its flow.

use ferrule_ruleset::{address::Family, nft::LimitSense};
use nftnl::nftnl_sys::libc;

use super::{Base, Nat, Ports, Register};
use crate::netlink::{
    ffi::{self, RawExpression},
    uapi::protocol_family,
};

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Write the first register into a header.
    Write { base: Base, offset: u32, length: u32, checksum: Checksum },
    /// Go on within a limit of so many packets in so many seconds, or beyond it.
    Limit { packets: u64, seconds: u64, burst: u32, sense: LimitSense },
    /// Go on if more flows than this live.
    ConnectionsOver(u32),
    /// Let connection tracking pass the packet by.
    Notrack,
    /// Drop and tell the sender.
    Reject(Rejection),
    /// Take the address of the interface for the flow's source.
    Masquerade(Ports),
    /// Take the address in the first register for the flow's source or destination.
    Nat(Nat, Family, Ports),
}

/// `NFT_CONNLIMIT_F_INV`.
const CONNLIMIT_INVERTED: u32 = 1;

impl Action {
    /// The expression.
    pub(super) fn raw(&self) -> RawExpression {
        let first = Register::FIRST.0;
        match self {
            Self::Write { base, offset, length, checksum } => checksum.write(
                RawExpression::new(c"payload")
                    .u32(ffi::PAYLOAD_BASE, *base as u32)
                    .u32(ffi::PAYLOAD_OFFSET, *offset)
                    .u32(ffi::PAYLOAD_LENGTH, *length)
                    .u32(ffi::PAYLOAD_SOURCE, first),
            ),
            Self::Limit { packets, seconds, burst, sense } => RawExpression::new(c"limit")
                .u64(ffi::LIMIT_RATE, *packets)
                .u64(ffi::LIMIT_UNIT, *seconds)
                .u32(ffi::LIMIT_BURST, *burst)
                .u32(ffi::LIMIT_TYPE, libc::NFT_LIMIT_PKTS as u32)
                .u32(
                    ffi::LIMIT_FLAGS,
                    match sense {
                        LimitSense::Over => libc::NFT_LIMIT_F_INV as u32,
                        LimitSense::Under => 0,
                    },
                ),
            Self::ConnectionsOver(flows) => RawExpression::new(c"connlimit")
                .u32(ffi::CONNLIMIT_COUNT, *flows)
                .u32(ffi::CONNLIMIT_FLAGS, CONNLIMIT_INVERTED),
            Self::Notrack => RawExpression::new(c"notrack"),
            Self::Reject(Rejection { kind, code }) => {
                RawExpression::new(c"reject").u32(ffi::REJECT_TYPE, *kind).u8(ffi::REJECT_CODE, *code)
            }
            Self::Masquerade(ports) => ports.write(
                RawExpression::new(c"masq"),
                ffi::MASQUERADE_FLAGS,
                ffi::MASQUERADE_FIRST_PORT,
                ffi::MASQUERADE_LAST_PORT,
            ),
            Self::Nat(nat, family, ports) => ports.write(
                RawExpression::new(c"nat")
                    .u32(ffi::NAT_TYPE, *nat as u32)
                    .u32(ffi::NAT_FAMILY, protocol_family(*family).into())
                    .u32(ffi::NAT_ADDRESS, first),
                ffi::NAT_FLAGS,
                ffi::NAT_FIRST_PORT,
                ffi::NAT_LAST_PORT,
            ),
        }
    }
}

/// What becomes of a checksum when a header is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checksum {
    /// There is none.
    None,
    /// The Internet checksum of this header, so many bytes from its beginning.
    Internet { offset: u32 },
}

impl Checksum {
    fn write(self, raw: RawExpression) -> RawExpression {
        let (kind, offset) = match self {
            Self::None => (libc::NFT_PAYLOAD_CSUM_NONE, 0),
            Self::Internet { offset } => (libc::NFT_PAYLOAD_CSUM_INET, offset),
        };
        raw.u32(ffi::PAYLOAD_CHECKSUM, kind as u32)
            .u32(ffi::PAYLOAD_CHECKSUM_OFFSET, offset)
            .u32(ffi::PAYLOAD_FLAGS, 0)
    }
}

/// What the sender of a rejected packet gets: a kind of answer and the code in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    kind: u32,
    code: u8,
}

impl Rejection {
    /// A RST.
    pub const TCP_RESET: Self = Self { kind: libc::NFT_REJECT_TCP_RST as u32, code: 0 };
    /// Destination unreachable, `ICMP_PKT_FILTERED`.
    pub const ICMP_ADMIN_PROHIBITED: Self = Self { kind: libc::NFT_REJECT_ICMP_UNREACH as u32, code: 13 };
    /// Destination unreachable, `ICMPV6_ADM_PROHIBITED`.
    pub const ICMPV6_ADMIN_PROHIBITED: Self = Self { kind: libc::NFT_REJECT_ICMP_UNREACH as u32, code: 1 };
}
