//! One file: its name and what stands in it.

use std::{collections::BTreeSet, fmt::Write as _, net::IpAddr};

use ferrule_ruleset::name::{InterfaceName, ObjectName};
use ipnet::IpNet;
use serde::Serialize;

/// The orchestrator in Calico's key of a pod's endpoint.
const ORCHESTRATOR: &str = "k8s";
/// The interface inside the pod in Calico's key of a pod's endpoint.
const ENDPOINT: &str = "eth0";
/// Between the parts of a name. No part holds one that is not escaped.
const SEPARATOR: char = ' ';

/// What a file says: Calico's `WorkloadEndpointStatus`, in which everything may be missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointStatus {
    iface_name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ipv4_nets: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ipv6_nets: Vec<String>,
}

impl EndpointStatus {
    /// An endpoint that is up at this interface and has these addresses.
    pub fn new(interface: &InterfaceName, addresses: &BTreeSet<IpAddr>) -> Self {
        let (ipv4, ipv6): (Vec<IpNet>, _) =
            addresses.iter().map(|address| IpNet::from(*address)).partition(|net| net.addr().is_ipv4());
        let texts = |nets: Vec<IpNet>| nets.iter().map(IpNet::to_string).collect();
        Self { iface_name: interface.as_str().to_owned(), ipv4_nets: texts(ipv4), ipv6_nets: texts(ipv6) }
    }

    /// The content of the file.
    pub(super) fn json(&self) -> String {
        // A struct of strings always has a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The name of a pod's file: `k8s default%2Fweb-0 eth0`.
pub(super) fn name(pod: &ObjectName) -> String {
    let workload = escape(&pod.to_string());
    format!("{ORCHESTRATOR}{SEPARATOR}{workload}{SEPARATOR}{ENDPOINT}")
}

/// Whether a file by this name would be a pod's.
pub(super) fn is_name(name: &str) -> bool {
    let mut parts = name.split(SEPARATOR);
    let (first, workload, last) = (parts.next(), parts.next(), parts.next());
    first == Some(ORCHESTRATOR)
        && workload.is_some_and(|workload| workload.contains("%2F"))
        && last == Some(ENDPOINT)
        && parts.next().is_none()
}

/// As Go's `url.PathEscape`: what RFC 3986 reserves stays only where it means nothing within a segment of a path.
fn escape(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+:=@".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first three are from the tests of Calico's own `WorkloadEndpointKeyToStatusFilename`.
    #[test]
    fn a_name_is_calicos() {
        for (namespace, pod, expected) in [
            ("default", "testpod1", "k8s default%2Ftestpod1 eth0"),
            ("defaul", "t/testp/od1", "k8s defaul%2Ft%2Ftestp%2Fod1 eth0"),
            ("default", "t est pod1", "k8s default%2Ft%20est%20pod1 eth0"),
            ("default", "web-0.x_y~$&+:=@", "k8s default%2Fweb-0.x_y~$&+:=@ eth0"),
            ("..", "%é,;?", "k8s ..%2F%25%C3%A9%2C%3B%3F eth0"),
        ] {
            let name = name(&ObjectName::new(namespace, pod));
            assert_eq!(name, expected);
            assert!(is_name(&name));
        }
    }

    #[test]
    fn what_is_no_pods_file_is_told_apart() {
        for name in [
            "",
            "k8s",
            "README",
            "k8s default eth0",
            "k8s default%2Fa net1",
            "k8s a%2Fb eth0 x",
            "cni a%2Fb eth0",
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn the_content_is_calicos() {
        let status = |addresses: &[&str]| {
            let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
            EndpointStatus::new(&InterfaceName::from("cali1"), &addresses).json()
        };
        assert_eq!(
            status(&["10.0.0.1", "fd00::1", "10.0.0.9"]),
            r#"{"ifaceName":"cali1","ipv4Nets":["10.0.0.1/32","10.0.0.9/32"],"ipv6Nets":["fd00::1/128"]}"#
        );
        assert_eq!(status(&["fd00::1"]), r#"{"ifaceName":"cali1","ipv6Nets":["fd00::1/128"]}"#);
    }
}
