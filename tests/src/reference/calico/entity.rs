//! What a rule asks of one end of the traffic (policy-model §1.1, §2.6, §4.3).

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::{
    inherited, matches_labels,
    port::{self, Port},
    read_selector,
};
use crate::{
    reference::{
        field::{Field, List, has_only, text},
        labels::{Labels, NAMESPACE, OF_NAMESPACE, OF_SERVICE_ACCOUNT, SERVICE_ACCOUNT},
        net,
        packet::{Packet, has_ports},
        pod::NamedPort,
        selector::Selector,
        service,
        truth::Truth,
        world::World,
    },
    verdict::Direction,
};

const FIELDS: [&str; 9] = [
    "nets",
    "notNets",
    "selector",
    "notSelector",
    "namespaceSelector",
    "serviceAccounts",
    "ports",
    "notPorts",
    "services",
];

/// The conditions on one end; all are ANDed.
#[derive(Debug)]
pub struct Entity {
    nets: List<IpNet>,
    not_nets: List<IpNet>,
    /// The namespace, by the rule's own selector or as that of the policy.
    namespace: Field<Selector>,
    selector: Field<Selector>,
    not_selector: Field<Selector>,
    account_names: List<String>,
    account_selector: Field<Selector>,
    ports: List<Port>,
    not_ports: List<Port>,
    /// Namespace and name.
    service: Field<(String, String)>,
    understood: bool,
}

impl Entity {
    /// Reads `source` or `destination` of a rule of a policy in a namespace, or of one that has none.
    pub fn read(entity: &Value, own_namespace: Option<&str>) -> Self {
        let accounts = &entity["serviceAccounts"];
        let account_selector = inherited(read_selector(accounts, "selector"), OF_SERVICE_ACCOUNT, None);
        let mut read = Self {
            nets: List::of(entity, "nets", net::read),
            not_nets: List::of(entity, "notNets", net::read),
            namespace: inherited(read_selector(entity, "namespaceSelector"), OF_NAMESPACE, Some(NAMESPACE)),
            selector: read_selector(entity, "selector"),
            not_selector: read_selector(entity, "notSelector"),
            account_names: List::of(accounts, "names", text),
            account_selector,
            ports: List::of(entity, "ports", port::read),
            not_ports: List::of(entity, "notPorts", port::read),
            understood: (entity.is_null() || has_only(entity, &FIELDS))
                && (accounts.is_null() || has_only(accounts, &["names", "selector"])),
            service: Field::of(entity, "services", read_service),
        };
        // §1.1: a service stands alone, but for ports beside a sender.
        let beside = ["nets", "notNets", "selector", "notSelector", "namespaceSelector", "serviceAccounts"];
        let stands_alone = beside.iter().all(|field| entity[*field].is_null());
        read.understood &= !read.service.is_given() || stands_alone;
        // §2.6: a policy of a namespace means its own endpoints, if it selects endpoints at all and does not say of which namespace.
        if let (Some(name), true, false) =
            (own_namespace, read.selects_endpoints(), read.namespace.is_given())
        {
            read.namespace = Field::Known(Selector::Equals(NAMESPACE.to_owned(), name.to_owned()));
        }
        read
    }

    fn selects_endpoints(&self) -> bool {
        self.has_positive_selector() || self.not_selector.is_given()
    }

    /// Whether it lists networks.
    pub fn has_nets(&self) -> bool {
        !self.nets.is_empty()
    }

    /// Whether it selects endpoints.
    pub fn has_positive_selector(&self) -> bool {
        let by_account = !self.account_names.is_empty() || self.account_selector.is_given();
        self.namespace.is_given() || self.selector.is_given() || by_account
    }

    /// Whether a port is given.
    pub fn has_ports(&self) -> bool {
        !self.ports.is_empty() || !self.not_ports.is_empty()
    }

    /// Whether a port is given by number.
    pub fn has_numeric_ports(&self) -> bool {
        self.ports.known().chain(self.not_ports.known()).any(|port| matches!(port, Port::Range(..)))
    }

    /// Whether any part could not be understood.
    pub fn is_doubtful(&self) -> bool {
        let nets = self.nets.is_doubtful() || self.not_nets.is_doubtful();
        let selectors = [&self.namespace, &self.selector, &self.not_selector, &self.account_selector]
            .into_iter()
            .any(Field::is_doubtful);
        let ports = self.ports.is_doubtful() || self.not_ports.is_doubtful();
        let others = self.account_names.is_doubtful() || self.service.is_doubtful();
        !self.understood || nets || selectors || ports || others
    }

    /// Whether an end of a packet meets every condition.
    pub fn matches(&self, world: &World, packet: &Packet, end: End, direction: Direction) -> Truth {
        let (address, port) = match end {
            End::Sender => (packet.source, packet.source_port),
            End::Receiver => (packet.destination, packet.port),
        };

        let in_nets = if self.nets.is_empty() { Truth::Yes } else { net::one_contains(&self.nets, address) };
        let of_endpoint = if self.has_positive_selector() {
            self.one_selected_at(world, address)
        } else {
            // §2.6: alone, notSelector lets through whatever it does not select, the outside world included.
            self.not_selector
                .demands(|unwanted| !at(world, address, |labels| unwanted.matches(labels).into()))
        };
        let in_ports = if self.ports.is_empty() {
            Truth::Yes
        } else {
            self.ports.any(|wanted| self.port_matches(wanted, world, packet, address, port))
        };
        let in_not_ports =
            self.not_ports.any(|unwanted| self.port_matches(unwanted, world, packet, address, port));
        Truth::all([
            if self.understood { Truth::Yes } else { Truth::Maybe },
            net::exists_in_family(&self.nets, address),
            net::exists_in_family(&self.not_nets, address),
            in_nets,
            !net::one_contains(&self.not_nets, address),
            of_endpoint,
            in_ports,
            !in_not_ports,
            self.of_service(world, packet, end, direction),
        ])
    }

    /// §1.1 "services": of a receiver in egress rules, address, protocol and port; of a sender in ingress rules, the address.
    fn of_service(&self, world: &World, packet: &Packet, end: End, direction: Direction) -> Truth {
        let has_ports = self.has_ports();
        self.service.demands(|service| match (direction, end) {
            (Direction::Egress, End::Receiver) if !has_ports => {
                let port = Some((packet.protocol, packet.port));
                service::includes(world, service, packet.destination, port).into()
            }
            (Direction::Ingress, End::Sender) => {
                service::includes(world, service, packet.source, None).into()
            }
            (Direction::Egress | Direction::Ingress, End::Sender | End::Receiver) => Truth::Maybe,
        })
    }

    fn one_selected_at(&self, world: &World, address: IpAddr) -> Truth {
        at(world, address, |labels| self.selects(labels))
    }

    /// Whether the entity selects an endpoint or network set with these labels. Beside a positive selector, notSelector takes away endpoints, not
    /// addresses (§2.6 "negative folds in").
    fn selects(&self, labels: &Labels) -> Truth {
        let named = if self.account_names.is_empty() {
            Truth::Yes
        } else {
            self.account_names.any(|name| (labels.get(SERVICE_ACCOUNT) == Some(name)).into())
        };
        let excluded =
            if self.not_selector.is_given() { matches_labels(&self.not_selector, labels) } else { Truth::No };
        Truth::all([
            matches_labels(&self.namespace, labels),
            matches_labels(&self.selector, labels),
            named,
            matches_labels(&self.account_selector, labels),
            !excluded,
        ])
    }

    /// A name means the ports that endpoints call so, of those that the positive selector selects or of all, for `ports` and `notPorts` alike (§4.3).
    fn port_matches(
        &self,
        wanted: &Port,
        world: &World,
        packet: &Packet,
        address: IpAddr,
        port: u16,
    ) -> Truth {
        match wanted {
            Port::Range(first, last) => {
                (has_ports(packet.protocol) && (*first..=*last).contains(&port)).into()
            }
            Port::Named(name) => Truth::any(labelled_ports_at(world, address).map(|(labels, ports)| {
                let is_so_named = ports
                    .iter()
                    .any(|it| it.name == *name && it.protocol == packet.protocol && it.port == port);
                let selected = if self.has_positive_selector() { self.selects(labels) } else { Truth::Yes };
                selected.and(is_so_named.into())
            })),
        }
    }
}

/// Whether an endpoint or network set at the address has labels that pass.
fn at(world: &World, address: IpAddr, test: impl Fn(&Labels) -> Truth) -> Truth {
    let endpoints = labelled_ports_at(world, address).map(|(labels, _)| labels);
    let sets = world.network_sets.iter().filter(|set| set.contains(address)).map(|set| &set.labels);
    Truth::any(endpoints.chain(sets).map(test))
}

/// Labels and named ports of the pods and host endpoints at an address.
fn labelled_ports_at(world: &World, address: IpAddr) -> impl Iterator<Item = (&Labels, &[NamedPort])> {
    let pods = world.endpoints_at(address).map(|pod| (&pod.labels, pod.ports.as_slice()));
    let hosts = world.host_endpoints.iter().filter(move |host| host.addresses.contains(&address));
    pods.chain(hosts.map(|host| (&host.labels, host.ports.as_slice())))
}

/// Namespace and name. A namespace that is not given could be meant to be the policy's or none.
fn read_service(value: &Value) -> Option<(String, String)> {
    let part = |field: &str| value[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    has_only(value, &["name", "namespace"]).then(|| Some((part("namespace")?, part("name")?)))?
}

/// An end of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its source.
    Sender,
    /// Its destination.
    Receiver,
}
