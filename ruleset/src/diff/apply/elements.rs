//! Elements in and out of sets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::{
    diff::Refusal,
    name::SetName,
    nft::{Element, Elements, Interval, Match, Statement},
};

/// Adds an element that is not there yet.
pub(super) fn insert(name: &SetName, elements: &mut Elements, element: &Element) -> Result<(), Refusal> {
    let replaced = match (elements, element) {
        (Elements::Addresses(set), Element::Address(address)) => !set.insert(IpNet::from(*address)),
        (Elements::Intervals(set), Element::Interval(interval)) => {
            let below = set.range(..=limit(interval)).next_back();
            let overlaps =
                interval.first > interval.last || below.is_some_and(|below| below.last >= interval.first);
            set.insert(*interval);
            overlaps
        }
        (Elements::AddressPorts(set), Element::AddressPort(member)) => set.insert(*member).is_some(),
        (Elements::InterfaceVerdicts(map), Element::InterfaceVerdict(key, verdict)) => {
            map.insert(key.clone(), verdict.clone()).is_some()
        }
        (Elements::PortVerdicts(map), Element::PortVerdict(key, verdict)) => {
            map.insert(*key, verdict.clone()).is_some()
        }
        (
            Elements::Addresses(_)
            | Elements::Intervals(_)
            | Elements::AddressPorts(_)
            | Elements::InterfaceVerdicts(_)
            | Elements::PortVerdicts(_),
            _,
        ) => return Err(Refusal::WrongType(name.clone())),
    };
    if replaced { Err(Refusal::ElementExists(name.clone(), element.clone())) } else { Ok(()) }
}

/// Removes an element that is there: an interval with both its ends, a map's element with its verdict.
pub(super) fn remove(name: &SetName, elements: &mut Elements, element: &Element) -> Result<(), Refusal> {
    let removed = match (elements, element) {
        (Elements::Addresses(set), Element::Address(address)) => set.remove(&IpNet::from(*address)),
        (Elements::Intervals(set), Element::Interval(interval)) => set.remove(interval).is_some(),
        (Elements::AddressPorts(set), Element::AddressPort(member)) => set.remove(member).is_some(),
        (Elements::InterfaceVerdicts(map), Element::InterfaceVerdict(key, verdict)) => {
            map.remove(key).as_ref() == Some(verdict)
        }
        (Elements::PortVerdicts(map), Element::PortVerdict(key, verdict)) => {
            map.remove(key).as_ref() == Some(verdict)
        }
        (
            Elements::Addresses(_)
            | Elements::Intervals(_)
            | Elements::AddressPorts(_)
            | Elements::InterfaceVerdicts(_)
            | Elements::PortVerdicts(_),
            _,
        ) => return Err(Refusal::WrongType(name.clone())),
    };
    if removed { Ok(()) } else { Err(Refusal::NoElement(name.clone(), element.clone())) }
}

/// The greatest interval that begins no later than this one ends.
fn limit(interval: &Interval) -> Interval {
    let highest = match interval.last {
        IpAddr::V4(_) => Ipv4Addr::BROADCAST.into(),
        IpAddr::V6(_) => Ipv6Addr::from(u128::MAX).into(),
    };
    Interval { first: interval.last, last: highest }
}

/// Whether a statement can look into a set of this type.
pub(super) fn fits(statement: &Statement, elements: &Elements) -> bool {
    match statement {
        Statement::Match(Match::InSet(..)) => {
            matches!(elements, Elements::Addresses(_) | Elements::Intervals(_))
        }
        Statement::Match(Match::AddressPortInSet(..)) => matches!(elements, Elements::AddressPorts(_)),
        Statement::InterfaceMap(..) => matches!(elements, Elements::InterfaceVerdicts(_)),
        Statement::PortMap(_) => matches!(elements, Elements::PortVerdicts(_)),
        Statement::Match(_)
        | Statement::Counter
        | Statement::Log(_)
        | Statement::Verdict(_)
        | Statement::Limit(_)
        | Statement::ConnectionsOver(_)
        | Statement::Notrack
        | Statement::Dscp(_)
        | Statement::Reject(_)
        | Statement::Masquerade(_)
        | Statement::SourceNat(..)
        | Statement::DestinationNat(_) => true,
    }
}

/// A set of the same type that holds nothing.
pub(super) fn emptied(elements: &Elements) -> Elements {
    match elements {
        Elements::Addresses(_) => Elements::Addresses(Default::default()),
        Elements::Intervals(_) => Elements::Intervals(Default::default()),
        Elements::AddressPorts(_) => Elements::AddressPorts(Default::default()),
        Elements::InterfaceVerdicts(_) => Elements::InterfaceVerdicts(Default::default()),
        Elements::PortVerdicts(_) => Elements::PortVerdicts(Default::default()),
    }
}
