//! Statements: what a rule does with a packet.

use std::{net::IpAddr, sync::Arc};

use crate::{
    name::SetName,
    nft::{
        condition::{InterfaceSide, Match},
        rule::Verdict,
    },
    port::PortRange,
};

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Statement {
    /// Go on only if this holds.
    Match(Match),
    /// `counter`.
    Counter,
    /// `log prefix "…"`; at most 127 bytes, free of `"` and control characters.
    Log(Arc<str>),
    /// End with a verdict.
    Verdict(Verdict),
    /// `iifname vmap @map`, `oifname vmap @map`: take the verdict of the element, go on if there is none.
    InterfaceMap(InterfaceSide, SetName),
    /// `meta l4proto . th dport vmap @map`: likewise.
    PortMap(SetName),
    /// `limit rate …`: go on only within the limit, or only beyond it.
    Limit(RateLimit),
    /// `ct count over 20`: go on only if more flows than this have come here and still live. The kernel keeps the list of flows with the rule.
    ConnectionsOver(u32),
    /// `notrack`: connection tracking passes the packet by. Without effect behind it, which is at priority -200.
    Notrack,
    /// `ip dscp set 0x2e`, `ip6 dscp set 0x2e`: a codepoint of 6 bits.
    Dscp(u8),
    /// End, and tell the sender. Not at `postrouting`.
    Reject(Reject),
    /// `masquerade`: end, and give the flow the source address of the device that it leaves by. Only in `nat` chains at `postrouting`.
    Masquerade(NatPorts),
    /// `snat to 10.0.0.1`: end, and give the flow this source address, of the table's family. Only in `nat` chains at `postrouting` and `input`.
    SourceNat(IpAddr, NatPorts),
    /// `dnat to 10.0.0.1`: end, and give the flow this destination, of the table's family; the port stays. Only in `nat` chains at `prerouting` and
    /// `output`.
    DestinationNat(IpAddr),
}

impl Statement {
    /// The set or map it looks into.
    pub fn set(&self) -> Option<&SetName> {
        match self {
            Self::Match(condition) => condition.set(),
            Self::InterfaceMap(_, map) | Self::PortMap(map) => Some(map),
            Self::Counter
            | Self::Log(_)
            | Self::Verdict(_)
            | Self::Limit(_)
            | Self::ConnectionsOver(_)
            | Self::Notrack
            | Self::Dscp(_)
            | Self::Reject(_)
            | Self::Masquerade(_)
            | Self::SourceNat(..)
            | Self::DestinationNat(_) => None,
        }
    }

    /// The condition, if it is one.
    pub fn condition(&self) -> Option<&Match> {
        if let Self::Match(condition) = self { Some(condition) } else { None }
    }

    /// Whether it may keep a packet from what stands behind it: a condition, or a limit.
    pub fn may_stop(&self) -> bool {
        matches!(self, Self::Match(_) | Self::Limit(_) | Self::ConnectionsOver(_))
    }
}

/// A rate in packets, over all packets that reach the statement. The kernel refuses a rate of 0, and a burst so long that it has no number of nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RateLimit {
    /// On which side of the limit the rule goes on.
    pub sense: LimitSense,
    /// How many packets, at least 1.
    pub packets: u64,
    /// In what time.
    pub per: RateUnit,
    /// How many more may come at once, at least 1. The kernel takes 0 for 5.
    pub burst: u32,
}

impl RateLimit {
    /// Whether the kernel takes it: `nft_limit_init` computes tokens in 64 bits.
    pub fn is_in_range(&self) -> bool {
        let nanoseconds = self.per.seconds() * 1_000_000_000;
        let cost = nanoseconds.checked_div(self.packets);
        cost.and_then(|cost| cost.checked_mul(self.burst.into())).is_some()
            && self.packets.checked_add(self.burst.into()).is_some()
    }
}

/// On which side of a limit a rule goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitSense {
    /// `over`: for packets beyond the limit.
    Over,
    /// For packets within the limit.
    Under,
}

/// The time of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RateUnit {
    /// `/second`.
    Second,
    /// `/minute`.
    Minute,
    /// `/hour`.
    Hour,
    /// `/day`.
    Day,
}

impl RateUnit {
    /// How long it is.
    pub fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 86_400,
        }
    }

    /// As nft writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

/// What the sender of a rejected packet is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reject {
    /// `reject with tcp reset`: a RST. Stands behind a [`Match::Protocol`] of TCP in the same rule.
    TcpReset,
    /// `reject with icmp admin-prohibited`: ICMP type 3 code 13, or ICMPv6 type 1 code 1.
    AdminProhibited,
}

/// Which source ports a translation gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NatPorts {
    /// Ports to choose from; without them the port stays if it is free. Stands behind a [`Match::Protocol`] with ports in the same rule.
    pub range: Option<PortRange>,
    /// Whether the port is chosen at random (`NF_NAT_RANGE_PROTO_RANDOM_FULLY`), which spares flows that begin at the same time a race for one port.
    pub fully_random: FullyRandom,
}

/// Whether a translated port is chosen at random.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FullyRandom {
    /// The port of the packet if that is free.
    #[default]
    No,
    /// `fully-random`.
    Yes,
}
