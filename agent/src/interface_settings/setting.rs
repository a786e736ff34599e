//! Which settings there are, and why each has the value it has.

use ferrule_ruleset::name::InterfaceName;

use super::SourceSpoofing;

/// What to do about a setting that is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Care {
    /// Set it.
    Apply,
    /// Say so.
    Check,
}

/// Whether it matters that a setting cannot be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Needed,
    BestEffort,
}

/// A setting and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// Its file below `/proc/sys`.
    pub path: String,
    /// What it should hold.
    pub value: String,
    pub weight: Weight,
}

impl Setting {
    fn needed(path: String, value: &str) -> Self {
        Self { path, value: value.to_owned(), weight: Weight::Needed }
    }
}

/// The settings of a workload's interface. `reverse_path` is the reverse path filter that new interfaces had when the agent started.
pub(super) fn of_interface(
    interface: &InterfaceName,
    spoofing: SourceSpoofing,
    reverse_path: Option<&str>,
) -> Vec<Setting> {
    let v4 = |name: &str, value| Setting::needed(format!("net/ipv4/conf/{interface}/{name}"), value);
    let v6 = |name: &str, value| Setting::needed(format!("net/ipv6/conf/{interface}/{name}"), value);
    let mut settings = vec![
        // A pod is reached by what the node sends to a NodePort at 127.0.0.1: after translation that still comes from 127.0.0.1.
        v4("route_localnet", "1"),
        // The pod waits for the answer to its first ARP request before it can send anything; by default that is held back for 0.8 s.
        Setting::needed(format!("net/ipv4/neigh/{interface}/proxy_delay"), "0"),
        // The pod's next hop, 169.254.1.1, is borne by no interface: the node answers for it.
        v4("proxy_arp", "1"),
        // What the pod sends is passed on, even if new interfaces of this node do not forward.
        v4("forwarding", "1"),
        // A pod has no routers to announce, and must not give its node a default route. Link-local routers are not the pod's business either.
        Setting { weight: Weight::BestEffort, ..v6("accept_ra", "0") },
        // As proxy_arp, for neighbour solicitations.
        v6("proxy_ndp", "1"),
        // As in IPv4.
        v6("forwarding", "1"),
    ];
    let reverse_path = match spoofing {
        // Reply routes of forged sources do not lead to the pod, so that any filter would drop what it is allowed to send.
        SourceSpoofing::Allowed => Some("0"),
        // The node's own choice; the rules test the source more strictly than the filter could.
        SourceSpoofing::Forbidden => reverse_path,
    };
    settings.extend(reverse_path.map(|value| v4("rp_filter", value)));
    settings
}

/// The settings of the node as a whole: without them it drops whatever is not for itself.
pub(super) fn of_node() -> Vec<Setting> {
    ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"]
        .map(|path| Setting::needed(path.to_owned(), "1"))
        .into()
}
