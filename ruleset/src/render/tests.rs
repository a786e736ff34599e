use std::sync::Arc;

use super::*;
use crate::{
    name::TierName,
    nft::{
        AddressSide, BaseChain, ChainKind, CtState, Elements, FullyRandom, Hook, InterfaceMatch,
        InterfaceSide, LimitSense, Match, NatPorts, Operator, PortSide, RateLimit, RateUnit, Reject, Set,
        Statement, Verdict,
        example::{
            based, chain, forward, goto, interface_map, interval, rule as with, ruleset, set, statements_rule,
        },
    },
    origin::Origin,
    policy::{Direction, PolicyKey, PolicyKind},
    port::PortRange,
    protocol::Protocol,
};
use Operator::{Is, IsNot};

/// The conditions of a rule as text.
fn text(family: Family, conditions: impl IntoIterator<Item = Match>) -> String {
    let line = rule(family, &with(conditions, Verdict::Accept));
    line.strip_suffix(" accept comment \"dispatch\"").unwrap_or(&line).to_owned()
}

fn is(protocol: Protocol) -> Match {
    Match::Protocol(Is, protocol)
}

fn to(operator: Operator, ports: &[(u16, u16)]) -> Match {
    let range = |&(first, last)| PortRange { first, last };
    Match::Port(PortSide::Destination, operator, ports.iter().map(range).collect())
}

fn from_net(operator: Operator, net: &str) -> Match {
    Match::Net(AddressSide::Source, operator, net.parse().unwrap())
}

#[test]
fn transport_reads_as_a_person_would_write_it() {
    let source = |operator| Match::Port(PortSide::Source, operator, vec![PortRange::single(53)]);
    let set = || Match::InSet(AddressSide::Source, Is, "s".into());
    for (conditions, expected) in [
        (vec![is(Protocol::TCP), to(Is, &[(80, 80)]), set()], "tcp dport 80 ip saddr @s"),
        (vec![is(Protocol::UDPLITE), to(IsNot, &[(1, 9)])], "udplite dport != 1-9"),
        (vec![is(Protocol::SCTP), to(Is, &[(1, 1), (5, 9)])], "sctp dport { 1, 5-9 }"),
        (vec![is(Protocol::TCP), set(), to(Is, &[(80, 80)])], "meta l4proto tcp ip saddr @s th dport 80"),
        (vec![is(Protocol::UDP), source(Is), to(Is, &[(9, 9)])], "udp sport 53 udp dport 9"),
        (vec![is(Protocol::UDP), source(IsNot), to(IsNot, &[(9, 9)])], "udp sport != 53-53 udp dport != 9-9"),
        (vec![is(Protocol(50))], "meta l4proto 50"),
        (vec![Match::Protocol(IsNot, Protocol::ICMPV6)], "meta l4proto != ipv6-icmp"),
        (vec![to(Is, &[(80, 80)])], "th dport 80"),
        (
            vec![is(Protocol::TCP), is(Protocol::UDP), to(Is, &[(80, 80)])],
            "meta l4proto tcp meta l4proto udp th dport 80",
        ),
    ] {
        assert_eq!(text(Family::V4, conditions), expected);
    }
}

#[test]
fn icmp_by_name_where_nft_knows_which_and_raw_elsewhere() {
    for (conditions, expected) in [
        (vec![is(Protocol::ICMP), Match::IcmpType(Is, 8)], "icmp type 8"),
        (vec![is(Protocol::ICMPV6), Match::IcmpTypes(vec![133, 135])], "icmpv6 type { 133, 135 }"),
        (vec![is(Protocol::ICMP), Match::IcmpTypeCode(Is, 3, 4)], "icmp type 3 icmp code 4"),
        (vec![is(Protocol::ICMP), Match::IcmpTypeCode(IsNot, 3, 4)], "icmp type . icmp code != { 3 . 4 }"),
        (
            vec![is(Protocol::ICMP), from_net(Is, "10.0.0.0/8"), Match::IcmpType(IsNot, 8)],
            "meta l4proto icmp ip saddr 10.0.0.0/8 icmp type != 8",
        ),
        (vec![is(Protocol::TCP), Match::IcmpType(Is, 8)], "meta l4proto tcp @th,0,8 8"),
        (vec![Match::IcmpTypeCode(IsNot, 3, 4)], "@th,0,16 != 772"),
        (vec![Match::IcmpTypes(vec![1, 2])], "@th,0,8 { 1, 2 }"),
    ] {
        assert_eq!(text(Family::V4, conditions), expected);
    }
}

#[test]
fn addresses_interfaces_and_the_rest() {
    let addresses = vec!["fd00::1".parse().unwrap(), "fd00::2".parse().unwrap()];
    let exact = |name: &str| InterfaceMatch::Exact(name.into());
    for (condition, expected) in [
        (from_net(IsNot, "fd00::/8"), "ip6 saddr != fd00::/8"),
        (from_net(Is, "fd00::1/128"), "ip6 saddr fd00::1"),
        (Match::AnyOf(AddressSide::Destination, IsNot, addresses), "ip6 daddr != { fd00::1, fd00::2 }"),
        (
            Match::AddressPortInSet(AddressSide::Source, IsNot, "s".into()),
            "ip6 saddr . meta l4proto . th sport != @s",
        ),
        (Match::Interface(InterfaceSide::In, Is, InterfaceMatch::Prefix("cali".into())), "iifname \"cali*\""),
        (Match::Interface(InterfaceSide::Out, IsNot, exact("odd*")), "oifname != \"odd\\*\""),
        (Match::Ct(Is, CtState::EstablishedOrRelated), "ct state established,related"),
        (Match::Ct(Is, CtState::Invalid), "ct state invalid"),
        (Match::LocalDestination, "fib daddr type != unicast"),
    ] {
        assert_eq!(text(Family::V6, [condition]), expected);
    }
}

#[test]
fn what_connection_tracking_and_devices_say() {
    let net = |net: &str| Match::Net(AddressSide::Dialled, IsNot, net.parse().unwrap());
    let port = |ports| Match::Port(PortSide::Dialled, Is, ports);
    for (conditions, expected) in [
        (vec![net("fd00::/8")], "ct original ip6 daddr != fd00::/8"),
        (
            vec![is(Protocol::TCP), port(vec![PortRange::single(80)])],
            "meta l4proto tcp ct original proto-dst 80",
        ),
        (
            vec![is(Protocol::UDP), Match::AddressPortInSet(AddressSide::Dialled, Is, "s".into())],
            "meta l4proto udp ct original ip6 daddr . meta l4proto . ct original proto-dst @s",
        ),
        (vec![Match::Ct(IsNot, CtState::EstablishedOrRelated)], "ct state ! established,related"),
        (vec![Match::Ct(Is, CtState::New)], "ct state new"),
        (vec![Match::Ct(Is, CtState::Untracked)], "ct state untracked"),
        (vec![Match::Translated(Is)], "ct status dnat"),
        (vec![Match::Translated(IsNot)], "ct status ! dnat"),
        (vec![Match::HasInterface(InterfaceSide::In, Is)], "iif != 0"),
        (vec![Match::HasInterface(InterfaceSide::Out, IsNot)], "oif 0"),
    ] {
        assert_eq!(text(Family::V6, conditions), expected);
    }
}

#[test]
fn what_is_done_with_packets_and_flows() {
    let random = NatPorts { range: Some(PortRange { first: 1, last: 9 }), fully_random: FullyRandom::Yes };
    let limit = |sense| Statement::Limit(RateLimit { sense, packets: 9, per: RateUnit::Minute, burst: 5 });
    let to = || "fd00::1".parse().unwrap();
    for (statement, expected) in [
        (limit(LimitSense::Over), "limit rate over 9/minute burst 5 packets"),
        (limit(LimitSense::Under), "limit rate 9/minute burst 5 packets"),
        (Statement::ConnectionsOver(20), "ct count over 20"),
        (Statement::Notrack, "notrack"),
        (Statement::Dscp(46), "ip6 dscp set 0x2e"),
        (Statement::Reject(Reject::TcpReset), "reject with tcp reset"),
        (Statement::Reject(Reject::AdminProhibited), "reject with icmpv6 admin-prohibited"),
        (Statement::Masquerade(NatPorts::default()), "masquerade"),
        (Statement::Masquerade(random), "masquerade to :1-9 fully-random"),
        (Statement::SourceNat(to(), NatPorts::default()), "snat to fd00::1"),
        (Statement::SourceNat(to(), random), "snat to [fd00::1]:1-9 fully-random"),
        (Statement::DestinationNat(to()), "dnat to fd00::1"),
    ] {
        assert_eq!(
            rule(Family::V6, &statements_rule([statement])),
            format!("{expected} comment \"dispatch\"")
        );
    }
}

#[test]
fn base_chains_by_hook_and_kind() {
    for (hook, priority, kind, expected) in [
        (Hook::Prerouting, -300, ChainKind::Filter, "type filter hook prerouting priority raw;"),
        (Hook::Prerouting, -95, ChainKind::Nat, "type nat hook prerouting priority dstnat + 5;"),
        (Hook::Output, -100, ChainKind::Nat, "type nat hook output priority -100;"),
        (Hook::Output, -155, ChainKind::Route, "type route hook output priority mangle - 5;"),
        (Hook::Postrouting, 99, ChainKind::Nat, "type nat hook postrouting priority srcnat - 1;"),
        (Hook::Input, 100, ChainKind::Nat, "type nat hook input priority 100;"),
        (Hook::Forward, 11, ChainKind::Filter, "type filter hook forward priority 11;"),
        (Hook::Forward, i32::MIN, ChainKind::Filter, "type filter hook forward priority -2147483648;"),
    ] {
        let text = render(&ruleset([based("c", BaseChain { hook, priority, kind }, [])], []));
        assert!(text.contains(&format!("\t\t{expected} policy accept;\n")), "{text}");
    }
}

#[test]
fn statements_in_order() {
    let statements = [
        Statement::Match(is(Protocol::TCP)),
        Statement::Counter,
        Statement::Log("a \"b\"\n$c".into()),
        Statement::PortMap("ports".into()),
    ];
    let line = rule(Family::V4, &statements_rule(statements));
    let expected = "meta l4proto tcp counter log prefix \"a 'b' _c\" meta l4proto . th dport vmap @ports";
    assert_eq!(line, format!("{expected} comment \"dispatch\""));
}

#[test]
fn comments_are_cut_at_a_character_and_free_of_quotes() {
    let policy =
        |name: &str| PolicyKey { kind: PolicyKind::GlobalNetworkPolicy, namespace: None, name: name.into() };
    let by = |name: &str| {
        let (tier, direction) = (TierName::from("t"), Direction::Ingress);
        let origin = Origin::Rule { tier, policy: policy(name), direction, index: 0 };
        comment(&Rule { origin: Arc::new(origin), ..statements_rule([Statement::Counter]) })
    };
    assert_eq!(by("a\"b\n"), "gnp/a'b  ingress[0] tier t");
    let long = by(&"ü".repeat(100));
    assert_eq!(long.len(), 124, "one byte is left, too little for another ü");
    assert!(long.ends_with('ü'));
}

#[test]
fn a_whole_script() {
    let addresses =
        ["10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/32"].map(|net| net.parse::<ipnet::IpNet>().unwrap());
    let addresses = set("addresses", Elements::Addresses(addresses.into_iter().collect()));
    let addresses = Arc::new(Set { capacity: Some(8), comment: "all()".into(), ..(*addresses).clone() });
    let nets = Elements::Intervals(
        [interval("10.0.0.0", "10.0.0.255"), interval("10.1.0.1", "10.1.0.1")].into_iter().collect(),
    );
    let sets = [
        addresses,
        set("nets", nets),
        interface_map("pods", &[("cali1", goto("pod")), ("cali2", Verdict::Drop)]),
    ];
    let chains = [forward([with([Match::Ct(Is, CtState::Invalid)], Verdict::Drop)]), chain("pod", [])];
    assert_eq!(render(&ruleset(chains, sets)), SCRIPT);
}

const SCRIPT: &str = "\
add table ip ferrule
delete table ip ferrule
table ip ferrule {
	set addresses {
		type ipv4_addr
		size 8
		comment \"all()\"
		elements = { 10.0.0.1, 10.0.0.2,
			     10.0.0.3 }
	}

	set nets {
		type ipv4_addr
		flags interval
		elements = { 10.0.0.0-10.0.0.255, 10.1.0.1 }
	}

	map pods {
		type ifname : verdict
		elements = { \"cali1\" : goto pod,
			     \"cali2\" : drop }
	}

	chain forward {
		type filter hook forward priority filter - 10; policy accept;
		ct state invalid drop comment \"dispatch\"
	}

	chain pod {
	}

}
add table ip6 ferrule
delete table ip6 ferrule
table ip6 ferrule {
}
";
