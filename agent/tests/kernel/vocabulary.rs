//! What rules for the node itself say: it is loaded as nft loads its text, read back as it was written, and refused where the core says so.

use std::{collections::BTreeMap, net::UdpSocket};

use ferrule_ruleset::{
    address::Family,
    nft::{
        AddressSide, ChainKind, CtState, FullyRandom, Hook, InterfaceSide, LimitSense, Match, NatPorts,
        Operator, PortSide, RateLimit, RateUnit, Reject, Rule, Ruleset, Statement, Verdict,
    },
    port::PortRange,
    protocol::Protocol,
    render::render,
};

use crate::{
    adopt::assert_adopted,
    edit::{change, handles},
    namespace::{isolated, nft, nft_reads, programmed, replacement},
    sample::{address, based, chain, everything, net, returns, rule, ruleset, table},
};

fn is(protocol: Protocol) -> Statement {
    Statement::Match(Match::Protocol(Operator::Is, protocol))
}

/// Conditions that look at the entry of connection tracking or at devices.
fn conditions(family: Family) -> Vec<Vec<Match>> {
    let tcp = || Match::Protocol(Operator::Is, Protocol::TCP);
    let dialled = AddressSide::Dialled;
    let mut conditions = Vec::new();
    for operator in [Operator::Is, Operator::IsNot] {
        let port = |range| vec![tcp(), Match::Port(PortSide::Dialled, operator, vec![range])];
        conditions.extend([0, 8, 9, 16, 24, 31, 32, 64, 65, 120, 128].into_iter().filter_map(|prefix| {
            let net = (prefix <= family.width()).then(|| net(family, 0x0001_0203, prefix))?;
            Some(vec![Match::Net(dialled, operator, net)])
        }));
        conditions.extend([
            vec![Match::AnyOf(dialled, operator, [1, 2, 9].map(|n| address(family, n)).to_vec())],
            vec![Match::InSet(dialled, operator, "addresses".into())],
            vec![Match::InSet(dialled, operator, "intervals".into())],
            vec![tcp(), Match::AddressPortInSet(dialled, operator, "address-ports".into())],
            port(PortRange::single(80)),
            vec![Match::Translated(operator)],
            vec![Match::HasInterface(InterfaceSide::In, operator)],
            vec![Match::HasInterface(InterfaceSide::Out, operator)],
        ]);
        let states = [CtState::EstablishedOrRelated, CtState::Invalid, CtState::New, CtState::Untracked];
        conditions.extend(states.map(|state| vec![Match::Ct(operator, state)]));
    }
    conditions
}

fn limit(sense: LimitSense, packets: u64, per: RateUnit, burst: u32) -> Statement {
    Statement::Limit(RateLimit { sense, packets, per, burst })
}

/// What may stand in any chain that packets come to.
fn actions() -> Vec<Vec<Statement>> {
    vec![
        vec![limit(LimitSense::Over, 400, RateUnit::Second, 20), Statement::Verdict(Verdict::Drop)],
        vec![limit(LimitSense::Under, 1, RateUnit::Minute, 5)],
        vec![limit(LimitSense::Under, 7, RateUnit::Hour, 1), limit(LimitSense::Over, 9, RateUnit::Day, 9)],
        vec![Statement::ConnectionsOver(20), Statement::Verdict(Verdict::Drop)],
        vec![Statement::Notrack],
        vec![Statement::Dscp(0)],
        vec![Statement::Dscp(46)],
        vec![Statement::Dscp(63)],
        vec![is(Protocol::TCP), Statement::Reject(Reject::TcpReset)],
        vec![Statement::Reject(Reject::AdminProhibited)],
    ]
}

fn ports() -> Vec<NatPorts> {
    let ranges = [None, Some(PortRange::single(1024)), Some(PortRange { first: 1024, last: 65535 })];
    let random = [FullyRandom::No, FullyRandom::Yes];
    let both = |range| random.map(|fully_random| NatPorts { range, fully_random });
    ranges.into_iter().flat_map(both).collect()
}

fn translations(family: Family) -> Vec<Rule> {
    let masquerade = ports().into_iter().map(Statement::Masquerade);
    let source = ports().into_iter().map(|ports| Statement::SourceNat(address(family, 5), ports));
    masquerade.chain(source).enumerate().map(|(n, nat)| rule(n, vec![is(Protocol::UDP), nat])).collect()
}

/// Everything that is not among [`everything`], with the sets of that.
fn vocabulary() -> Ruleset {
    let everything = everything();
    ruleset(|family| {
        let conditions = conditions(family).into_iter().enumerate().map(|(n, all)| returns(n, all)).collect();
        let actions: Vec<Rule> = actions().into_iter().enumerate().map(|(n, all)| rule(n, all)).collect();
        let to = Statement::DestinationNat(address(family, 6));
        let mut table = table(
            [
                based(
                    "raw",
                    Hook::Prerouting,
                    -300,
                    ChainKind::Filter,
                    vec![rule(0, vec![Statement::Notrack])],
                ),
                based("before", Hook::Prerouting, -90, ChainKind::Filter, conditions),
                based("guard", Hook::Input, 1, ChainKind::Filter, actions.clone()),
                based("second", Hook::Forward, -1, ChainKind::Filter, actions),
                based("forward", Hook::Forward, 0, ChainKind::Filter, vec![]),
                based(
                    "again",
                    Hook::Output,
                    -150,
                    ChainKind::Route,
                    vec![rule(0, vec![Statement::Dscp(10)])],
                ),
                based("leaving", Hook::Postrouting, -150, ChainKind::Filter, vec![]),
                based("to", Hook::Prerouting, -110, ChainKind::Nat, vec![rule(0, vec![to.clone()])]),
                based("own", Hook::Output, -100, ChainKind::Nat, vec![rule(0, vec![to])]),
                based("from", Hook::Postrouting, 101, ChainKind::Nat, translations(family)),
                chain("from/default/web", vec![]),
                chain("matches/default/web", vec![]),
            ],
            [],
        );
        table.sets = everything.table(family).sets.clone();
        table
    })
}

/// The rules of each chain in the kernel's own words, by table and chain.
fn bytecode() -> BTreeMap<String, Vec<String>> {
    let mut chains: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut chain = String::new();
    for line in ["ip", "ip6"]
        .map(|family| nft(&["--debug=netlink", "list", "table", family, "ferrule"]))
        .concat()
        .lines()
    {
        // `ip ferrule guard 7 6`: family, table, chain, handle, and what stood before.
        if let [family @ ("ip" | "ip6"), "ferrule", name, ..] = line.split(' ').collect::<Vec<_>>()[..] {
            chain = format!("{family} {name}");
            chains.entry(chain.clone()).or_default().push(String::new());
        } else if line.starts_with("  [ ") {
            let without_number = match line.split_once("set __set") {
                Some((head, tail)) => {
                    format!("{head}set {}", tail.trim_start_matches(|c: char| c.is_ascii_digit()))
                }
                None => line.to_owned(),
            };
            chains.get_mut(&chain).unwrap().last_mut().unwrap().push_str(&without_number);
        }
    }
    chains
}

#[test]
fn expressions_are_those_that_nft_makes_of_the_text() {
    let mut expected = BTreeMap::new();
    isolated(async || {
        nft_reads(&["-f", "-"], &render(&vocabulary()));
        expected = bytecode();
    });
    isolated(async || {
        let _kernel = programmed(&vocabulary()).await;
        let found = bytecode();
        assert!(found.values().map(Vec::len).sum::<usize>() > 100, "{found:#?}");
        for (chain, expected) in &expected {
            for (place, (found, expected)) in found[chain].iter().zip(expected).enumerate() {
                assert_eq!(found, expected, "{chain}, rule {place}");
            }
        }
        assert_eq!(found, expected);
        nft_reads(&["-c", "-f", "-"], &nft(&["list", "ruleset"]));
    });
}

#[test]
fn what_was_programmed_is_read_back() {
    isolated(async || {
        let _kernel = programmed(&vocabulary()).await;
        assert_adopted(&vocabulary()).await;
    });
}

/// A list of dialled ports loads and is what it should be, though nft 1.0.6 cannot read its listing again.
#[test]
fn lists_of_dialled_ports_load() {
    isolated(async || {
        let rules = ruleset(|_| {
            let list = vec![PortRange::single(80), PortRange { first: 90, last: 99 }];
            let range = vec![PortRange { first: 80, last: 90 }];
            let conditions = [list, range].into_iter().enumerate().flat_map(|(n, ports)| {
                [Operator::Is, Operator::IsNot].map(|operator| {
                    let ports = Match::Port(PortSide::Dialled, operator, ports.clone());
                    returns(n, [Match::Protocol(Operator::Is, Protocol::TCP), ports])
                })
            });
            table([chain("c", conditions.collect())], [])
        });
        nft_reads(&["-c", "-f", "-"], &render(&rules));
        let _kernel = programmed(&rules).await;
        let listed = nft(&["list", "chain", "ip", "ferrule", "c"]);
        assert_eq!(listed.matches("ct original proto-dst").count(), 4, "{listed}");
        assert!(listed.contains("meta l4proto tcp ct original proto-dst != 80-90"), "{listed}");
        assert_adopted(&rules).await;
    });
}

/// Tokens of limits and lists of flows change with traffic; the rules are still the ones that were written, and stay when others come and go.
#[test]
fn rules_with_a_state_stay_what_they_are() {
    let with = |places: &[usize]| {
        ruleset(|_| {
            let stateful = [
                vec![limit(LimitSense::Over, 1, RateUnit::Day, 2), Statement::Counter],
                vec![Statement::ConnectionsOver(1), Statement::Counter],
                vec![limit(LimitSense::Under, 1, RateUnit::Hour, 1), Statement::Counter],
                vec![Statement::Counter],
            ];
            let rules = places.iter().map(|place| rule(*place, stateful[*place].clone())).collect();
            table([based("guard", Hook::Output, 0, ChainKind::Filter, rules)], [])
        })
    };
    isolated(async || {
        let before = with(&[0, 1, 2]);
        let kernel = programmed(&before).await;
        nft_reads(
            &["-f", "-"],
            "table inet other { chain c { type filter hook output priority 0; ct state new\n }\n }",
        );
        send_to_self(6);
        let listed = nft(&["list", "chain", "ip", "ferrule", "guard"]);
        assert!(listed.contains("ct count over 1 counter packets 5 "), "{listed}");
        assert!(listed.contains("burst 2 packets counter packets 4 "), "{listed}");
        assert_adopted(&before).await;
        let kept = handles();
        change(&kernel, &before, &with(&[0, 3, 1, 2])).await;
        let after = handles();
        assert!(kept.iter().all(|rule| after.contains(rule)), "{kept:?} {after:?}");
        let listed = nft(&["list", "chain", "ip", "ferrule", "guard"]);
        assert!(listed.contains("ct count over 1 counter packets 5 "), "{listed}");
    });
}

/// Packets of as many flows over the loopback of the namespace.
pub fn send_to_self(flows: usize) {
    let status = std::process::Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap();
    assert!(status.success());
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..flows {
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(b"x", receiver.local_addr().unwrap()).unwrap();
    }
}

/// Every statement in every kind of chain at every hook: the kernel takes what the core takes.
#[test]
fn statements_work_where_the_core_says_so() {
    isolated(async || {
        let kernel = programmed(&Ruleset::default()).await;
        let to = address(Family::V4, 1);
        let statements = [
            Statement::Notrack,
            Statement::Dscp(1),
            Statement::ConnectionsOver(1),
            limit(LimitSense::Under, 1, RateUnit::Day, 1),
            Statement::Match(Match::Translated(Operator::Is)),
            Statement::Reject(Reject::TcpReset),
            Statement::Reject(Reject::AdminProhibited),
            Statement::Masquerade(NatPorts::default()),
            Statement::SourceNat(to, NatPorts::default()),
            Statement::DestinationNat(to),
        ];
        let (mut taken, mut refused) = (0, 0);
        for hook in Hook::ALL {
            for (kind, priority) in
                [(ChainKind::Filter, 0), (ChainKind::Nat, 0), (ChainKind::Nat, -200), (ChainKind::Route, 0)]
            {
                for statement in &statements {
                    let leads = rule(0, vec![Statement::Verdict(Verdict::Jump("below".into()))]);
                    let chains = [
                        based("base", hook, priority, kind, vec![leads]),
                        chain("below", vec![rule(1, vec![statement.clone()])]),
                    ];
                    let mut wanted = Ruleset::default();
                    wanted.tables.v4 = table(chains, []);
                    let transaction = replacement(&wanted);
                    let expected = Ruleset::default().apply(&transaction.batches[0]);
                    let found = kernel.commit(transaction).await;
                    assert_eq!(
                        found.is_ok(),
                        expected.is_ok(),
                        "{statement:?} {kind} {hook} {priority}: {found:?} {expected:?}"
                    );
                    *(if found.is_ok() { &mut taken } else { &mut refused }) += 1;
                }
            }
        }
        assert!(taken > 50 && refused > 50, "{taken} {refused}");
    });
}

#[test]
fn limits_are_in_range_where_the_core_says_so() {
    isolated(async || {
        let kernel = programmed(&Ruleset::default()).await;
        for packets in [0, 1, 1_000_000_000, 1_000_000_001, u64::MAX] {
            for per in [RateUnit::Second, RateUnit::Minute, RateUnit::Hour, RateUnit::Day] {
                for burst in [1, 5, 213_503, 213_504, u32::MAX] {
                    let rules = vec![rule(0, vec![limit(LimitSense::Over, packets, per, burst)])];
                    let wanted = ruleset(|_| table([chain("c", rules.clone())], []));
                    let transaction = replacement(&wanted);
                    let expected = Ruleset::default().apply(&transaction.batches[0]);
                    let found = kernel.commit(transaction).await;
                    assert_eq!(found.is_ok(), expected.is_ok(), "{packets}/{per:?} burst {burst}: {found:?}");
                }
            }
        }
    });
}
