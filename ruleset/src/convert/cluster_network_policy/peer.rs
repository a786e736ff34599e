//! Peers: pods by the labels of their namespaces or their own, nodes, networks.

use ipnet::IpNet;

use super::{Api, port::only, subject::namespaced_pods, warn_of_excess};
use crate::{
    convert::{
        field::{Field, Problem},
        label_selector, nets,
        pods::{in_namespaces, of_pods},
        remark::Remarks,
    },
    policy::{Direction, Entity},
    selector::Selector,
};

/// The most networks that the API admits in one peer, of any kind of policy.
const MOST_NETWORKS: usize = 25;

/// What any of the peers would match, each as one entity; networks are one entity together. Each must be understood, and there must be one.
pub(super) fn peers(
    api: Api,
    list: &Field<'_>,
    direction: Direction,
    remarks: &mut Remarks,
) -> Result<Vec<Entity>, Problem> {
    let items = list.items()?;
    if items.is_empty() {
        return Err(list.problem("a rule needs at least one peer"));
    }
    warn_of_excess(list, items.len(), api.limit(), remarks);
    let mut entities = Vec::new();
    let mut networks = Vec::new();
    for item in &items {
        match peer(api, item, direction, remarks)? {
            Peer::Pods(selector) => entities.push(Entity { selector: Some(selector), ..Entity::default() }),
            Peer::Nodes(selector) => entities.push(Entity { nodes: Some(selector), ..Entity::default() }),
            Peer::Networks(nets) => networks.extend(nets),
        }
    }
    if !networks.is_empty() {
        entities.push(Entity { nets: networks, ..Entity::default() });
    }
    Ok(entities)
}

/// Whether an entity is one that has no ports with names.
pub(super) fn is_nameless(entity: &Entity) -> bool {
    entity.nodes.is_some() || !entity.nets.is_empty()
}

enum Peer {
    Pods(Selector),
    Nodes(Selector),
    Networks(Vec<IpNet>),
}

/// A peer has exactly one field. One that seems to have none has perhaps one that the API server's version of the kind does not know.
fn peer(api: Api, item: &Field<'_>, direction: Direction, remarks: &mut Remarks) -> Result<Peer, Problem> {
    let fields = item.fields()?;
    let (name, field) = only(&fields, known_fields(api, direction))?;
    match name {
        "namespaces" => Ok(Peer::Pods(of_pods(in_namespaces(&field)?))),
        "pods" => Ok(Peer::Pods(of_pods(namespaced_pods(api, &field)?))),
        "nodes" => {
            let terms = label_selector::terms(&field)?;
            Ok(Peer::Nodes(terms.into_iter().reduce(Selector::and).unwrap_or_else(Selector::all)))
        }
        "networks" => Ok(Peer::Networks(networks(&field, remarks)?)),
        _ => Err(field.problem("domain names are not enforced")),
    }
}

fn known_fields(api: Api, direction: Direction) -> &'static [&'static str] {
    match (direction, api) {
        (Direction::Ingress, Api::Cluster | Api::Admin | Api::Baseline) => &["namespaces", "pods"],
        (Direction::Egress, Api::Baseline) => &["namespaces", "pods", "nodes", "networks"],
        (Direction::Egress, Api::Cluster | Api::Admin) => {
            &["namespaces", "pods", "nodes", "networks", "domainNames"]
        }
    }
}

fn networks(field: &Field<'_>, remarks: &mut Remarks) -> Result<Vec<IpNet>, Problem> {
    let items = field.items()?;
    if items.is_empty() {
        return Err(field.problem("networks needs at least one network"));
    }
    warn_of_excess(field, items.len(), MOST_NETWORKS, remarks);
    items.iter().map(network).collect()
}

/// An IPv4 network that is written as IPv6 is none (the API's `isCIDR`), and would match no packet.
fn network(field: &Field<'_>) -> Result<IpNet, Problem> {
    let net = nets::cidr(field)?;
    match net {
        IpNet::V6(v6) if v6.prefix_len() >= 96 && v6.addr().to_ipv4_mapped().is_some() => {
            Err(field.problem(format!("{net} is an IPv4 network that is written as IPv6")))
        }
        IpNet::V4(_) | IpNet::V6(_) => Ok(net),
    }
}
