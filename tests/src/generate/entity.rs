//! What rules of Calico policies ask of one end, and the networks and ports in them.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{
    Rng, Validity,
    selectors::{Of, calico},
    vocabulary::{ACCOUNTS, HOST_PORT_NAME, PORT_NAMES, Vocabulary},
};

/// A network around an address that matters; its borders are remembered.
pub fn net(rng: &mut Rng, vocabulary: &mut Vocabulary) -> Value {
    let pool = if rng.chance(75) { &vocabulary.addresses } else { &vocabulary.outside };
    let address = *rng.pick(pool);
    let length = match address {
        IpAddr::V4(_) => *rng.pick(&[0, 8, 16, 23, 24, 25, 29, 30, 31, 32, 32]),
        IpAddr::V6(_) => *rng.pick(&[0, 8, 32, 64, 112, 120, 125, 127, 128, 128]),
    };
    let Ok(net) = ipnet::IpNet::new(address, length) else { return Value::Null };
    let (first, last) = (net.network(), net.broadcast());
    vocabulary.borders.extend([first, last, neighbour(first, false), neighbour(last, true)]);
    match rng.between(1, 12) {
        1 => net.to_string().into(),
        2 if length == net.max_prefix_len() => address.to_string().into(),
        _ => net.trunc().to_string().into(),
    }
}

/// The next address, or the one before.
fn neighbour(address: IpAddr, after: bool) -> IpAddr {
    match (address, after) {
        (IpAddr::V4(address), true) => u32::from(address).wrapping_add(1).to_be_bytes().into(),
        (IpAddr::V4(address), false) => u32::from(address).wrapping_sub(1).to_be_bytes().into(),
        (IpAddr::V6(address), true) => u128::from(address).wrapping_add(1).to_be_bytes().into(),
        (IpAddr::V6(address), false) => u128::from(address).wrapping_sub(1).to_be_bytes().into(),
    }
}

/// A number at which something begins or ends; its neighbours are remembered.
fn number(rng: &mut Rng, vocabulary: &mut Vocabulary) -> u16 {
    let number = match rng.maybe(30, |rng| rng.number()) {
        Some(number) => (number % 65535) as u16 + 1,
        None => *rng.pick(&super::vocabulary::PORTS),
    };
    vocabulary.ports.extend([number, number.saturating_sub(1).max(1), number.saturating_add(1)]);
    number
}

/// Which ports a rule may give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// Any: its protocol has ports.
    Any,
    /// By name only: it gives no protocol.
    Named,
    /// None: its protocol has no ports.
    None,
}

fn port(rng: &mut Rng, vocabulary: &mut Vocabulary, ports: Ports) -> Value {
    if ports == Ports::Named || rng.chance(25) {
        let of_hosts = !vocabulary.services.is_empty() && rng.chance(30);
        return if of_hosts { HOST_PORT_NAME } else { *rng.pick(&PORT_NAMES) }.into();
    }
    let (one, other) = (number(rng, vocabulary), number(rng, vocabulary));
    match rng.between(1, 6) {
        1 | 2 => format!("{}:{}", one.min(other), one.max(other)).into(),
        3 if rng.chance(20) => "0:65535".into(),
        3 => one.to_string().into(),
        _ => one.into(),
    }
}

/// Conditions on one end; most are absent.
pub fn generate(rng: &mut Rng, vocabulary: &mut Vocabulary, ports: Ports, validity: Validity) -> Value {
    let mut entity = json!({});
    if rng.chance(25) {
        entity["nets"] = rng.list(0, 4, |rng| net(rng, vocabulary)).into();
    }
    if rng.chance(8) {
        entity["notNets"] = rng.list(0, 2, |rng| net(rng, vocabulary)).into();
    }
    if rng.chance(25) {
        entity["selector"] = rng.maybe(95, |rng| calico(rng, Of::Endpoints)).unwrap_or_default().into();
    }
    if rng.chance(10) {
        entity["notSelector"] = calico(rng, Of::Endpoints).into();
    }
    if rng.chance(18) {
        entity["namespaceSelector"] = calico(rng, Of::Namespaces).into();
    }
    if rng.chance(12) {
        let mut accounts = json!({});
        if rng.chance(50) {
            accounts["names"] = rng.list(0, 2, |rng| *rng.pick(&ACCOUNTS)).into();
        }
        if rng.chance(50) {
            accounts["selector"] = calico(rng, Of::Accounts).into();
        }
        entity["serviceAccounts"] = accounts;
    }
    let likely = match ports {
        Ports::Any => 35,
        Ports::Named => 8,
        Ports::None => 0,
    };
    if rng.chance(likely) {
        entity["ports"] = rng.list(1, 4, |rng| port(rng, vocabulary, ports)).into();
    }
    if rng.chance(likely / 3) {
        entity["notPorts"] = rng.list(1, 3, |rng| port(rng, vocabulary, ports)).into();
    }
    if validity == Validity::Mixed && rng.chance(6) {
        spoil(rng, &mut entity);
    }
    entity
}

/// Puts something into an entity that cannot be understood.
fn spoil(rng: &mut Rng, entity: &mut Value) {
    match rng.between(1, 9) {
        1 => push(entity, "nets", rng.word(&["10.0.0.0/33", "nonsense", ""])),
        2 => push(entity, "notNets", rng.word(&["10.0.0.0/33", "nonsense"])),
        3 => entity["selector"] = (*rng.pick(&["app =", "app == b", "has(app", "app == 'a'\n"])).into(),
        4 => entity["notSelector"] = "!".into(),
        5 => entity["namespaceSelector"] = "name in (a)".into(),
        6 => push(entity, "ports", rng.word(&["90:80", "a b", "70000"])),
        7 => push(entity, "notPorts", rng.word(&["90:80", "a b"])),
        8 => entity["services"] = json!({"name": "s", "namespace": "default"}),
        _ => entity["unheardOf"] = true.into(),
    }
}

fn push(entity: &mut Value, field: &str, value: &str) {
    match entity[field].as_array_mut() {
        Some(list) => list.push(value.into()),
        None => entity[field] = json!([value]),
    }
}
