//! What annotations of a pod ask for besides policy: limits, DSCP, further source addresses, floating addresses.
//!
//! A pod is not kept apart for an annotation that is not understood. Limits and DSCP are no access control: one that cannot be read does not apply, one
//! beyond the bounds of the API is the bound, and both are errors. Addresses that cannot be read are missing, list and all: they would only open.

use super::quantity;
use crate::{
    convert::{
        field::{Field, Fields, Problem},
        nets,
        remark::Remarks,
    },
    policy::{Direction, PerDirection},
    resource::{Limits, PacketRate, PodExtras},
};

const DSCP: &str = "qos.projectcalico.org/dscp";
const ALLOWED_SOURCES: &str = "cni.projectcalico.org/allowedSourcePrefixes";
const FLOATING: &str = "cni.projectcalico.org/floatingIPs";

/// The highest packet rate and burst that the API admits.
const MAX_PACKETS: u32 = 10_000;
/// Packets at once where no burst is given.
const DEFAULT_BURST: u32 = 5;

/// Code points by the names that the API knows (RFC 2474, RFC 2597, RFC 3246).
const CODE_POINTS: [(&str, u8); 21] = [
    ("DF", 0),
    ("EF", 46),
    ("AF11", 10),
    ("AF12", 12),
    ("AF13", 14),
    ("AF21", 18),
    ("AF22", 20),
    ("AF23", 22),
    ("AF31", 26),
    ("AF32", 28),
    ("AF33", 30),
    ("AF41", 34),
    ("AF42", 36),
    ("AF43", 38),
    ("CS0", 0),
    ("CS1", 8),
    ("CS2", 16),
    ("CS3", 24),
    ("CS4", 32),
    ("CS5", 40),
    ("CS6", 48),
];

/// The annotations of one direction's limits: rate, burst, connections.
fn limit_names(direction: Direction) -> [&'static str; 3] {
    match direction {
        Direction::Ingress => [
            "qos.projectcalico.org/ingressPacketRate",
            "qos.projectcalico.org/ingressPacketBurst",
            "qos.projectcalico.org/ingressMaxConnections",
        ],
        Direction::Egress => [
            "qos.projectcalico.org/egressPacketRate",
            "qos.projectcalico.org/egressPacketBurst",
            "qos.projectcalico.org/egressMaxConnections",
        ],
    }
}

/// Reads the annotations. An empty one says nothing.
pub(super) fn read(annotations: &Fields<'_>, remarks: &mut Remarks) -> PodExtras {
    let own_only = "the pod sends from its own addresses only";
    let allowed_sources = list(annotations, ALLOWED_SOURCES, nets::parse_net, own_only, remarks);
    let unreached = "no floating address leads to the pod";
    let floating = list(annotations, FLOATING, nets::parse_address, unreached, remarks);
    PodExtras {
        limits: PerDirection::from_fn(|direction| limits(annotations, direction, remarks)),
        dscp: dscp(annotations, remarks),
        allowed_sources,
        floating,
    }
}

/// A JSON list of strings, each of which must be understood.
fn list<T: Ord>(
    annotations: &Fields<'_>,
    name: &str,
    read: fn(&str) -> Option<T>,
    consequence: &str,
    remarks: &mut Remarks,
) -> Vec<T> {
    let Some(field) = given(annotations, name) else { return Vec::new() };
    let values = field.text().and_then(|text| {
        let texts = texts(text)
            .ok_or_else(|| field.problem("must be a JSON list of strings, like [\"192.0.2.1\"]"))?;
        let value = |text: &str| {
            read(text).ok_or_else(|| field.problem(format!("{text:?} is no address or network of this list")))
        };
        texts.into_iter().map(value).collect::<Result<Vec<_>, Problem>>()
    });
    match values {
        Ok(mut values) => {
            values.sort();
            values.dedup();
            values
        }
        Err(problem) => {
            remarks.error(problem, consequence);
            Vec::new()
        }
    }
}

/// The strings of a JSON list. One with an escape is none that could be meant here.
fn texts(json: &str) -> Option<Vec<&str>> {
    let inner = json.trim().strip_prefix('[')?.strip_suffix(']')?.trim();
    if inner.is_empty() {
        return Some(Vec::new());
    }
    inner.split(',').map(string).collect()
}

fn string(json: &str) -> Option<&str> {
    let text = json.trim().strip_prefix('"')?.strip_suffix('"')?;
    (!text.contains(['"', '\\'])).then_some(text)
}

fn given<'a>(annotations: &Fields<'a>, name: &str) -> Option<Field<'a>> {
    annotations.field(name).filter(|field| field.text() != Ok(""))
}

fn limits(annotations: &Fields<'_>, direction: Direction, remarks: &mut Remarks) -> Limits {
    let [rate, burst, connections] = limit_names(direction);
    let per_second = limit(annotations, rate, MAX_PACKETS, remarks);
    let at_once = limit(annotations, burst, MAX_PACKETS, remarks);
    if let (None, Some(_), Some(field)) = (per_second, at_once, given(annotations, burst)) {
        remarks.error(field.problem(format!("a burst needs {rate} beside it")), "packets are not limited");
    }
    Limits {
        packets: per_second
            .map(|per_second| PacketRate { per_second, burst: at_once.unwrap_or(DEFAULT_BURST) }),
        connections: limit(annotations, connections, u32::MAX, remarks),
    }
}

/// A limit, at least 1 and at most `highest`.
fn limit(annotations: &Fields<'_>, name: &str, highest: u32, remarks: &mut Remarks) -> Option<u32> {
    let field = given(annotations, name)?;
    let value = field.text().and_then(|text| {
        quantity::parse(text)
            .ok_or_else(|| field.problem(format!("{text:?} is not a quantity, like 500, 1k or 1.5k")))
    });
    match value {
        Ok(value) => {
            let bounded = u32::try_from(value.clamp(1, i128::from(highest))).unwrap_or(highest);
            if i128::from(bounded) != value {
                let problem = field.problem(format!("must be 1 to {highest}"));
                remarks.error(problem, &format!("the limit is {bounded}"));
            }
            Some(bounded)
        }
        Err(problem) => {
            remarks.error(problem, "this limit does not apply");
            None
        }
    }
}

fn dscp(annotations: &Fields<'_>, remarks: &mut Remarks) -> Option<u8> {
    let field = given(annotations, DSCP)?;
    let value = field.text().and_then(|text| {
        let text = text.trim();
        let named =
            CODE_POINTS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, value)| *value);
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = || text.parse().ok().filter(|value| is_digits && *value <= 63);
        named.or_else(number).ok_or_else(|| {
            field.problem(format!("{text:?} is no DSCP; use 0 to 63 or a name such as EF, AF11 or CS1"))
        })
    });
    value.map_err(|problem| remarks.error(problem, "packets of the pod keep the DSCP that they have")).ok()
}
