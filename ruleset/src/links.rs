//! The node's network interfaces as far as policy needs them: where a pod's packets come from.

use std::net::IpAddr;

use imbl::{OrdMap, OrdSet};
use sha1::{Digest, Sha1};

use crate::name::{InterfaceName, ObjectName};

/// What is known of the node's links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Links {
    /// Nothing: every pod is assumed at the interface that Calico's CNI plug-in would name (offline tools).
    #[default]
    Assumed,
    /// What the kernel says.
    Observed(ObservedLinks),
}

/// Links, host routes and addresses of the kernel. The maps share structure with their earlier versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedLinks {
    /// The links that exist.
    pub names: OrdSet<InterfaceName>,
    /// The device of each host route (/32 or /128).
    pub routes: OrdMap<IpAddr, InterfaceName>,
    /// The node's own addresses by link, as its local routes have them, less those of links that the agent is told to leave out.
    pub addresses: OrdMap<InterfaceName, OrdSet<IpAddr>>,
}

/// The beginning of the name of a workload's interface, such as `cali`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfacePrefix(String);

impl InterfacePrefix {
    /// The prefix of Calico's CNI plug-in.
    pub const DEFAULT: &'static str = "cali";

    /// A prefix of 1 to 4 bytes (so that 11 digits fit behind it in the kernel's 15), free of blanks, `/`, `*` and quotes; else `None`.
    pub fn new(prefix: &str) -> Option<Self> {
        let fits = (1..=4).contains(&prefix.len());
        let clean = prefix.bytes().all(|byte| byte.is_ascii_graphic() && !b"/*\"'\\:".contains(&byte));
        (fits && clean).then(|| Self(prefix.to_owned()))
    }

    /// The prefix as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The interface that Calico's CNI plug-in gives a pod: the prefix and the first 11 hex digits of SHA-1 of `namespace.name`.
    pub fn interface_of(&self, pod: &ObjectName) -> InterfaceName {
        let digest = Sha1::digest(format!("{}.{}", pod.namespace, pod.name));
        let hex: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        InterfaceName::new(format!("{}{}", self.0, &hex[..11]))
    }
}

/// The interface towards the network where links are assumed: `eth0`, or another name that no prefix of workload interfaces begins.
pub(crate) fn uplink(prefixes: &[InterfacePrefix]) -> InterfaceName {
    let usual = std::iter::once("eth0".to_owned());
    let others = ('a'..='z').map(|letter| format!("{letter}uplink"));
    let free = |name: &String| !prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()));
    InterfaceName::new(usual.chain(others).find(free).unwrap_or_else(|| "uplink".to_owned()))
}

impl Default for InterfacePrefix {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl Links {
    /// Whether an interface bears one of these addresses.
    pub fn bears(&self, interface: &InterfaceName, addresses: &[IpAddr]) -> bool {
        match self {
            Self::Assumed => false,
            Self::Observed(observed) => observed
                .addresses
                .get(interface)
                .is_some_and(|borne| addresses.iter().any(|address| borne.contains(address))),
        }
    }

    /// The interface of a pod: the Calico name of the first prefix under which such a link exists, else the device of the host route to one of its
    /// addresses, else the Calico name of the first prefix, so that the pod is governed from the moment its link appears.
    pub fn interface_of(
        &self,
        pod: &ObjectName,
        addresses: &[IpAddr],
        prefixes: &[InterfacePrefix],
    ) -> Option<InterfaceName> {
        let expected = prefixes.first()?.interface_of(pod);
        let Self::Observed(observed) = self else { return Some(expected) };
        let by_name =
            prefixes.iter().map(|prefix| prefix.interface_of(pod)).find(|name| observed.names.contains(name));
        let by_route = || addresses.iter().find_map(|address| observed.routes.get(address)).cloned();
        by_name.or_else(by_route).or(Some(expected))
    }
}
