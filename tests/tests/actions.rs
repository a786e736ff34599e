//! What statements do to real packets: limits, rejections, codepoints and translations, for both families by the same cases.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::{
    collections::BTreeSet,
    io::ErrorKind,
    net::{IpAddr, SocketAddr, TcpStream, UdpSocket},
    sync::Arc,
    time::Duration,
};

use ferrule_ruleset::{
    address::{Family, PerFamily},
    nft::{
        BaseChain, Chain, ChainKind, FullyRandom, Hook, LimitSense, Match, NatPorts, Operator, PortSide,
        RateLimit, RateUnit, Reject, Rule, Ruleset, Statement, Table, Verdict,
    },
    origin::{Builtin, Origin},
    port::PortRange,
    protocol::Protocol,
    render::render,
};
use ferrule_tests::{
    backlog,
    wires::{Wires, address},
};

/// Where the client and the server are, and where the node is to either.
fn client(family: Family) -> IpAddr {
    address(family, 1, 2)
}

fn server(family: Family) -> IpAddr {
    address(family, 2, 2)
}

fn node(family: Family, network: u8) -> IpAddr {
    address(family, network, 1)
}

/// A chain of one rule about packets of a protocol to a port.
fn chain(hook: Hook, priority: i32, kind: ChainKind, to: (Protocol, u16), statements: &[Statement]) -> Chain {
    let (protocol, port) = to;
    let conditions = [
        Match::Protocol(Operator::Is, protocol),
        Match::Port(PortSide::Destination, Operator::Is, vec![PortRange::single(port)]),
    ];
    let statements = conditions.into_iter().map(Statement::Match).chain(statements.iter().cloned()).collect();
    let rule = Rule { statements, origin: Arc::new(Origin::Builtin(Builtin::Dispatch)) };
    let base = Some(BaseChain { hook, priority, kind });
    Chain { name: format!("{hook}-{kind}").as_str().into(), base, rules: vec![rule] }
}

fn load(wires: &Wires, chains: impl Fn(Family) -> Vec<Chain>) {
    let table = |family| {
        let chains = chains(family).into_iter().map(|chain| (chain.name.clone(), Arc::new(chain)));
        Table { chains: chains.collect(), ..Table::default() }
    };
    let text = render(&Ruleset { tables: PerFamily::from_fn(table) });
    wires.node.execute("nft", &["-f", "-"], &text).unwrap();
}

/// A socket of the client that asks the server's port.
fn asking(wires: &Wires, family: Family, to: (IpAddr, u16)) -> UdpSocket {
    wires.client.run(|| {
        let socket = UdpSocket::bind((client(family), 0)).unwrap();
        socket.connect(to).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        socket
    })
}

/// A socket of the server.
fn serving(wires: &Wires, family: Family, port: u16) -> UdpSocket {
    let socket = wires.server.run(|| UdpSocket::bind((server(family), port)).unwrap());
    socket.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    socket
}

/// From where the next packet came to a socket.
fn sender(socket: &UdpSocket) -> SocketAddr {
    socket.recv_from(&mut [0; 9]).unwrap().1
}

/// Of as many packets, each of a flow of its own, how many come through.
fn arrivals(wires: &Wires, family: Family, port: u16, sent: usize) -> usize {
    let receiver = serving(wires, family, port);
    let flows: Vec<UdpSocket> = (0..sent).map(|_| asking(wires, family, (server(family), port))).collect();
    flows.iter().for_each(|flow| assert_eq!(flow.send(b"x").unwrap(), 1));
    backlog::drain().unwrap();
    receiver.set_nonblocking(true).unwrap();
    std::iter::from_fn(|| receiver.recv(&mut [0; 9]).ok()).count()
}

#[test]
fn limits_let_through_what_is_within() {
    let wires = Wires::lay("limit").unwrap();
    let limit = |sense| Statement::Limit(RateLimit { sense, packets: 1, per: RateUnit::Day, burst: 3 });
    let drop = Statement::Verdict(Verdict::Drop);
    for family in Family::ALL {
        // Neighbours have to be known, or what waits for them is cut short.
        load(&wires, |_| Vec::new());
        assert_eq!(arrivals(&wires, family, 9000, 1), 1);
        for (port, condition, through) in [
            (9010, limit(LimitSense::Over), 3),
            (9020, limit(LimitSense::Under), 5),
            (9030, Statement::ConnectionsOver(2), 2),
        ] {
            let to = (Protocol::UDP, port);
            load(&wires, |_| {
                vec![chain(Hook::Forward, 0, ChainKind::Filter, to, &[condition.clone(), drop.clone()])]
            });
            assert_eq!(arrivals(&wires, family, port, 8), through, "{family} {condition:?}");
        }
    }
}

#[test]
fn the_sender_of_a_rejected_packet_is_told() {
    let wires = Wires::lay("reject").unwrap();
    let reject = |reject| Statement::Reject(reject);
    for hook in [Hook::Prerouting, Hook::Forward] {
        load(&wires, |_| {
            let [udp, tcp] = [Protocol::UDP, Protocol::TCP].map(|protocol| (protocol, 9100));
            let prohibited = chain(hook, 0, ChainKind::Filter, udp, &[reject(Reject::AdminProhibited)]);
            let reset = chain(hook, 1, ChainKind::Filter, tcp, &[reject(Reject::TcpReset)]);
            vec![prohibited, Chain { name: "resetting".into(), ..reset }]
        });
        for family in Family::ALL {
            let socket = asking(&wires, family, (server(family), 9100));
            socket.send(b"x").unwrap();
            // The error of ICMP type 3 code 13, and of ICMPv6 type 1 code 1.
            let expected = match family {
                Family::V4 => ErrorKind::HostUnreachable,
                Family::V6 => ErrorKind::PermissionDenied,
            };
            assert_eq!(socket.recv(&mut [0; 9]).unwrap_err().kind(), expected, "{family} {hook}");
            let refused = wires.client.run(|| TcpStream::connect((server(family), 9100)));
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused, "{family} {hook}");
        }
    }
}

/// The header arrives whole: the server's kernel drops what has a wrong checksum.
#[test]
fn the_codepoint_is_written_and_the_checksum_kept() {
    let wires = Wires::lay("dscp").unwrap();
    for family in Family::ALL {
        for (port, codepoint) in [(9200, 0), (9201, 1), (9202, 46), (9203, 63)] {
            load(&wires, |_| {
                let to = (Protocol::UDP, port);
                vec![chain(Hook::Postrouting, -150, ChainKind::Filter, to, &[Statement::Dscp(codepoint)])]
            });
            let name = format!("{family} other");
            let rule = format!("udp dport {port} {family} dscp {codepoint} counter");
            let script =
                format!("table {name} {{ chain c {{ type filter hook input priority 0; {rule}; }}; }}");
            wires.server.execute("nft", &["-f", "-"], &script).unwrap();
            let receiver = serving(&wires, family, port);
            asking(&wires, family, (server(family), port)).send(b"x").unwrap();
            sender(&receiver);
            let listed =
                wires.server.execute("nft", &["list", "table", &family.to_string(), "other"], "").unwrap();
            assert!(listed.contains("counter packets 1 "), "{codepoint}: {listed}");
            wires.server.execute("nft", &["delete", "table", &family.to_string(), "other"], "").unwrap();
        }
    }
}

#[test]
fn flows_are_translated_once_and_back() {
    let wires = Wires::lay("nat").unwrap();
    let range = PortRange { first: 2000, last: 2999 };
    let random = NatPorts { range: Some(range), fully_random: FullyRandom::Yes };
    for family in Family::ALL {
        let other = address(family, 2, 77);
        for (port, source, from, ports) in [
            (9300, Statement::Masquerade(random), node(family, 2), Some(range)),
            (9301, Statement::Masquerade(NatPorts::default()), node(family, 2), None),
            (9302, Statement::SourceNat(other, random), other, Some(range)),
            (9303, Statement::SourceNat(other, NatPorts::default()), other, None),
        ] {
            let to = (Protocol::UDP, port);
            load(&wires, |of| {
                let to_server = Statement::DestinationNat(server(of));
                // Only the table of this family has an address of this family.
                let source = if of == family { source.clone() } else { Statement::Counter };
                vec![
                    chain(Hook::Prerouting, -100, ChainKind::Nat, to, &[Statement::Counter, to_server]),
                    chain(Hook::Postrouting, 100, ChainKind::Nat, to, &[source]),
                ]
            });
            let receiver = serving(&wires, family, port);
            let flows: Vec<UdpSocket> =
                (0..8).map(|_| asking(&wires, family, (node(family, 1), port))).collect();
            let mut seen = BTreeSet::new();
            for flow in &flows {
                let own = flow.local_addr().unwrap().port();
                for _ in 0..2 {
                    flow.send(b"x").unwrap();
                    let found = sender(&receiver);
                    assert_eq!(found.ip(), from, "{family} {source:?}");
                    let within = ports.map_or(found.port() == own, |range| range.contains(found.port()));
                    assert!(within, "{family} {source:?}: {found} of {own}");
                    // Nobody answers for the other address. The flow hears only whom it asked.
                    if from == node(family, 2) {
                        receiver.send_to(b"answer", found).unwrap();
                        assert_eq!(flow.recv(&mut [0; 9]).unwrap(), 6);
                    }
                    seen.insert(found.port());
                }
            }
            assert_eq!(seen.len(), flows.len(), "each flow keeps a port of its own");
            let listed =
                wires.node.execute("nft", &["list", "table", &family.to_string(), "ferrule"], "").unwrap();
            assert!(listed.contains("counter packets 8 "), "the first packet of each flow: {listed}");
        }
    }
}
