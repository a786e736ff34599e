//! Translation: of sources that leave the cluster, and of floating addresses, which lead to a pod.
//!
//! Each base chain exists only where it has something to do. Connection tracking asks chains of kind `nat` about the first packet of a flow only, the
//! first one that decides has decided, and order is by priority: floating addresses come before services (-100), sources after them (100).

use std::{net::IpAddr, sync::Arc};

use super::{outside::Cluster, rendered::rule, skeleton::Frame};
use crate::{
    address::Family,
    name::ChainName,
    nft::{
        AddressSide, BaseChain, Chain, ChainKind, FullyRandom, Hook, Match, NatPorts, Operator, Rule, Set,
        Statement,
    },
    origin::{Builtin, Origin},
    protocol::Protocol,
    settings::NatOutgoing,
};

const FLOATING: i32 = -110;
const OUTGOING: i32 = 110;

/// The base chains.
pub(super) fn chains(frame: &Frame<'_>) -> Vec<Chain> {
    let floating = floating(frame);
    let behind: Vec<Rule> = floating.iter().map(hairpin).chain(outgoing(frame)).collect();
    let ahead: Vec<Rule> = floating.iter().map(towards).collect();
    let chains = [
        base("nat-prerouting", Hook::Prerouting, FLOATING, ahead.clone()),
        base("nat-output", Hook::Output, FLOATING, ahead),
        base("nat-postrouting", Hook::Postrouting, OUTGOING, behind),
    ];
    chains.into_iter().filter(|chain| !chain.rules.is_empty()).collect()
}

/// The sets that they look into.
pub(super) fn sets(frame: &Frame<'_>) -> Vec<Arc<Set>> {
    if outgoing(frame).is_empty() {
        return Vec::new();
    }
    cluster(frame).sets().collect()
}

fn base(name: &str, hook: Hook, priority: i32, rules: Vec<Rule>) -> Chain {
    let base = BaseChain { hook, priority, kind: ChainKind::Nat };
    Chain { name: ChainName::from(name), base: Some(base), rules }
}

fn cluster(frame: &Frame<'_>) -> Cluster {
    Cluster::of(frame, frame.layout.settings.nat.exclusions)
}

/// What leaves the cluster from a pool that is translated. The pools in question are compared one by one; there are few.
fn outgoing(frame: &Frame<'_>) -> Vec<Rule> {
    let ours = frame.surroundings.translated.iter().filter(|net| Family::of_net(net) == frame.family);
    let left = cluster(frame).is_left();
    let rules = ours.flat_map(|net| {
        let from = Match::Net(AddressSide::Source, Operator::Is, net.trunc());
        let matches: Vec<Match> = [from].into_iter().chain(left.iter().cloned()).collect();
        translations(&frame.layout.settings.nat, frame.family).into_iter().map(
            move |(protocol, translation)| {
                let protocol = protocol.map(|protocol| Match::Protocol(Operator::Is, protocol));
                let matches = protocol.into_iter().chain(matches.iter().cloned());
                let statements = matches.map(Statement::Match).chain([Statement::Counter, translation]);
                rule(statements, Origin::Builtin(Builtin::NatOutgoing))
            },
        )
    });
    rules.collect()
}

/// The translation, and for which protocol; ports can be chosen only where there are some.
fn translations(nat: &NatOutgoing, family: Family) -> Vec<(Option<Protocol>, Statement)> {
    let address = nat.address.filter(|_| family == Family::V4);
    let to = |range| {
        let ports = NatPorts { range, fully_random: FullyRandom::Yes };
        match address {
            Some(address) => Statement::SourceNat(IpAddr::V4(address), ports),
            None => Statement::Masquerade(ports),
        }
    };
    let with_ports = nat
        .ports
        .into_iter()
        .flat_map(|range| [Protocol::TCP, Protocol::UDP].map(|protocol| (Some(protocol), to(Some(range)))));
    with_ports.chain([(None, to(None))]).collect()
}

/// A floating address and the pod's address behind it.
type Floating = (IpAddr, IpAddr);

fn floating(frame: &Frame<'_>) -> Vec<Floating> {
    let all = frame.extras.values().flat_map(|endpoint| &endpoint.floating);
    let ours = all.filter(|(outer, inner)| {
        [outer, inner].into_iter().all(|address| Family::of(address) == frame.family) && is_free(frame, outer)
    });
    ours.map(|(outer, inner)| (*outer, *inner)).collect()
}

/// Whether an address may lead to a pod that asks for it. Those of nodes and of services are others', whatever a pod's annotation says.
fn is_free(frame: &Frame<'_>, address: &IpAddr) -> bool {
    let around = frame.surroundings;
    !around.hosts.contains(address) && !around.service_ranges.iter().any(|net| net.contains(address))
}

/// What is sent to a floating address goes to the pod.
fn towards((outer, inner): &Floating) -> Rule {
    let to = Match::Net(AddressSide::Destination, Operator::Is, (*outer).into());
    let statements = [Statement::Match(to), Statement::Counter, Statement::DestinationNat(*inner)];
    rule(statements, Origin::Builtin(Builtin::FloatingAddress))
}

/// A pod that dials its own floating address gets the answer from there, not from itself.
fn hairpin((outer, inner): &Floating) -> Rule {
    let matches = [
        Match::Net(AddressSide::Source, Operator::Is, (*inner).into()),
        Match::Net(AddressSide::Destination, Operator::Is, (*inner).into()),
        Match::Translated(Operator::Is),
        Match::Net(AddressSide::Dialled, Operator::Is, (*outer).into()),
    ];
    let end = [Statement::Counter, Statement::SourceNat(*outer, NatPorts::default())];
    rule(matches.into_iter().map(Statement::Match).chain(end), Origin::Builtin(Builtin::FloatingAddress))
}
