//! Against the kernel, in network namespaces of their own: a thread that leaves its namespace takes the new one with it when it ends.

use std::{future::Future, net::IpAddr, thread};

use ferrule_ruleset::{links::ObservedLinks, name::InterfaceName};
use netlink_packet_route::{
    address::AddressAttribute,
    link::LinkMessage,
    route::{RouteMessage, RouteScope},
};
use nix::sched::{CloneFlags, unshare};
use rtnetlink::{LinkUnspec, LinkVeth, RouteMessageBuilder};

use super::*;

/// A namespace with the source at work in it.
struct Node {
    handle: Handle,
    inbox: mpsc::Receiver<Message>,
    seen: ObservedLinks,
    events: usize,
    in_sync: bool,
    _ended: Ended,
}

fn in_namespace<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let body = move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("CAP_SYS_ADMIN is needed to make a network namespace");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test());
    };
    if let Err(panic) = thread::spawn(body).join() {
        std::panic::resume_unwind(panic);
    }
}

async fn connect() -> Handle {
    let (connection, handle, _) = rtnetlink::new_connection().unwrap();
    tokio::spawn(connection);
    handle
}

impl Node {
    async fn start(handle: Handle) -> Self {
        let (sender, inbox) = mpsc::channel(64);
        let ended = start([InterfaceName::from("kube-ipvs0")].into(), sender).unwrap();
        let seen = ObservedLinks::default();
        let mut node = Self { handle, inbox, seen, events: 0, in_sync: false, _ended: ended };
        while !node.in_sync {
            node.hear().await;
        }
        node
    }

    async fn hear(&mut self) {
        match self.inbox.recv().await.unwrap().report {
            Report::InSync => self.in_sync = true,
            Report::Unknown(unknown) => panic!("{unknown:?}"),
            Report::Events(events) => {
                for event in events {
                    let Event::Links(Links::Observed(links)) = event else { panic!("{event:?}") };
                    self.seen = links;
                    self.events += 1;
                }
            }
            Report::Obstacles(obstacles) => panic!("{obstacles:?}"),
            Report::Findings(findings) => panic!("{findings:?}"),
            Report::Judgements(judgements) => panic!("{judgements:?}"),
        }
    }

    /// Waits until the source has told of this.
    async fn until(&mut self, what: &str, holds: impl Fn(&ObservedLinks) -> bool) {
        let heard = tokio::time::timeout(Duration::from_secs(120), async {
            while !holds(&self.seen) {
                self.hear().await;
            }
        });
        assert!(heard.await.is_ok(), "{what}: still {:?}", self.seen);
    }

    async fn add(&self, link: LinkMessage) {
        self.handle.link().add(link).execute().await.unwrap();
    }

    async fn index(&self, name: &str) -> u32 {
        let mut links = self.handle.link().get().match_name(name.to_owned()).execute();
        links.try_next().await.unwrap().unwrap().header.index
    }

    async fn set(&self, link: LinkMessage) {
        self.handle.link().set(link).execute().await.unwrap();
    }

    /// Gives a link an address within a net.
    async fn assign(&self, device: &str, address: &str) {
        let address: IpAddr = address.parse().unwrap();
        let width = if address.is_ipv4() { 24 } else { 64 };
        self.handle.address().add(self.index(device).await, address, width).execute().await.unwrap();
    }

    /// Takes an address away from whatever link has it.
    async fn unassign(&self, address: &str) {
        let wanted: IpAddr = address.parse().unwrap();
        let mut addresses = self.handle.address().get().execute();
        while let Some(message) = addresses.try_next().await.unwrap() {
            let held = |attribute: &AddressAttribute| matches!(attribute, AddressAttribute::Address(address) if *address == wanted);
            if message.attributes.iter().any(held) {
                self.handle.address().del(message).execute().await.unwrap();
                return;
            }
        }
        panic!("nobody has {address}");
    }

    async fn route(&self, address: &str, device: &str) -> RouteMessage {
        host_route(address, self.index(device).await)
    }
}

/// One end of a pair, up.
fn device(name: &str) -> LinkMessage {
    LinkVeth::new(name, &format!("p-{name}")).up().build()
}

fn host_route(address: &str, device: u32) -> RouteMessage {
    let address: IpAddr = address.parse().unwrap();
    let width = if address.is_ipv4() { 32 } else { 128 };
    let builder = RouteMessageBuilder::<IpAddr>::new().destination_prefix(address, width).unwrap();
    builder.output_interface(device).scope(RouteScope::Link).build()
}

fn has(name: &'static str) -> impl Fn(&ObservedLinks) -> bool {
    move |links| links.names.contains(&InterfaceName::from(name))
}

fn leads(address: &'static str, device: Option<&'static str>) -> impl Fn(&ObservedLinks) -> bool {
    move |links| links.routes.get(&address.parse::<IpAddr>().unwrap()).map(InterfaceName::as_str) == device
}

/// Whether a link has exactly these addresses, link-local ones of the kernel's own making aside.
fn bears(device: &'static str, addresses: &'static [&'static str]) -> impl Fn(&ObservedLinks) -> bool {
    move |links| {
        let observed = links.addresses.get(&InterfaceName::from(device)).into_iter().flatten();
        let own =
            |address: &&IpAddr| !matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
        let wanted: BTreeSet<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        observed.filter(own).copied().collect::<BTreeSet<_>>() == wanted
    }
}

#[test]
fn addresses_of_both_families_come_and_go_with_their_link() {
    in_namespace(async || {
        let handle = connect().await;
        handle.link().add(device("eth1")).execute().await.unwrap();
        let mut node = Node::start(handle).await;
        // IPv6 takes no address into use on a link without a carrier.
        let peer = node.index("p-eth1").await;
        node.set(LinkUnspec::new_with_index(peer).up().build()).await;
        node.assign("eth1", "192.0.2.1").await;
        node.assign("eth1", "fd00:2::1").await;
        node.until("both addresses", bears("eth1", &["192.0.2.1", "fd00:2::1"])).await;
        node.assign("eth1", "192.0.2.9").await;
        node.until("a second one, and no broadcast", bears("eth1", &["192.0.2.1", "192.0.2.9", "fd00:2::1"]))
            .await;
        node.unassign("192.0.2.9").await;
        node.until("one fewer", bears("eth1", &["192.0.2.1", "fd00:2::1"])).await;

        let index = node.index("eth1").await;
        node.set(LinkUnspec::new_with_index(index).down().build()).await;
        node.until("a link that is down has IPv4 only", bears("eth1", &["192.0.2.1"])).await;
        node.unassign("192.0.2.1").await;
        node.until("it can be taken away", bears("eth1", &[])).await;
        node.assign("eth1", "192.0.2.1").await;
        node.set(LinkUnspec::new_with_index(index).name("eth2").up().build()).await;
        node.until("they are back under the new name", bears("eth2", &["192.0.2.1"])).await;
        assert!(bears("eth1", &[])(&node.seen), "{:?}", node.seen);
        node.handle.link().del(index).execute().await.unwrap();
        node.until("they are gone", |links| !links.addresses.contains_key(&InterfaceName::from("eth2")))
            .await;
    });
}

#[test]
fn addresses_from_before_the_start_are_told_and_excluded_links_have_none() {
    in_namespace(async || {
        let handle = connect().await;
        for name in ["kube-ipvs0", "svc0"] {
            handle.link().add(device(name)).execute().await.unwrap();
            let mut links = handle.link().get().match_name(name.to_owned()).execute();
            let index = links.try_next().await.unwrap().unwrap().header.index;
            handle.address().add(index, "10.96.0.1".parse().unwrap(), 32).execute().await.unwrap();
        }
        let node = Node::start(handle).await;
        assert!(has("kube-ipvs0")(&node.seen), "{:?}", node.seen);
        assert!(bears("svc0", &["10.96.0.1"])(&node.seen), "{:?}", node.seen);
        assert!(bears("kube-ipvs0", &[])(&node.seen), "{:?}", node.seen);
    });
}

#[test]
fn what_was_there_before_is_told_before_in_sync() {
    in_namespace(async || {
        let handle = connect().await;
        handle.link().add(device("cali1")).execute().await.unwrap();
        let mut links = handle.link().get().match_name("cali1".to_owned()).execute();
        let index = links.try_next().await.unwrap().unwrap().header.index;
        for address in ["10.0.0.1", "fd00::1"] {
            handle.route().add(host_route(address, index)).execute().await.unwrap();
        }
        let node = Node::start(handle).await;
        assert!(has("cali1")(&node.seen) && has("lo")(&node.seen), "{:?}", node.seen);
        assert!(leads("10.0.0.1", Some("cali1"))(&node.seen), "{:?}", node.seen);
        assert!(leads("fd00::1", Some("cali1"))(&node.seen), "{:?}", node.seen);
    });
}

#[test]
fn links_that_appear_are_renamed_and_vanish_are_followed() {
    in_namespace(async || {
        let mut node = Node::start(connect().await).await;
        node.add(LinkVeth::new("cali1", "peer1").build()).await;
        node.until("both ends appear", |links| has("cali1")(links) && has("peer1")(links)).await;
        let index = node.index("cali1").await;
        node.set(LinkUnspec::new_with_index(index).name("cali2").build()).await;
        node.until("the new name", |links| has("cali2")(links) && !has("cali1")(links)).await;
        node.handle.link().del(index).execute().await.unwrap();
        node.until("both ends vanish", |links| !has("cali2")(links) && !has("peer1")(links)).await;
    });
}

#[test]
fn host_routes_of_both_families_follow_their_device() {
    in_namespace(async || {
        let mut node = Node::start(connect().await).await;
        node.add(device("cali1")).await;
        for address in ["10.0.0.1", "fd00::1"] {
            node.handle.route().add(node.route(address, "cali1").await).execute().await.unwrap();
            node.until("the route appears", leads(address, Some("cali1"))).await;
        }
        let index = node.index("cali1").await;
        node.set(LinkUnspec::new_with_index(index).down().build()).await;
        for address in ["10.0.0.1", "fd00::1"] {
            node.until("the route goes down with its device", leads(address, None)).await;
        }
        node.set(LinkUnspec::new_with_index(index).name("cali2").up().build()).await;
        node.handle.route().add(node.route("10.0.0.1", "cali2").await).execute().await.unwrap();
        node.until("the route has the new name", leads("10.0.0.1", Some("cali2"))).await;
        node.handle.route().del(node.route("10.0.0.1", "cali2").await).execute().await.unwrap();
        node.until("the route is deleted", leads("10.0.0.1", None)).await;
    });
}

#[test]
fn a_route_that_is_replaced_leads_to_the_new_device_only() {
    in_namespace(async || {
        let mut node = Node::start(connect().await).await;
        for name in ["cali1", "cali2"] {
            node.add(device(name)).await;
        }
        for address in ["10.0.0.1", "fd00::1"] {
            node.handle.route().add(node.route(address, "cali1").await).execute().await.unwrap();
            node.until("the first route", leads(address, Some("cali1"))).await;
            node.handle.route().add(node.route(address, "cali2").await).replace().execute().await.unwrap();
            node.until("its replacement", leads(address, Some("cali2"))).await;
            node.handle.route().del(node.route(address, "cali2").await).execute().await.unwrap();
            node.until("neither is left", leads(address, None)).await;
        }
    });
}

#[test]
fn routes_that_say_nothing_about_a_pod_are_left_out() {
    in_namespace(async || {
        let mut node = Node::start(connect().await).await;
        node.add(device("cali1")).await;
        let index = node.index("cali1").await;
        let net =
            RouteMessageBuilder::<IpAddr>::new().destination_prefix("10.0.0.0".parse().unwrap(), 24).unwrap();
        node.handle
            .route()
            .add(net.output_interface(index).scope(RouteScope::Link).build())
            .execute()
            .await
            .unwrap();
        let mut other_table = node.route("10.0.0.2", "cali1").await;
        other_table.header.table = 100;
        node.handle.route().add(other_table).execute().await.unwrap();
        node.handle.route().add(node.route("10.0.0.3", "cali1").await).execute().await.unwrap();
        node.until("the last of them", leads("10.0.0.3", Some("cali1"))).await;
        let addresses: Vec<String> =
            node.seen.routes.keys().filter(|address| address.is_ipv4()).map(IpAddr::to_string).collect();
        assert_eq!(addresses, ["10.0.0.3"]);
    });
}

#[test]
fn a_port_that_leaves_its_bridge_is_still_a_link() {
    let mut table = Table::default();
    let mut port = LinkUnspec::new_with_name("cali1").index(7).up().build();
    table.set_link(&port);
    port.header.interface_family = AddressFamily::Bridge;
    table.remove_link(&port);
    assert!(has("cali1")(table.observed()), "{:?}", table.observed());
    port.header.interface_family = AddressFamily::Unspec;
    table.remove_link(&port);
    assert!(!has("cali1")(table.observed()), "{:?}", table.observed());
}

#[test]
fn a_burst_is_few_events_and_nothing_is_lost() {
    in_namespace(async || {
        let mut node = Node::start(connect().await).await;
        let before = node.events;
        for number in 0..200 {
            node.add(device(&format!("cali{number}"))).await;
        }
        node.until("all of them", |links| links.names.len() >= 401).await;
        assert!(node.events - before <= 400, "{} events", node.events - before);
    });
}
