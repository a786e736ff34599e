//! Why a rule did not match, in words.

use std::fmt::Display;

use ferrule_ruleset::{
    nft::{AddressSide, InterfaceMatch, InterfaceSide, Match, Operator, PortSide},
    verdict::Cause,
};

/// What the flow would have to be for the rule to match.
pub fn wording(cause: &Cause) -> String {
    match cause {
        Cause::Family => "has nothing to say about this address family".to_owned(),
        Cause::Condition { condition, set } => {
            let set = set.as_deref().unwrap_or("a set that is not there");
            format!("wants {}", wish(condition, set))
        }
    }
}

fn wish(condition: &Match, set: &str) -> String {
    match condition {
        Match::Protocol(operator, protocol) => format!("protocol {}{protocol}", not(*operator)),
        Match::Net(side, operator, net) => format!("{} {}in {net}", address(*side), not(*operator)),
        Match::AnyOf(side, operator, addresses) => {
            format!("{} {}one of {}", address(*side), not(*operator), list(addresses))
        }
        Match::InSet(side, operator, _) => format!("{} {}in {set}", address(*side), not(*operator)),
        Match::AddressPortInSet(side, operator, _) => {
            format!("{} address and port {}in {set}", end(*side), not(*operator))
        }
        Match::Port(side, operator, ranges) => format!("{} {}{}", port(*side), not(*operator), list(ranges)),
        Match::IcmpType(operator, kind) => format!("ICMP type {}{kind}", not(*operator)),
        Match::IcmpTypeCode(operator, kind, code) => {
            format!("ICMP {}type {kind} code {code}", not(*operator))
        }
        Match::IcmpTypes(kinds) => format!("ICMP type {}", list(kinds)),
        Match::Interface(side, operator, name) => {
            let side = match side {
                InterfaceSide::In => "incoming",
                InterfaceSide::Out => "outgoing",
            };
            let name = match name {
                InterfaceMatch::Exact(name) => name.to_string(),
                InterfaceMatch::Prefix(prefix) => format!("{prefix}*"),
            };
            format!("{side} interface {}{name}", not(*operator))
        }
        Match::Ct(..) => "another state of connection tracking".to_owned(),
        Match::Translated(operator) => format!("a destination that is {}translated", not(*operator)),
        Match::HasInterface(side, operator) => {
            let side = match side {
                InterfaceSide::In => "incoming",
                InterfaceSide::Out => "outgoing",
            };
            match operator {
                Operator::Is => format!("an {side} interface"),
                Operator::IsNot => format!("no {side} interface"),
            }
        }
        Match::LocalDestination => "an address of the node as destination".to_owned(),
    }
}

fn not(operator: Operator) -> &'static str {
    match operator {
        Operator::Is => "",
        Operator::IsNot => "not ",
    }
}

fn end(side: AddressSide) -> &'static str {
    match side {
        AddressSide::Source => "source",
        AddressSide::Destination => "destination",
        AddressSide::Dialled => "dialled",
    }
}

fn address(side: AddressSide) -> String {
    format!("{} address", end(side))
}

fn port(side: PortSide) -> &'static str {
    match side {
        PortSide::Source => "source port",
        PortSide::Destination => "destination port",
        PortSide::Dialled => "dialled port",
    }
}

fn list(items: &[impl Display]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
