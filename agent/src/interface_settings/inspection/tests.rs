//! Over a tree of ordinary files; the tests with an agent in a namespace use the kernel's.

use std::collections::BTreeMap;

use super::{super::SourceSpoofing, *};

/// A `/proc/sys` in which the kernel's defaults hold for two interfaces.
struct Tree(tempfile::TempDir);

const DEFAULTS: [(&str, &str); 9] = [
    ("net/ipv4/conf/IF/route_localnet", "0"),
    ("net/ipv4/conf/IF/proxy_arp", "0"),
    ("net/ipv4/conf/IF/forwarding", "0"),
    ("net/ipv4/conf/IF/rp_filter", "1"),
    ("net/ipv4/neigh/IF/proxy_delay", "80"),
    ("net/ipv6/conf/IF/accept_ra", "1"),
    ("net/ipv6/conf/IF/proxy_ndp", "0"),
    ("net/ipv6/conf/IF/forwarding", "0"),
    ("net/ipv4/ip_forward", "0"),
];

impl Tree {
    fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for interface in ["cali1", "eth5", "all", "default"] {
            for (path, value) in DEFAULTS {
                tree.write(&path.replace("IF", interface), value);
            }
        }
        tree.write("net/ipv4/conf/default/rp_filter", "2");
        tree
    }

    fn write(&self, path: &str, value: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{value}\n")).unwrap();
    }

    fn inspector(&self, ours: Care, forwarding: IpForwarding) -> Inspector {
        Inspector::new(self.0.path(), ours, forwarding, vec![InterfacePrefix::default()])
    }

    /// The values of an interface, by the last part of their path.
    fn values(&self, interface: &str) -> BTreeMap<String, String> {
        let paths = DEFAULTS[..8].iter().map(|(path, _)| path.replace("IF", interface));
        paths
            .map(|path| {
                let value = fs::read_to_string(self.0.path().join(&path)).unwrap();
                (path.replace("net/", "").replace(&format!("conf/{interface}/"), ""), value.trim().to_owned())
            })
            .collect()
    }
}

fn interfaces(names: &[(&str, SourceSpoofing)]) -> Interfaces {
    names.iter().map(|(name, spoofing)| (InterfaceName::from(*name), *spoofing)).collect()
}

const OURS: (&str, SourceSpoofing) = ("cali1", SourceSpoofing::Forbidden);

#[test]
fn our_interfaces_are_set_once_and_again_when_somebody_changes_them() {
    let tree = Tree::new();
    let inspector = tree.inspector(Care::Apply, IpForwarding::Enabled);
    let report = inspector.inspect(&interfaces(&[OURS]));
    assert_eq!((report.applied, report.findings()), (10, Vec::new()), "{report:?}");
    let expected = [
        ("ipv4/route_localnet", "1"),
        ("ipv4/proxy_arp", "1"),
        ("ipv4/forwarding", "1"),
        ("ipv4/rp_filter", "2"),
        ("ipv4/neigh/cali1/proxy_delay", "0"),
        ("ipv6/accept_ra", "0"),
        ("ipv6/proxy_ndp", "1"),
        ("ipv6/forwarding", "1"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(tree.values("cali1"), expected.into());
    assert_eq!(inspector.inspect(&interfaces(&[OURS])), Report::default());
    tree.write("net/ipv4/conf/cali1/proxy_arp", "0");
    assert_eq!(inspector.inspect(&interfaces(&[OURS])).applied, 1);
}

#[test]
fn a_pod_that_may_spoof_has_no_reverse_path_filter() {
    let tree = Tree::new();
    let spoofing = interfaces(&[("cali1", SourceSpoofing::Allowed)]);
    tree.inspector(Care::Apply, IpForwarding::Enabled).inspect(&spoofing);
    assert_eq!(tree.values("cali1")["ipv4/rp_filter"], "0");
}

#[test]
fn interfaces_of_others_are_only_looked_at() {
    let tree = Tree::new();
    let before = tree.values("eth5");
    let both = interfaces(&[OURS, ("eth5", SourceSpoofing::Forbidden)]);
    let report = tree.inspector(Care::Apply, IpForwarding::Enabled).inspect(&both);
    assert_eq!(tree.values("eth5"), before);
    let findings: Vec<String> = report.findings().iter().map(Finding::to_string).collect();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].contains("ipv4 proxy_arp is 0, not 1"), "{findings:?}");
}

#[test]
fn nothing_is_written_where_only_checks_are_wanted() {
    let tree = Tree::new();
    let before = tree.values("cali1");
    let report = tree.inspector(Care::Check, IpForwarding::Enabled).inspect(&interfaces(&[OURS]));
    assert_eq!((report.applied, tree.values("cali1")), (0, before));
    // The seven of the interface that matter, and the two of the node.
    assert_eq!(report.deviations.len(), 9, "{report:?}");
}

#[test]
fn forwarding_of_the_node_is_left_to_others_if_told_so() {
    let tree = Tree::new();
    let report = tree.inspector(Care::Apply, IpForwarding::Disabled).inspect(&interfaces(&[]));
    assert_eq!(report, Report::default());
    assert_eq!(tree.inspector(Care::Apply, IpForwarding::Enabled).inspect(&interfaces(&[])).applied, 2);
}

#[test]
fn what_cannot_be_set_is_one_finding_that_does_not_depend_on_how_many_pods_there_are() {
    let tree = Tree::new();
    let finding = |names: &[&str]| {
        for name in names {
            // A value that comes out as something else than was written stands for one that the kernel refuses.
            for (path, _) in &DEFAULTS[..8] {
                let path = tree.0.path().join(path.replace("IF", name));
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                let _ = fs::remove_file(&path);
                std::os::unix::fs::symlink("/proc/sys/kernel/ostype", &path).unwrap();
            }
        }
        let names: Vec<_> = names.iter().map(|name| (*name, SourceSpoofing::Forbidden)).collect();
        let inspector = tree.inspector(Care::Apply, IpForwarding::Disabled);
        inspector.inspect(&interfaces(&names)).findings()
    };
    let one = finding(&["cali1"]);
    assert_eq!(one.len(), 1, "{one:?}");
    assert!(one[0].message.starts_with("settings under /proc/sys cannot be written ("), "{one:?}");
    assert_eq!(finding(&["cali1", "cali2", "cali3"]), one);
}

#[test]
fn links_that_are_not_there_and_those_with_names_of_the_kernels_are_passed_over() {
    let tree = Tree::new();
    let before = tree.values("all");
    let strange = interfaces(&[
        ("cali9", SourceSpoofing::Forbidden),
        ("all", SourceSpoofing::Forbidden),
        ("default", SourceSpoofing::Forbidden),
    ]);
    let inspector = Inspector::new(
        tree.0.path(),
        Care::Apply,
        IpForwarding::Disabled,
        vec![InterfacePrefix::new("a").unwrap()],
    );
    assert_eq!(inspector.inspect(&strange), Report::default());
    assert_eq!(tree.values("all"), before);
}
