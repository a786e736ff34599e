//! Ranges of service addresses.

use super::fixture::{one, places};
use crate::resource::Resource;

fn ranges(name: &str, spec: &str) -> (String, Vec<String>) {
    let text = format!(
        "apiVersion: projectcalico.org/v3\nkind: BGPConfiguration\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    );
    match one(&text) {
        (Resource::ServiceRanges(ranges), findings) => {
            let nets: Vec<_> = ranges.nets.iter().map(ToString::to_string).collect();
            (nets.join(" "), places(&findings))
        }
        (other, _) => panic!("{other:?}"),
    }
}

#[test]
fn all_three_lists_count() {
    let spec = "{asNumber: 64512, serviceClusterIPs: [{cidr: 10.96.0.1/12}, {cidr: 'fd00:96::/112'}], serviceExternalIPs: [{cidr: 192.0.2.1}], serviceLoadBalancerIPs: [{cidr: 198.51.100.0/24}, {cidr: 10.96.0.0/12}]}";
    assert_eq!(
        ranges("default", spec),
        ("10.96.0.0/12 192.0.2.1/32 198.51.100.0/24 fd00:96::/112".into(), vec![])
    );
    assert_eq!(ranges("default", "{}"), (String::new(), vec![]));
}

#[test]
fn a_range_that_is_not_understood_costs_no_other() {
    for (list, field) in [
        ("[{cidr: 10.96.0.0/12}, {cidr: x}]", "[1].cidr"),
        ("[{cidr: 10.96.0.0/12}, {}]", "[1]"),
        ("[{cidr: 10.96.0.0/12}, 10.0.0.0/8]", "[1]"),
    ] {
        let (nets, places) = ranges("default", &format!("{{serviceExternalIPs: {list}}}"));
        assert_eq!(
            (nets.as_str(), places),
            ("10.96.0.0/12", vec![format!("error spec.serviceExternalIPs{field}")])
        );
    }
    let (nets, places) = ranges("default", "{serviceClusterIPs: 10.96.0.0/12}");
    assert_eq!((nets.as_str(), places), ("", vec!["error spec.serviceClusterIPs".into()]));
}

#[test]
fn ranges_of_another_name_have_no_effect_and_say_so() {
    let (_, places) = ranges("node.n1", "{serviceClusterIPs: [{cidr: 10.96.0.0/12}]}");
    assert_eq!(places, ["warning spec.serviceClusterIPs"]);
    assert_eq!(ranges("node.n1", "{asNumber: 64512}").1, Vec::<String>::new());
}
