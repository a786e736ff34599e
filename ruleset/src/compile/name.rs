//! Names of chains, sets and maps: built here and nowhere else.
//!
//! A name says what the object is for, so that a person finds it; no code ever reads a name back. All names begin with a letter and hold only
//! `[A-Za-z0-9_./-]`, which the nft parser reads without quotes; object names of Kubernetes bring no other character.

use sha2::{Digest, Sha256};

use crate::{
    ir::{AddressSetKey, TierStep},
    name::{ChainName, HostEndpointName, ObjectName, SetName},
    nft::ProtocolPort,
    policy::{Direction, PolicyKey},
    selector::SelectorId,
};

/// The kernel holds names of up to 255 bytes (`NFT_NAME_MAXLEN` less the terminator); the rest is room for suffixes.
const LONGEST: usize = 240;

/// `from/<namespace>/<pod>`: what an endpoint sends; `to/<namespace>/<pod>`: what it receives.
pub(super) fn endpoint(pod: &ObjectName, direction: Direction) -> ChainName {
    let way = match direction {
        Direction::Egress => "from",
        Direction::Ingress => "to",
    };
    ChainName::new(fit(format!("{way}/{pod}")))
}

/// A place of host endpoint policy, by the packets that get there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    /// To the node.
    In,
    /// From the node.
    Out,
    /// From the node, once its destination has been translated; apart from [`Lane::Out`] only where denies of the two differ.
    TranslatedOut,
    /// Forwarded, or from a pod to its node; by the interface it came in by.
    ForwardIn,
    /// Forwarded, by the interface it leaves by.
    ForwardOut,
    /// To the node, judged by what was dialled.
    DialledIn,
    /// As [`Lane::ForwardIn`], judged by what was dialled.
    DialledForward,
    /// To the node, and past connection tracking.
    UntrackedIn,
    /// From the node, and past connection tracking.
    UntrackedOut,
    /// As [`Lane::ForwardIn`], and past connection tracking.
    UntrackedForward,
    /// Come in, ahead of connection tracking.
    RawIn,
    /// From the node, ahead of connection tracking.
    RawOut,
}

/// `host/in/<host endpoint>`: what a host endpoint does in a place; `/2` and so on where that takes several chains.
pub(super) fn host(lane: Lane, endpoint: &HostEndpointName, number: usize) -> ChainName {
    let place = match lane {
        Lane::In => "in",
        Lane::Out => "out",
        Lane::TranslatedOut => "translated-out",
        Lane::ForwardIn => "forward-in",
        Lane::ForwardOut => "forward-out",
        Lane::DialledIn => "dialled-in",
        Lane::DialledForward => "dialled-forward",
        Lane::UntrackedIn => "untracked-in",
        Lane::UntrackedOut => "untracked-out",
        Lane::UntrackedForward => "untracked-forward",
        Lane::RawIn => "raw-in",
        Lane::RawOut => "raw-out",
    };
    ChainName::new(match number {
        0 | 1 => fit(format!("host/{place}/{endpoint}")),
        number => fit(format!("host/{place}/{endpoint}/{number}")),
    })
}

/// `limit/<namespace>/<pod>`: the limit on packets towards an endpoint.
pub(super) fn limit(pod: &ObjectName) -> ChainName {
    ChainName::new(fit(format!("limit/{pod}")))
}

/// `ingress/knp/<namespace>/<name>`: the rules of a policy in one direction.
pub(super) fn policy(policy: &PolicyKey, direction: Direction) -> ChainName {
    ChainName::new(fit(format!("{direction}/{policy}")))
}

/// `ingress/tier/<tier>/<digest>`: a tier with pass rules, shared by all endpoints with the same policies in it.
pub(super) fn tier(step: &TierStep, direction: Direction) -> ChainName {
    let policies: String = step.policies.iter().map(|policy| format!("{policy}\n")).collect();
    ChainName::new(fit(format!(
        "{direction}/tier/{}/{}",
        step.tier,
        digest(&format!("{:?}\n{policies}", step.end))
    )))
}

/// `ingress/port/<group>/tcp-80`: what the policies of a group say about one port.
pub(super) fn port(direction: Direction, group: &str, port: ProtocolPort) -> ChainName {
    let protocol = port.protocol.to_string().to_lowercase();
    ChainName::new(format!("{direction}/port/{group}/{protocol}-{}", port.port))
}

/// The map that leads to the chains of [`port`].
pub(super) fn port_index(direction: Direction, group: &str) -> SetName {
    SetName::new(format!("{direction}-ports-{group}"))
}

/// The set of an address set. `kind` tells sets apart that hold the same members in another form.
pub(super) fn address_set(key: &AddressSetKey, kind: &str) -> SetName {
    SetName::new(match key {
        AddressSetKey::Selector(id) => format!("{kind}-{}", bare(id)),
        AddressSetKey::NodeAddresses(selector) => {
            format!("{kind}-{}", digest(&format!("nodes\n{}", selector.as_str())))
        }
        AddressSetKey::NamedPort { selector, protocol, port } => {
            let protocol = protocol.map_or("any".to_owned(), |protocol| protocol.0.to_string());
            format!("{kind}-{}", digest(&format!("{}\n{protocol}\n{port}", selector.as_str())))
        }
        AddressSetKey::ServiceAddresses(service) => {
            format!("{kind}-{}", digest(&format!("service\n{service}")))
        }
        AddressSetKey::ServicePorts(service) => {
            format!("{kind}-{}", digest(&format!("service ports\n{service}")))
        }
        AddressSetKey::ServiceFronts { .. } => format!("{kind}-{}", digest(&format!("{key:?}"))),
    })
}

/// The set of networks that a rule lists itself.
pub(super) fn listed_nets(description: &str) -> SetName {
    SetName::new(format!("nets-{}", digest(description)))
}

/// A selector id without its `s:`, as `:` ends a name.
fn bare(id: &SelectorId) -> &str {
    id.as_str().trim_start_matches("s:")
}

/// 96 bits of SHA-256: enough that no two texts of a cluster share it.
pub(super) fn digest(text: &str) -> String {
    Sha256::digest(text).iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

/// A name that is too long keeps its beginning and gets a digest of the whole.
fn fit(name: String) -> String {
    if name.len() <= LONGEST {
        return name;
    }
    let digest = digest(&name);
    let cut = (0..=LONGEST - digest.len() - 1).rev().find(|place| name.is_char_boundary(*place)).unwrap_or(0);
    format!("{}-{digest}", &name[..cut])
}
