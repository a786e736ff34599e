//! Settings under a `/proc/sys` that may not be written, as in a container without privileges.

use ferrule_agent::interface_settings::{self, Interfaces, IpForwarding, Mode, SourceSpoofing};
use ferrule_ruleset::{links::InterfacePrefix, name::InterfaceName};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};

use crate::namespace::isolated;

/// Makes `/proc/sys` read-only for the calling thread and those that it starts.
fn forbid_writing() {
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
    mount(Some("/proc/sys"), "/proc/sys", none, MsFlags::MS_BIND, none).unwrap();
    let read_only = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(none, "/proc/sys", none, read_only, none).unwrap();
}

#[test]
fn what_may_not_be_written_is_one_finding() {
    isolated(async || {
        forbid_writing();
        // The loopback stands for a pod's interface: it is there.
        let prefixes = vec![InterfacePrefix::new("lo").unwrap()];
        let mut settings =
            interface_settings::start(Mode::Apply, IpForwarding::Enabled, prefixes).unwrap().unwrap();
        let interfaces: Interfaces = [(InterfaceName::from("lo"), SourceSpoofing::Forbidden)].into();
        settings.look_at(interfaces);
        let report = settings.report().await.unwrap();
        assert!(report.applied == 0 && report.deviations.len() > 2, "{report:?}");
        let findings = report.findings();
        assert_eq!(findings.len(), 1, "{findings:?}");
        let message = &findings[0].message;
        assert!(
            message.starts_with("settings under /proc/sys cannot be written (Read-only file system"),
            "{message}"
        );
        assert!(message.contains("ipv4 proxy_arp is 0, not 1"), "{message}");
    });
}
