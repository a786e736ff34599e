//! Limits on pods and the DSCP of what they send, with real packets.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    collections::BTreeSet,
    io::Read as _,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use ferrule_tests::{backlog, call::until, namespace::Namespace, rig::Rig};
use nix::sys::socket::{setsockopt, sockopt};

/// The pod under limits, by its annotations; a peer on its node, one on another.
fn objects(annotations: &str) -> String {
    format!(
        r#"
kind: List
items:
- {{apiVersion: v1, kind: Node, metadata: {{name: n1}}, status: {{addresses: [{{type: InternalIP, address: 172.18.0.1}}, {{type: InternalIP, address: "fd18::1"}}]}}}}
- {{apiVersion: v1, kind: Node, metadata: {{name: n2}}, status: {{addresses: [{{type: InternalIP, address: 172.18.0.2}}, {{type: InternalIP, address: "fd18::2"}}]}}}}
- {{apiVersion: v1, kind: Pod, metadata: {{name: limited, namespace: default, labels: {{app: limited}}, annotations: {{{annotations}}}}}, spec: {{nodeName: n1}},
   status: {{podIPs: [{{ip: 10.0.1.1}}, {{ip: "fd00:1::1"}}, {{ip: 10.0.1.11}}, {{ip: "fd00:1::11"}}]}}}}
- {{apiVersion: v1, kind: Pod, metadata: {{name: near, namespace: default}}, spec: {{nodeName: n1}}, status: {{podIPs: [{{ip: 10.0.1.2}}, {{ip: "fd00:1::2"}}]}}}}
- {{apiVersion: v1, kind: Pod, metadata: {{name: far, namespace: default}}, spec: {{nodeName: n2}}, status: {{podIPs: [{{ip: 10.0.2.1}}, {{ip: "fd00:2::1"}}]}}}}
- {{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {{name: pods-4}}, spec: {{cidr: 10.0.0.0/16}}}}
- {{apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {{name: pods-6}}, spec: {{cidr: "fd00::/16"}}}}
"#
    )
}

const LIMITED: [&str; 2] = ["10.0.1.1", "fd00:1::1"];
const SECOND: [&str; 2] = ["10.0.1.11", "fd00:1::11"];
const PEERS: [[&str; 2]; 2] = [["10.0.1.2", "fd00:1::2"], ["10.0.2.1", "fd00:2::1"]];
const NODES: [[&str; 2]; 2] = [["172.18.0.1", "fd18::1"], ["172.18.0.2", "fd18::2"]];
const OUTSIDE: [&str; 2] = ["198.51.100.7", "2001:db8:7::7"];
/// How long an end of a connection waits for the other.
const PATIENCE: Duration = Duration::from_secs(120);
/// Datagrams at once: far more than any burst that is set here.
const MANY: usize = 80;

fn outside() -> BTreeSet<IpAddr> {
    OUTSIDE.map(|address| address.parse().unwrap()).into()
}

fn home<'a>(rig: &'a Rig, address: &str) -> &'a Namespace {
    rig.topology.home(address.parse().unwrap()).unwrap()
}

fn udp(rig: &Rig, address: &str) -> UdpSocket {
    let at = SocketAddr::new(address.parse().unwrap(), 0);
    let socket = home(rig, address).run(|| UdpSocket::bind(at)).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// How many of many datagrams from one address to another arrive, over a flow that has had an answer before. Returns also how long it took to send them.
fn burst(rig: &Rig, from: &str, to: &str) -> (usize, Duration) {
    let (client, server) = (udp(rig, from), udp(rig, to));
    let mut buffer = [0; 8];
    until(|| {
        client.send_to(b"hello", server.local_addr()?)?;
        backlog::drain()?;
        let (_, peer) = server.recv_from(&mut buffer).context("the greeting")?;
        server.send_to(b"welcome", peer)?;
        backlog::drain()?;
        client.recv_from(&mut buffer).context("the answer")
    })
    .unwrap();
    let begin = Instant::now();
    for _ in 0..MANY {
        client.send_to(b"more", server.local_addr().unwrap()).unwrap();
    }
    backlog::drain().unwrap();
    let duration = begin.elapsed();
    let arrived = std::iter::from_fn(|| server.recv_from(&mut buffer).ok()).count();
    (arrived, duration)
}

/// What a limit of one packet a second with this burst lets through of [`MANY`]: never more than the burst and what has come in the meantime.
fn is_limited(burst: usize, (arrived, duration): (usize, Duration)) -> bool {
    arrived <= burst + duration.as_secs() as usize + 1
}

#[test]
fn packets_beyond_the_rate_are_dropped_whoever_sends_them() {
    let rate = |direction: &str| {
        format!(
            "qos.projectcalico.org/{direction}PacketRate: '1', qos.projectcalico.org/{direction}PacketBurst: '6'"
        )
    };
    let mut rig = Rig::start("rate", &objects(&rate("ingress")), "", &outside()).unwrap();
    for family in [0, 1] {
        for peer in PEERS.into_iter().chain([OUTSIDE]) {
            let towards = burst(&rig, peer[family], LIMITED[family]);
            assert!(is_limited(6, towards), "{towards:?} from {}", peer[family]);
        }
        // The other direction is as it was.
        let away = burst(&rig, LIMITED[family], PEERS[1][family]);
        assert_eq!(away.0, MANY);
    }
    rig.write("cluster.yaml", &objects(&rate("egress"))).unwrap();
    until_listed(&rig, "from/default/limited", true);
    for family in [0, 1] {
        for peer in PEERS.into_iter().chain([OUTSIDE, NODES[0]]) {
            let away = burst(&rig, LIMITED[family], peer[family]);
            assert!(is_limited(6, away), "{away:?} to {}", peer[family]);
        }
        assert_eq!(burst(&rig, PEERS[0][family], LIMITED[family]).0, MANY);
        assert_eq!(burst(&rig, PEERS[1][family], LIMITED[family]).0, MANY);
    }
    rig.write("cluster.yaml", &objects("")).unwrap();
    until_listed(&rig, "from/default/limited", false);
    for family in [0, 1] {
        assert_eq!(burst(&rig, LIMITED[family], PEERS[0][family]).0, MANY);
    }
    rig.end_agents().unwrap();
}

/// Waits until the chain of the pod has a limit in both tables, or none.
fn until_listed(rig: &Rig, chain: &str, limited: bool) {
    until(|| {
        for table in ["ip", "ip6"] {
            let listing = rig.nft("n1", &["list", "chain", table, "ferrule", chain])?;
            anyhow::ensure!(listing.contains("limit rate over") == limited, "{listing}");
        }
        Ok(())
    })
    .unwrap();
}

/// Listens, and closes what its clients have closed.
struct Listener {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    fn start(rig: &Rig, address: SocketAddr) -> Self {
        let namespace = rig.topology.home(address.ip()).unwrap();
        let listener = namespace.run(|| TcpListener::bind(address)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let serve = move || {
            let mut open: Vec<TcpStream> = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                if let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true).unwrap();
                    open.push(stream);
                }
                open.retain_mut(|stream| !matches!(stream.read(&mut [0; 8]), Ok(0)));
                thread::sleep(Duration::from_millis(2));
            }
        };
        Self { stop, thread: Some(thread::spawn(serve)) }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn connect(rig: &Rig, from: &str, to: SocketAddr) -> std::io::Result<TcpStream> {
    home(rig, from).run(|| TcpStream::connect_timeout(&to, PATIENCE))
}

/// Ends a connection with a reset, so that nobody remembers it.
fn reset(stream: TcpStream) {
    setsockopt(&stream.as_fd(), sockopt::Linger, &libc::linger { l_onoff: 1, l_linger: 0 }).unwrap();
    drop(stream);
}

fn policies(number: usize) -> String {
    format!(
        "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {{name: rewritten, namespace: default}}\nspec: {{selector: app == 'limited', types: [Ingress, Egress], \
         ingress: [{{action: Deny, protocol: UDP, destination: {{ports: [{number}]}}}}, {{action: Allow}}], egress: [{{action: Allow, protocol: UDP, destination: {{ports: [{number}]}}}}, {{action: Allow}}]}}\n\
         ---\napiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {{name: further-{number}, namespace: default}}\n\
         spec: {{selector: app == 'limited', order: {number}, types: [Ingress, Egress], ingress: [{{action: Allow}}], egress: [{{action: Allow}}]}}\n"
    )
}

#[test]
fn connections_beyond_the_limit_are_refused_and_open_ones_count_whatever_is_rewritten() {
    for (direction, [from, to]) in [
        ("ingress", [PEERS[0], LIMITED]),
        ("ingress", [PEERS[1], LIMITED]),
        ("egress", [LIMITED, PEERS[0]]),
        ("egress", [LIMITED, PEERS[1]]),
    ] {
        let limit =
            |most: &str| objects(&format!("qos.projectcalico.org/{direction}MaxConnections: '{most}'"));
        let mut rig = Rig::start("most", &limit("2"), &policies(1), &outside()).unwrap();
        for family in [0, 1] {
            let address = SocketAddr::new(to[family].parse().unwrap(), 9000);
            let _listener = Listener::start(&rig, address);
            let mut open: Vec<_> = (0..2).map(|_| connect(&rig, from[family], address).unwrap()).collect();
            let refused = || {
                let error = connect(&rig, from[family], address).expect_err("a third connection");
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused, "{direction} {address}");
            };
            refused();
            let number = family + 2;
            rig.write("policies.yaml", &policies(number)).unwrap();
            until(|| {
                let listing = rig.nft("n1", &["list", "table", ["ip", "ip6"][family], "ferrule"])?;
                anyhow::ensure!(
                    listing.contains(&format!("further-{number}"))
                        && !listing.contains(&format!("further-{}", number - 1))
                );
                Ok(())
            })
            .unwrap();
            refused();
            reset(open.pop().unwrap());
            open.push(until(|| Ok(connect(&rig, from[family], address)?)).unwrap());
            refused();
        }
        rig.end_agents().unwrap();
    }
}

/// Counts what comes to a namespace by its DSCP.
fn witness(namespace: &Namespace) {
    let table = |family: &str| {
        format!(
            "table {family} seen\ndelete table {family} seen
table {family} seen {{
  chain input {{ type filter hook input priority 0; udp dport 7000 jump count; tcp sport 7000 jump count; }}
  chain count {{ {family} dscp 46 counter comment \"is 46\"; {family} dscp 10 counter comment \"is 10\"; {family} dscp 0 counter comment \"is 0\"; }}
}}\n"
        )
    };
    namespace.execute("nft", &["-f", "-"], &[table("ip"), table("ip6")].concat()).unwrap();
}

/// The code points seen since [`witness`].
fn code_points(namespace: &Namespace, family: usize) -> BTreeSet<u8> {
    let table = ["ip", "ip6"][family];
    let listing = namespace.execute("nft", &["list", "table", table, "seen"], "").unwrap();
    let seen = [46, 10, 0].into_iter().filter(|point| {
        let line = listing.lines().find(|line| line.contains(&format!("is {point}\""))).unwrap();
        !line.contains("packets 0 ")
    });
    seen.collect()
}

#[test]
fn what_leaves_the_cluster_bears_the_code_point_of_the_pod() {
    let dscp = |value: &str| objects(&format!("qos.projectcalico.org/dscp: {value}"));
    let mut rig = Rig::start("dscp", &objects(""), "", &outside()).unwrap();
    let send = |from: &str, to: &str| {
        udp(&rig, from).send_to(b"hello", SocketAddr::new(to.parse().unwrap(), 7000)).unwrap();
    };
    let seen = |family: usize, from: &str, to: &str| {
        let namespace = home(&rig, to);
        witness(namespace);
        send(from, to);
        until(|| {
            let seen = code_points(namespace, family);
            anyhow::ensure!(!seen.is_empty(), "nothing came to {to}");
            Ok(seen)
        })
        .unwrap()
    };
    for (value, point) in [("EF", 46), ("'10'", 10), ("", 0)] {
        let text = if value.is_empty() { objects("") } else { dscp(value) };
        rig.write("cluster.yaml", &text).unwrap();
        for family in [0, 1] {
            until(|| {
                let now = seen(family, LIMITED[family], OUTSIDE[family]);
                anyhow::ensure!(now == BTreeSet::from([point]), "{now:?}, not {point}");
                Ok(())
            })
            .unwrap();
            assert_eq!(
                seen(family, SECOND[family], OUTSIDE[family]),
                BTreeSet::from([point]),
                "the second address"
            );
            for inside in PEERS.into_iter().chain(NODES) {
                assert_eq!(
                    seen(family, LIMITED[family], inside[family]),
                    BTreeSet::from([0]),
                    "{}",
                    inside[family]
                );
            }
            assert_eq!(seen(family, PEERS[0][family], OUTSIDE[family]), BTreeSet::from([0]), "another pod");
            // Answers to what came from outside.
            let namespace = rig.topology.outside();
            let address = SocketAddr::new(LIMITED[family].parse().unwrap(), 7000);
            let _listener = Listener::start(&rig, address);
            witness(namespace);
            reset(connect(&rig, OUTSIDE[family], address).unwrap());
            assert_eq!(code_points(namespace, family), BTreeSet::from([point]), "answers");
        }
    }
    rig.end_agents().unwrap();
}
