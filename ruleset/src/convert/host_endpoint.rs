//! HostEndpoints of Calico: interfaces of nodes that policy governs.
//!
//! | not understood | the host endpoint |
//! |---|---|
//! | `node` | is absent: nobody knows whose it is |
//! | `interfaceName`, `expectedIPs`: neither given | is absent: it has no interface |
//! | `interfaceName`, `expectedIPs`: given, but none of it understood | stands closed on every interface that no other one has |
//! | an item of `expectedIPs`; or `interfaceName`, but addresses are | is on the interface that the rest tells |
//! | labels | stands closed, for forwarded traffic too: who knows which policies were meant to govern it |
//!
//! Whatever it is, no profile opens it, it is nobody's peer, and it never takes an interface from one that is understood.

use std::{net::IpAddr, sync::Arc};

use super::{
    field::{Field, Fields, Problem, Problems},
    labels, nets, ports,
    remark::Remarks,
    traffic,
};
use crate::{
    name::{HostEndpointName, InterfaceName, NodeName, PortName},
    port::NamedPort,
    resource::{HostEndpoint, HostEndpointState, HostInterface},
};

const SPEC_FIELDS: [&str; 5] = ["node", "interfaceName", "expectedIPs", "profiles", "ports"];

/// `interfaceName` of the endpoint of all other interfaces.
const OTHERS: &str = "*";

/// The longest name of an interface, in bytes (kernel: `IFNAMSIZ` less the terminator).
const MAX_INTERFACE: usize = 15;

/// The DSCP that Calico gives to what leaves by the endpoint.
const DSCP: &str = "qos.projectcalico.org/dscp";

const PROFILE_ALLOW: &str = "projectcalico-default-allow";
/// Before the name of a namespace, in the name of its profile.
const PROFILE_NAMESPACE: &str = "kns.";
/// Before namespace and name of a service account, in the name of its profile.
const PROFILE_ACCOUNT: &str = "ksa.";

const CLOSED: &str = "only failsafe ports, and what no policy can close, pass the host endpoint";
const DOUBTFUL: &str = "no profile opens the host endpoint, and it is no peer of any rule";

/// Reads a host endpoint; none where nobody can tell which interface of which node it is.
pub(super) fn convert(
    name: HostEndpointName,
    object: &Fields<'_>,
    remarks: &mut Remarks,
) -> Option<HostEndpoint> {
    let mut problems = Problems::default();
    problems.0.extend(object.unknown(&super::OBJECT_FIELDS));
    let metadata = problems.map_or_empty(object, "metadata");
    let spec = problems.map_or_empty(object, "spec");
    problems.0.extend(spec.unknown(&SPEC_FIELDS));

    let node = node(&spec);
    let addresses = expected_addresses(&spec, &mut problems);
    let place = node.and_then(|node| Ok((node, interface(&spec, &addresses, &mut problems)?)));
    let read = labels::read(&metadata);
    let has_labels = read.is_ok();
    let mut labels = problems.or_default(read);
    labels::strip_reserved(&mut labels);
    let profiles = problems.or_default(profiles(&spec, remarks));
    let ports = problems.or_default(named_ports(&spec));
    warn_of_dscp(&metadata, remarks);

    let (state, consequence) = match (has_labels, problems.is_empty()) {
        (false, _) => (HostEndpointState::Unintelligible, CLOSED),
        (true, false) => (HostEndpointState::Doubtful, DOUBTFUL),
        (true, true) => (HostEndpointState::Active, ""),
    };
    match place {
        Ok((node, interface)) => {
            remarks.errors(problems, consequence);
            let expected_addresses = addresses;
            Some(HostEndpoint { name, node, interface, expected_addresses, labels, profiles, ports, state })
        }
        Err(problem) => {
            problems.0.push(problem);
            remarks.errors(problems, "the host endpoint counts as absent: no policy governs its interface");
            None
        }
    }
}

fn node(spec: &Fields<'_>) -> Result<NodeName, Problem> {
    match spec.text("node")? {
        Some(node) if !node.is_empty() => Ok(node.into()),
        Some(_) | None => Err(spec.problem("node is missing")),
    }
}

/// The addresses that can be read.
fn expected_addresses(spec: &Fields<'_>, problems: &mut Problems) -> Vec<IpAddr> {
    let items = problems.or_default(spec.items("expectedIPs"));
    let mut addresses: Vec<_> =
        items.iter().filter_map(|item| problems.or_default(nets::address(item).map(Some))).collect();
    addresses.sort();
    addresses.dedup();
    addresses
}

/// The interface by name or by address; as wide as it could be where what is given is not understood, a problem where nothing is given.
fn interface(
    spec: &Fields<'_>,
    addresses: &[IpAddr],
    problems: &mut Problems,
) -> Result<HostInterface, Problem> {
    let named = spec.field("interfaceName").map(|field| interface_name(&field)).transpose();
    match named.map(Option::flatten) {
        Ok(Some(named)) => return Ok(named),
        Ok(None) => {}
        Err(problem) => problems.0.push(problem),
    }
    let is_given = ["interfaceName", "expectedIPs"].iter().any(|name| match spec.field(name) {
        Some(field) => field.text() != Ok("") && !field.items().is_ok_and(|items| items.is_empty()),
        None => false,
    });
    match (addresses.is_empty(), is_given) {
        (false, _) => Ok(HostInterface::ByAddress),
        (true, true) => Ok(HostInterface::Others),
        (true, false) => Err(spec.problem("interfaceName or expectedIPs must say which interface it is")),
    }
}

/// An interface that the kernel could have, of letters that mean themselves everywhere; none for empty text.
fn interface_name(field: &Field<'_>) -> Result<Option<HostInterface>, Problem> {
    let name = field.text()?;
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    match name {
        "" => Ok(None),
        OTHERS => Ok(Some(HostInterface::Others)),
        _ if is_plain && name.len() <= MAX_INTERFACE && ![".", ".."].contains(&name) => {
            Ok(Some(HostInterface::Named(InterfaceName::new(name))))
        }
        _ => Err(field.problem(format!(
            "{name:?} is no name of an interface: at most {MAX_INTERFACE} letters, digits, '_', '.' and '-', or * for all others"
        ))),
    }
}

fn profiles(spec: &Fields<'_>, remarks: &mut Remarks) -> Result<Vec<Arc<str>>, Problem> {
    let items = spec.items("profiles")?;
    for item in &items {
        let name = item.text()?;
        let is_known =
            name == PROFILE_ALLOW || name.starts_with(PROFILE_NAMESPACE) || name.starts_with(PROFILE_ACCOUNT);
        if !is_known {
            let message = format!("no profile {name:?} exists");
            remarks.warning(item.problem(message), "it denies what no policy decides");
        }
    }
    items.iter().map(|item| item.text().map(Arc::from)).collect()
}

fn named_ports(spec: &Fields<'_>) -> Result<Vec<NamedPort>, Problem> {
    let mut named = spec.items("ports")?.iter().map(named_port).collect::<Result<Vec<_>, _>>()?;
    named.sort();
    named.dedup();
    Ok(named)
}

fn named_port(item: &Field<'_>) -> Result<NamedPort, Problem> {
    let fields = item.fields()?;
    if let Some(problem) = fields.unknown(&["name", "protocol", "port"]).pop() {
        return Err(problem);
    }
    let required =
        |name: &str| fields.field(name).ok_or_else(|| fields.problem(format!("{name} is missing")));
    let name = required("name")?.text()?;
    let protocol = traffic::protocol_of(&required("protocol")?)?;
    if name.is_empty() || !protocol.has_ports() {
        return Err(fields.problem("a port has a name and protocol TCP, UDP or SCTP"));
    }
    Ok(NamedPort { name: PortName::new(name), protocol, port: ports::number(&required("port")?)? })
}

fn warn_of_dscp(metadata: &Fields<'_>, remarks: &mut Remarks) {
    let field = metadata.map("annotations").ok().and_then(|annotations| annotations.field(DSCP));
    if let Some(field) = field {
        let problem = field.problem("the DSCP of host endpoints is not supported");
        remarks.warning(problem, "packets keep the DSCP that they have");
    }
}
