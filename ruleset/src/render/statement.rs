//! The statements of a rule, from left to right.
//!
//! A compare of the protocol that stands directly before a port or ICMP compare is left to the keyword of that compare (`tcp dport 80`, `icmp type 8`),
//! as a person would write it. Compares of the transport header that no single protocol explains are raw (`th dport 80`, `@th,0,8 8`).

use std::fmt;

use crate::{
    address::Family,
    nft::{AddressSide, CtState, InterfaceSide, Match, Operator, PortSide, Rule, Statement},
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
                let port = match side {
                    AddressSide::Source => PortSide::Source,
                    AddressSide::Destination => PortSide::Destination,
                };
                let (address, port) = (self.address(*side), port_side(port));
                write!(f, "{address} . meta l4proto . th {port} {}@{set}", not(*operator))
            }
            Match::Port(side, operator, ranges) => {
                let header = context.map_or("th", Keyword::as_str);
                let (side, operator) = (port_side(*side), not(*operator));
                match ranges.as_slice() {
                    [PortRange { first, last }] if first == last && self.excludes_several_ports() => {
                        write!(f, "{header} {side} {operator}{first}-{last}")
                    }
                    ranges => write!(f, "{header} {side} {operator}{}", List(ranges)),
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
            Match::Ct(CtState::EstablishedOrRelated) => f.write_str("ct state established,related"),
            Match::Ct(CtState::Invalid) => f.write_str("ct state invalid"),
            Match::LocalDestination => f.write_str("fib daddr type != unicast"),
        }
    }

    /// Whether nft 1.0.6 would get the rule wrong: it puts `tcp sport != 1` and `tcp dport != 2` into one compare of both ports, which is true where only
    /// one of them differs. It leaves ranges alone.
    fn excludes_several_ports(&self) -> bool {
        let conditions = self.rule.statements.iter().filter_map(Statement::condition);
        conditions.filter(|condition| matches!(condition, Match::Port(_, Operator::IsNot, _))).count() > 1
    }

    fn address(&self, side: AddressSide) -> String {
        let side = match side {
            AddressSide::Source => "saddr",
            AddressSide::Destination => "daddr",
        };
        format!("{} {side}", self.family)
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

fn port_side(side: PortSide) -> &'static str {
    match side {
        PortSide::Source => "sport",
        PortSide::Destination => "dport",
    }
}
