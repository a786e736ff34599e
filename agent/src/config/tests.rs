use std::io::Write as _;

use ferrule_ruleset::settings::{DenyAction, EndpointToHost, InvalidPackets, NodePortPolicy, Switch};

use super::*;

/// The settings of these flags in front of those of this file.
fn config(flags: &[&str], file: &str) -> Result<Config, ConfigError> {
    let mut config = tempfile::NamedTempFile::new().unwrap();
    config.write_all(file.as_bytes()).unwrap();
    let path = config.path().to_str().unwrap();
    let arguments = ["ferrule-agent", "--config", path].into_iter().chain(flags.iter().copied());
    match Task::parse(arguments.map(OsString::from))?.0 {
        Task::Run(config) => Ok(*config),
        Task::Cleanup => panic!("nobody asked for a cleanup"),
    }
}

fn error(flags: &[&str], file: &str) -> String {
    config(flags, file).unwrap_err().to_string()
}

const LEAST: &str = "node-name: node-1\nmanifests: /m\n";

#[test]
fn defaults_fill_what_nobody_says() {
    let config = config(&[], LEAST).unwrap();
    assert_eq!(config.node, NodeName::from("node-1"));
    assert_eq!(config.input, Input::Manifests(PathBuf::from("/m")));
    assert_eq!(config.options, Options::default());
    assert_eq!(config.health_address, "127.0.0.1:9099".parse().unwrap());
    assert_eq!(config.metrics_address, None);
    assert_eq!(config.interface_exclude, [InterfaceName::from("kube-ipvs0")].into());
    assert_eq!((config.interface_settings, config.ip_forwarding), (Mode::Apply, IpForwarding::Enabled));
    assert_eq!(config.rollback, None);
}

#[test]
fn with_an_api_server_changes_are_on_trial_out_of_the_box() {
    let least = "node-name: node-1\nkubernetes: true\n";
    let on_trial = RollbackSettings { targets: Vec::new(), after: Duration::from_secs(10) };
    assert_eq!(config(&[], least).unwrap().rollback, Some(on_trial));
    assert_eq!(config(&["--rollback-after", "0"], least).unwrap().rollback, None);
}

#[test]
fn a_flag_precedes_the_file() {
    let file =
        format!("{LEAST}health-address: 127.0.0.1:1\nmetrics-address: 127.0.0.1:2\ninterface-prefix: tap\n");
    let config = config(&["--health-address", "[::1]:3", "--interface-prefix", "veth"], &file).unwrap();
    assert_eq!(config.health_address, "[::1]:3".parse().unwrap());
    assert_eq!(config.metrics_address, Some("127.0.0.1:2".parse().unwrap()));
    assert_eq!(config.options.prefixes, [InterfacePrefix::new("veth").unwrap()]);
}

#[test]
fn every_key_of_the_file_is_heard() {
    let file = format!(
        "{LEAST}interface-prefix: [cali, tap]\ndataplane: nftables\ndefault-endpoint-to-host-action: drop\n\
         conntrack-invalid: Judge\nlog-level: debug\nlog-format: json\ninterface-exclude: [kube-ipvs0, nodelocaldns]\n\
         interface-settings: check\nip-forwarding: disabled\nrollback-probe: ['10.0.0.1:6443', '[fd00::1]:6443']\nrollback-after: 500ms\n"
    );
    let config = config(&[], &file).unwrap();
    assert_eq!(config.options.prefixes.len(), 2);
    assert_eq!(config.options.layer.endpoint_to_host, Some(EndpointToHost::Drop));
    assert_eq!(config.options.layer.invalid, Some(InvalidPackets::Judge));
    assert_eq!(config.interface_exclude.len(), 2);
    assert_eq!((config.interface_settings, config.ip_forwarding), (Mode::Check, IpForwarding::Disabled));
    let targets = ["10.0.0.1:6443", "[fd00::1]:6443"].map(str::to_owned).into();
    assert_eq!(config.rollback, Some(RollbackSettings { targets, after: Duration::from_millis(500) }));
}

#[test]
fn nothing_is_taken_back_after_no_time_and_nothing_excluded_by_an_empty_name() {
    let file = format!("{LEAST}rollback-probe: 10.0.0.1:6443\ninterface-exclude: ''\n");
    let config = config(&["--rollback-after", "0"], &file).unwrap();
    assert_eq!(config.rollback, None);
    assert!(config.interface_exclude.is_empty());
}

#[test]
fn what_the_agent_says_of_enforcement_is_heard_in_every_spelling() {
    let file = format!(
        "{LEAST}nodeport_policy: consistent\nauto-host-endpoints: enabled\nfailsafe-inbound: [tcp:22, 'udp:10.0.0.0/8:53']\n\
         failsafe_outbound: none\ndeny-action: Reject\n"
    );
    let layer = config(&["--auto-host-endpoints", "disabled"], &file).unwrap().options.layer;
    assert_eq!(layer.node_ports, Some(NodePortPolicy::Consistent));
    assert_eq!(layer.auto_host_endpoints, Some(Switch::Disabled));
    assert_eq!(layer.failsafe_inbound.map(|ports| ports.len()), Some(2));
    assert_eq!(layer.failsafe_outbound, Some(Vec::new()));
    assert_eq!(layer.deny, Some(DenyAction::Reject));
}

#[test]
fn a_wrong_failsafe_port_is_named() {
    let error = config(&["--failsafe-inbound", "tcp:22,sctp:1"], LEAST).unwrap_err().to_string();
    assert!(error.contains("--failsafe-inbound sctp:1"), "{error}");
}

#[test]
fn repeated_prefixes_are_all_kept() {
    let config = config(&["--interface-prefix", "cali", "--interface-prefix", "tap"], LEAST).unwrap();
    assert_eq!(config.options.prefixes.len(), 2);
}

#[test]
fn an_empty_file_says_nothing() {
    assert!(config(&["--node-name", "a", "--manifests", "/m"], "# nothing\n").is_ok());
}

#[test]
fn errors_name_the_setting() {
    assert!(error(&[], "manifests: /m\n").contains("--node-name is required (or FERRULE_NODE_NAME"));
    assert!(error(&[], "node-name: a\n").contains("--manifests is required"));
    assert!(error(&["--kubernetes"], LEAST).contains("not from both"));
    assert!(error(&["--kubeconfig", "/k"], LEAST).contains("only with --kubernetes"));
    assert!(error(&["--dataplane", "iptables"], LEAST).contains("not supported yet"));
    assert!(error(&["--interface-prefix", "toolong"], LEAST).contains("--interface-prefix toolong"));
    assert!(error(&["--health-address", "9099"], LEAST).contains("--health-address 9099"));
    assert!(error(&[], "node-name: a\nmanifest: /m\n").contains("unknown field `manifest`"));
    assert!(error(&[], &format!("{LEAST}log-format: xml\n")).contains("`xml` is none of text, json"));
    for wrong in ["10.0.0.1", "fd00::1:6443", ":6443", "host:70000"] {
        assert!(error(&["--rollback-probe", wrong], LEAST).contains("--rollback-probe"), "{wrong}");
    }
    assert!(error(&["--boot-window", "soon"], LEAST).contains("--boot-window soon: a time is wanted"));
    assert!(error(&["--rollback-after", "10"], LEAST).contains("--rollback-after 10: a time is wanted"));
    assert!(error(&[], &format!("{LEAST}interface-settings: on\n")).contains("is none of apply, check, off"));
    assert!(error(&["--log-level", "=,="], LEAST).contains("--log-level"));
    let misspelt = error(&["--log-level", "wran"], LEAST);
    assert!(misspelt.contains("--log-level") && misspelt.contains("trace"), "{misspelt}");
}

#[test]
fn cleanup_needs_no_other_setting() {
    let (task, _) = Task::parse(["ferrule-agent", "--cleanup"].map(OsString::from)).unwrap();
    assert!(matches!(task, Task::Cleanup));
}

#[test]
fn rust_log_gives_way_to_the_flag() {
    let said = Settings { log_level: Some("warn".to_owned()), ..Settings::default() };
    assert_eq!(logging(&said, Some("trace".to_owned())).unwrap().filter.to_string(), "warn");
    assert_eq!(logging(&Settings::default(), Some("trace".to_owned())).unwrap().filter.to_string(), "trace");
    assert_eq!(logging(&Settings::default(), None).unwrap().filter.to_string(), "info");
}
