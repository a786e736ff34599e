//! The statements of a rule, from left to right.
//!
//! A compare of the protocol that stands directly before a port or ICMP compare is left to the keyword of that compare (`tcp dport 80`, `icmp type 8`),
//! as a person would write it. Compares of the transport header that no single protocol explains are raw (`th dport 80`, `@th,0,8 8`).

use std::{fmt, net::IpAddr};

use crate::{
    address::Family,
    nft::{
        AddressSide, CtState, FullyRandom, InterfaceSide, LimitSense, Match, NatPorts, Operator, PortSide,
        RateLimit, Reject, Rule, Statement,
    },
    port::PortRange,
    render::{
        keyword::{Keyword, only_protocol, protocol_name},
        quoted,
    },
};

/// A rule without its comment.
pub(super) struct Line<'a> {
    /// The family of its table.
    pub(super) family: Family,
    /// The rule.
    pub(super) rule: &'a Rule,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let only = only_protocol(self.rule);
        let mut context = None;
        let mut separator = "";
        for (place, statement) in self.rule.statements.iter().enumerate() {
            if let Statement::Match(Match::Protocol(Operator::Is, protocol)) = statement {
                let keyword = only.and_then(Keyword::of);
                let explained =
                    keyword.is_some_and(|keyword| keyword.explains(self.rule.statements.get(place + 1)));
                // A port compare further on keeps to `th`, so that the text shows the order of the compares.
                context = keyword.filter(|keyword| explained || keyword.is_icmp());
                if explained {
                    continue;
                }
                write!(f, "{separator}meta l4proto {}", protocol_name(*protocol))?;
            } else {
                f.write_str(separator)?;
                self.statement(f, statement, context)?;
            }
            separator = " ";
        }
        Ok(())
    }
}

impl Line<'_> {
    fn statement(
        &self,
        f: &mut fmt::Formatter<'_>,
        statement: &Statement,
        context: Option<Keyword>,
    ) -> fmt::Result {
        match statement {
            Statement::Match(condition) => self.condition(f, condition, context),
            Statement::Counter => f.write_str("counter"),
            Statement::Log(prefix) => write!(f, "log prefix \"{}\"", quoted::log_prefix(prefix)),
            Statement::Verdict(verdict) => write!(f, "{verdict}"),
            Statement::InterfaceMap(side, map) => write!(f, "{} vmap @{map}", interface_side(*side)),
            Statement::PortMap(map) => write!(f, "meta l4proto . th dport vmap @{map}"),
            Statement::Limit(limit) => write!(f, "limit rate {}", rate(*limit)),
            Statement::ConnectionsOver(flows) => write!(f, "ct count over {flows}"),
            Statement::Notrack => f.write_str("notrack"),
            Statement::Dscp(codepoint) => write!(f, "{} dscp set {codepoint:#04x}", self.family),
            Statement::Reject(Reject::TcpReset) => f.write_str("reject with tcp reset"),
            Statement::Reject(Reject::AdminProhibited) => {
                let protocol = match self.family {
                    Family::V4 => "icmp",
                    Family::V6 => "icmpv6",
                };
                write!(f, "reject with {protocol} admin-prohibited")
            }
            Statement::Masquerade(ports) => {
                let range = ports.range.map(|range| format!(" to :{range}")).unwrap_or_default();
                write!(f, "masquerade{range}{}", fully_random(*ports))
            }
            Statement::SourceNat(address, ports) => {
                write!(f, "snat to {}{}", translated(address, ports.range), fully_random(*ports))
            }
            Statement::DestinationNat(address) => write!(f, "dnat to {address}"),
        }
    }

    fn condition(
        &self,
        f: &mut fmt::Formatter<'_>,
        condition: &Match,
        context: Option<Keyword>,
    ) -> fmt::Result {
        match condition {
            Match::Protocol(operator, protocol) => {
                write!(f, "meta l4proto {}{}", not(*operator), protocol_name(*protocol))
            }
            Match::Net(side, operator, net) if net.prefix_len() == net.max_prefix_len() => {
                write!(f, "{} {}{}", self.address(*side), not(*operator), net.addr())
            }
            Match::Net(side, operator, net) => {
                write!(f, "{} {}{}", self.address(*side), not(*operator), net.trunc())
            }
            Match::AnyOf(side, operator, addresses) => {
                write!(f, "{} {}{}", self.address(*side), not(*operator), List(addresses))
            }
            Match::InSet(side, operator, set) => {
                write!(f, "{} {}@{set}", self.address(*side), not(*operator))
            }
            Match::AddressPortInSet(side, operator, set) => {
                let (address, port) = (self.address(*side), port("th", side.port()));
                write!(f, "{address} . meta l4proto . {port} {}@{set}", not(*operator))
            }
            Match::Port(side, operator, ranges) => {
                let header = context.map_or("th", Keyword::as_str);
                let (port, operator) = (port(header, *side), not(*operator));
                match ranges.as_slice() {
                    [PortRange { first, last }] if first == last && self.excludes_several_ports() => {
                        write!(f, "{port} {operator}{first}-{last}")
                    }
                    ranges => write!(f, "{port} {operator}{}", List(ranges)),
                }
            }
            Match::IcmpType(operator, kind) => {
                write!(f, "{} {}{kind}", icmp_type(context), not(*operator))
            }
            Match::IcmpTypeCode(operator, kind, code) => {
                f.write_str(&icmp_type_code(*operator, *kind, *code, context))
            }
            Match::IcmpTypes(kinds) => write!(f, "{} {}", icmp_type(context), List(kinds)),
            Match::Interface(side, operator, name) => {
                let (side, name) = (interface_side(*side), quoted::interface_match(name));
                write!(f, "{side} {}\"{name}\"", not(*operator))
            }
            Match::Ct(operator, state) => write!(f, "ct state {}{}", bits_not(*operator), ct_state(*state)),
            Match::Translated(operator) => write!(f, "ct status {}dnat", bits_not(*operator)),
            Match::HasInterface(side, operator) => {
                let side = match side {
                    InterfaceSide::In => "iif",
                    InterfaceSide::Out => "oif",
                };
                // No device has the index 0.
                let no_device = match operator {
                    Operator::Is => "!= 0",
                    Operator::IsNot => "0",
                };
                write!(f, "{side} {no_device}")
            }
            Match::LocalDestination => f.write_str("fib daddr type != unicast"),
        }
    }

    /// Whether nft 1.0.6 would get the rule wrong: it puts `tcp sport != 1` and `tcp dport != 2` into one compare of both ports, which is true where only
    /// one of them differs. It leaves ranges alone.
    fn excludes_several_ports(&self) -> bool {
        let conditions = self.rule.statements.iter().filter_map(Statement::condition);
        conditions
            .filter(|condition| {
                matches!(condition, Match::Port(PortSide::Source | PortSide::Destination, Operator::IsNot, _))
            })
            .count()
            > 1
    }

    fn address(&self, side: AddressSide) -> String {
        match side {
            AddressSide::Source => format!("{} saddr", self.family),
            AddressSide::Destination => format!("{} daddr", self.family),
            AddressSide::Dialled => format!("ct original {} daddr", self.family),
        }
    }
}

/// The type of an ICMP message by its name in nft, or as the first byte behind the network header.
fn icmp_type(context: Option<Keyword>) -> String {
    match context.filter(|keyword| keyword.is_icmp()) {
        Some(header) => format!("{} type", header.as_str()),
        None => "@th,0,8".to_owned(),
    }
}

/// Type and code as one value: nft puts two compares next to each other into one, but its listing takes a negated one apart.
fn icmp_type_code(operator: Operator, kind: u8, code: u8, context: Option<Keyword>) -> String {
    match (context.filter(|keyword| keyword.is_icmp()).map(Keyword::as_str), operator) {
        (Some(header), Operator::Is) => format!("{header} type {kind} {header} code {code}"),
        (Some(header), Operator::IsNot) => {
            format!("{header} type . {header} code != {{ {kind} . {code} }}")
        }
        (None, operator) => format!("@th,0,16 {}{}", not(operator), u16::from_be_bytes([kind, code])),
    }
}

/// `a`, or `{ a, b }` as an anonymous set.
struct List<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [only] => only.fmt(f),
            several => {
                let several: Vec<String> = several.iter().map(T::to_string).collect();
                write!(f, "{{ {} }}", several.join(", "))
            }
        }
    }
}

fn not(operator: Operator) -> &'static str {
    match operator {
        Operator::Is => "",
        Operator::IsNot => "!= ",
    }
}

fn interface_side(side: InterfaceSide) -> &'static str {
    match side {
        InterfaceSide::In => "iifname",
        InterfaceSide::Out => "oifname",
    }
}

/// A port in the header of this name, or in the entry of connection tracking.
fn port(header: &str, side: PortSide) -> String {
    match side {
        PortSide::Source => format!("{header} sport"),
        PortSide::Destination => format!("{header} dport"),
        PortSide::Dialled => "ct original proto-dst".to_owned(),
    }
}

fn ct_state(state: CtState) -> &'static str {
    match state {
        CtState::EstablishedOrRelated => "established,related",
        CtState::Invalid => "invalid",
        CtState::New => "new",
        CtState::Untracked => "untracked",
    }
}

/// The negation of a test of bits, which `!=` is not.
fn bits_not(operator: Operator) -> &'static str {
    match operator {
        Operator::Is => "",
        Operator::IsNot => "! ",
    }
}

fn rate(RateLimit { sense, packets, per, burst }: RateLimit) -> String {
    let over = match sense {
        LimitSense::Over => "over ",
        LimitSense::Under => "",
    };
    format!("{over}{packets}/{} burst {burst} packets", per.as_str())
}

/// An address and ports to translate to.
fn translated(address: &IpAddr, ports: Option<PortRange>) -> String {
    match (address, ports) {
        (address, None) => address.to_string(),
        (IpAddr::V4(address), Some(ports)) => format!("{address}:{ports}"),
        (IpAddr::V6(address), Some(ports)) => format!("[{address}]:{ports}"),
    }
}

fn fully_random(ports: NatPorts) -> &'static str {
    match ports.fully_random {
        FullyRandom::No => "",
        FullyRandom::Yes => " fully-random",
    }
}
