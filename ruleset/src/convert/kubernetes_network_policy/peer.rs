//! Peers: pods by label, or blocks of addresses.

use ipnet::IpNet;

use crate::{
    address::Family,
    convert::{
        field::{Field, Fields, Problem},
        label_selector, nets,
        pods::{in_namespaces, of_pods},
        selectors::Scope,
    },
    name::NamespaceName,
    policy::Entity,
    selector::Selector,
};

/// What any of the peers would match, each as one entity; everything where the list is empty (policy-model §1.4). Blocks without exceptions are one entity.
pub(super) fn peers(items: &[Field<'_>], namespace: &NamespaceName) -> Result<Vec<Entity>, Problem> {
    if items.is_empty() {
        return Ok(vec![Entity::default()]);
    }
    let mut entities = Vec::new();
    let mut blocks = Vec::new();
    for item in items {
        match peer(&item.fields()?, namespace)? {
            Peer::Pods(selector) => entities.push(Entity { selector: Some(selector), ..Entity::default() }),
            Peer::Block { net, except } if except.is_empty() => blocks.push(net),
            Peer::Block { net, except } => {
                entities.push(Entity { nets: vec![net], not_nets: except, ..Entity::default() });
            }
        }
    }
    if !blocks.is_empty() {
        entities.push(Entity { nets: blocks, ..Entity::default() });
    }
    Ok(entities)
}

enum Peer {
    Pods(Selector),
    Block { net: IpNet, except: Vec<IpNet> },
}

fn peer(fields: &Fields<'_>, namespace: &NamespaceName) -> Result<Peer, Problem> {
    if let Some(problem) = fields.unknown(&["podSelector", "namespaceSelector", "ipBlock"]).pop() {
        return Err(problem);
    }
    let pods = fields.field("podSelector");
    let namespaces = fields.field("namespaceSelector");
    match (fields.field("ipBlock"), &pods, &namespaces) {
        (Some(block), None, None) => ip_block(&block.fields()?),
        (Some(_), _, _) => {
            Err(fields.problem("ipBlock cannot stand beside podSelector or namespaceSelector"))
        }
        (None, None, None) => {
            Err(fields.problem("the peer is empty; it needs podSelector, namespaceSelector or ipBlock"))
        }
        (None, _, _) => {
            let own_or_selected = match &namespaces {
                Some(field) => in_namespaces(field)?,
                None => Vec::from_iter(Scope::Namespace(namespace).term()),
            };
            let pods = pods.map_or(Ok(Vec::new()), |field| label_selector::terms(&field))?;
            Ok(Peer::Pods(of_pods(own_or_selected.into_iter().chain(pods))))
        }
    }
}

fn ip_block(fields: &Fields<'_>) -> Result<Peer, Problem> {
    if let Some(problem) = fields.unknown(&["cidr", "except"]).pop() {
        return Err(problem);
    }
    let Some(cidr) = fields.field("cidr") else { return Err(fields.problem("cidr is missing")) };
    let net = nets::cidr(&cidr)?;
    let mut except = Vec::new();
    for field in fields.items("except")? {
        let exception = nets::cidr(&field)?;
        // An exception of the other family would silence the rule for this one.
        if Family::of_net(&exception) != Family::of_net(&net) {
            return Err(field.problem(format!("{exception} lies outside of {net}")));
        }
        except.push(exception);
    }
    Ok(Peer::Block { net, except })
}
