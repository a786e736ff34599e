//! What the agent is told: flags, environment, configuration file and defaults, in this order of precedence, made into one [`Config`].
//!
//! Invariants:
//! * The environment is read here and nowhere else.
//! * A [`Config`] is valid; nothing behind this module checks it again.

mod choice;
mod duration;
mod settings;

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fmt, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{CommandFactory, FromArgMatches};
use ferrule_ruleset::{
    compile::Options,
    links::InterfacePrefix,
    name::{InterfaceName, NodeName},
    settings::{Failsafe, FailsafeError, Layer},
};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

pub use choice::LogFormat;
pub use settings::Settings;

use crate::{
    agent::StartupProtection,
    api_server::Access,
    interface_settings::{IpForwarding, Mode},
};
use choice::Backend;

/// Where readiness and liveness are served unless told otherwise.
const HEALTH_ADDRESS: &str = "127.0.0.1:9099";
/// The link of kube-proxy in IPVS mode, which bears every service address.
const EXCLUDED_INTERFACE: &str = "kube-ipvs0";
/// After how long without an answer of the source a change is taken back, unless told otherwise.
const ROLLBACK_AFTER: &str = "10s";
/// For how long after a boot workloads that run are closed all the same, unless told otherwise. Only who installs the agent knows whether a node that has
/// just been started is being installed or coming back.
const BOOT_WINDOW: &str = "0";
/// What is logged unless told otherwise.
const LOG_LEVEL: &str = "info";

/// What the agent is to do.
#[derive(Debug)]
pub enum Task {
    /// Keep the node's policy enforced.
    Run(Box<Config>),
    /// Remove everything of ours from the kernel.
    Cleanup,
}

/// How to keep the node's policy enforced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The node whose pods are governed.
    pub node: NodeName,
    /// Where policy comes from.
    pub input: Input,
    /// What holds until the sources have been read.
    pub startup_protection: StartupProtection,
    /// For how long after the node was started workloads that run say nothing about how long they have.
    pub boot_window: Duration,
    /// Below which directory a file is kept for each pod whose policy is in force; none for no such files.
    pub endpoint_status: Option<PathBuf>,
    /// The links whose addresses are left out.
    pub interface_exclude: BTreeSet<InterfaceName>,
    /// What to do about the settings of interfaces.
    pub interface_settings: Mode,
    /// Whether they include that the node forwards.
    pub ip_forwarding: IpForwarding,
    /// What the compiler's layout depends on.
    pub options: Options,
    /// Where `/readiness` and `/liveness` are served.
    pub health_address: SocketAddr,
    /// Where `/metrics` is served; none for the health address.
    pub metrics_address: Option<SocketAddr>,
    /// When a change is taken back; none for never.
    pub rollback: Option<RollbackSettings>,
}

/// Where policy comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A directory of manifests.
    Manifests(PathBuf),
    /// An API server.
    Kubernetes(Access),
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifests(directory) => write!(f, "{}", directory.display()),
            Self::Kubernetes(Access { kubeconfig: Some(path) }) => {
                write!(f, "the cluster of {}", path.display())
            }
            Self::Kubernetes(Access { kubeconfig: None }) => f.write_str("the cluster around this pod"),
        }
    }
}

/// When a change is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollbackSettings {
    /// Addresses of the source of policy, `host:port`. The API server's own is added where policy comes from one.
    pub targets: Vec<String>,
    /// After how long without an answer of any of them.
    pub after: Duration,
}

/// How to log.
#[derive(Debug)]
pub struct Logging {
    /// What is logged.
    pub filter: EnvFilter,
    /// How a line looks.
    pub format: LogFormat,
}

/// Why there is no [`Config`].
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The command line or an environment variable does not parse, or help was asked for.
    #[error(transparent)]
    CommandLine(#[from] clap::Error),
    /// The configuration file cannot be read.
    #[error("--config {path}: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The configuration file cannot be understood.
    #[error("--config {path}: {source}", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What and where.
        source: serde_norway::Error,
    },
    /// A setting is missing.
    #[error("--{0} is required (or FERRULE_{variable}, or the key `{0}` in the file of --config)", variable = variable(.0))]
    Missing(&'static str),
    /// A value does not do.
    #[error("--{setting} {value}: {reason}")]
    Invalid {
        /// The setting.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What would do.
        reason: String,
    },
}

impl Task {
    /// Reads the command line, the environment and the configuration file.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<(Self, Logging), ConfigError> {
        let matches = Settings::command().try_get_matches_from(arguments)?;
        let given = Settings::from_arg_matches(&matches)?;
        let file = given.config.as_deref().map(read).transpose()?.unwrap_or_default();
        let settings = given.or(file);
        let logging = logging(&settings, std::env::var("RUST_LOG").ok())?;
        let task = if settings.cleanup == Some(true) {
            Self::Cleanup
        } else {
            Self::Run(Box::new(validate(settings)?))
        };
        Ok((task, logging))
    }
}

fn read(path: &Path) -> Result<Settings, ConfigError> {
    let text = fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Settings::default());
    }
    serde_norway::from_str(&text).map_err(|source| ConfigError::Malformed { path: path.to_owned(), source })
}

fn logging(settings: &Settings, rust_log: Option<String>) -> Result<Logging, ConfigError> {
    let level = settings.log_level.clone().or(rust_log).unwrap_or_else(|| LOG_LEVEL.to_owned());
    let own = settings.log_level.as_deref().unwrap_or_default();
    if let Some(wrong) = own.split(',').find(|part| !part.is_empty() && !is_log_directive(part)) {
        return Err(ConfigError::Invalid {
            setting: "log-level",
            value: wrong.to_owned(),
            reason: "a level is wanted (off, error, warn, info, debug or trace), or target=level".to_owned(),
        });
    }
    let filter = EnvFilter::try_new(&level).map_err(|error| ConfigError::Invalid {
        setting: "log-level",
        value: level,
        reason: error.to_string(),
    })?;
    Ok(Logging { filter, format: settings.log_format.unwrap_or_default() })
}

fn validate(settings: Settings) -> Result<Config, ConfigError> {
    if settings.dataplane == Some(Backend::Iptables) {
        return Err(ConfigError::Invalid {
            setting: "dataplane",
            value: "iptables".to_owned(),
            reason: "not supported yet; use nftables".to_owned(),
        });
    }
    let layer = layer(&settings)?;
    let node = settings.node_name.ok_or(ConfigError::Missing("node-name"))?;
    if node.trim().is_empty() {
        return Err(ConfigError::Missing("node-name"));
    }
    let options =
        Options { prefixes: prefixes(settings.interface_prefix.as_deref())?, layer, ..Options::default() };
    Ok(Config {
        node: NodeName::new(node),
        input: input(settings.manifests, settings.kubernetes, settings.kubeconfig)?,
        startup_protection: settings.startup_protection.unwrap_or_default().into(),
        boot_window: time("boot-window", settings.boot_window.as_deref().unwrap_or(BOOT_WINDOW))?,
        endpoint_status: settings.endpoint_status_path_prefix,
        interface_exclude: exclusions(settings.interface_exclude),
        interface_settings: settings.interface_settings.unwrap_or_default().into(),
        ip_forwarding: settings.ip_forwarding.unwrap_or_default().into(),
        options,
        health_address: address(
            "health-address",
            settings.health_address.as_deref().unwrap_or(HEALTH_ADDRESS),
        )?,
        metrics_address: settings
            .metrics_address
            .map(|text| address("metrics-address", &text))
            .transpose()?,
        rollback: rollback(
            settings.rollback_probe.unwrap_or_default(),
            settings.rollback_after.as_deref(),
            settings.kubernetes == Some(true),
        )?,
    })
}

fn input(
    manifests: Option<PathBuf>,
    kubernetes: Option<bool>,
    kubeconfig: Option<PathBuf>,
) -> Result<Input, ConfigError> {
    match (manifests, kubernetes == Some(true), kubeconfig) {
        (None, true, kubeconfig) => Ok(Input::Kubernetes(Access { kubeconfig })),
        (Some(manifests), false, None) => Ok(Input::Manifests(manifests)),
        (Some(manifests), true, _) => Err(ConfigError::Invalid {
            setting: "manifests",
            value: manifests.display().to_string(),
            reason: "policy comes from a directory or from --kubernetes, not from both".to_owned(),
        }),
        (_, false, Some(kubeconfig)) => Err(ConfigError::Invalid {
            setting: "kubeconfig",
            value: kubeconfig.display().to_string(),
            reason: "it is of use only with --kubernetes".to_owned(),
        }),
        (None, false, None) => Err(ConfigError::Missing("manifests")),
    }
}

/// What the agent itself says of enforcement; `FelixConfiguration` objects are weaker.
fn layer(settings: &Settings) -> Result<Layer, ConfigError> {
    let failsafes = |setting, ports: &Option<Vec<String>>| {
        ports.as_deref().map(|ports| failsafes(setting, ports)).transpose()
    };
    Ok(Layer {
        endpoint_to_host: settings.default_endpoint_to_host_action.map(Into::into),
        invalid: settings.conntrack_invalid.map(Into::into),
        deny: settings.deny_action.map(Into::into),
        failsafe_inbound: failsafes("failsafe-inbound", &settings.failsafe_inbound)?,
        failsafe_outbound: failsafes("failsafe-outbound", &settings.failsafe_outbound)?,
        node_ports: settings.nodeport_policy.map(Into::into),
        auto_host_endpoints: settings.auto_host_endpoints.map(Into::into),
        ..Layer::default()
    })
}

fn failsafes(setting: &'static str, ports: &[String]) -> Result<Vec<Failsafe>, ConfigError> {
    let invalid =
        |value: &str, reason: String| ConfigError::Invalid { setting, value: value.to_owned(), reason };
    match ports {
        [none] if none.eq_ignore_ascii_case("none") => Ok(Vec::new()),
        [] => Err(invalid("[]", "an empty list; write `none` for no failsafe port at all".to_owned())),
        ports => ports
            .iter()
            .map(|text| text.parse().map_err(|error: FailsafeError| invalid(text, error.to_string())))
            .collect(),
    }
}

/// Where policy comes from an API server, its address is known without being named.
fn rollback(
    targets: Vec<String>,
    after: Option<&str>,
    has_api_server: bool,
) -> Result<Option<RollbackSettings>, ConfigError> {
    let is_target = |target: &str| {
        target.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty() && (!host.contains(':') || host.starts_with('[')) && port.parse::<u16>().is_ok()
        })
    };
    if let Some(wrong) = targets.iter().find(|target| !is_target(target)) {
        return Err(ConfigError::Invalid {
            setting: "rollback-probe",
            value: wrong.clone(),
            reason:
                "a host and port is wanted, such as 10.0.0.1:6443, [fd00::1]:6443 or api.example.org:6443"
                    .to_owned(),
        });
    }
    let after = time("rollback-after", after.unwrap_or(ROLLBACK_AFTER))?;
    let wanted = (has_api_server || !targets.is_empty()) && !after.is_zero();
    Ok(wanted.then_some(RollbackSettings { targets, after }))
}

fn time(setting: &'static str, text: &str) -> Result<Duration, ConfigError> {
    duration::parse(text).ok_or_else(|| ConfigError::Invalid {
        setting,
        value: text.to_owned(),
        reason: "a time is wanted, such as 10s, 500ms or 2m, or 0 for never".to_owned(),
    })
}

/// Whether a part of a filter is a level, or names one for a target. The filter itself takes a lone word that is no level for a target, and then nothing
/// else is written at all.
fn is_log_directive(directive: &str) -> bool {
    directive.contains(['=', '[']) || directive.trim().parse::<LevelFilter>().is_ok()
}

fn prefixes(given: Option<&[String]>) -> Result<Vec<InterfacePrefix>, ConfigError> {
    let Some(given) = given.filter(|given| !given.is_empty()) else {
        return Ok(vec![InterfacePrefix::default()]);
    };
    let parse = |text: &String| {
        InterfacePrefix::new(text).ok_or_else(|| ConfigError::Invalid {
            setting: "interface-prefix",
            value: text.clone(),
            reason: "a prefix has 1 to 4 printable characters, none of them / * \" ' \\ or :".to_owned(),
        })
    };
    given.iter().map(parse).collect()
}

/// An empty name stands for none, so that nothing can be excluded at all.
fn exclusions(given: Option<Vec<String>>) -> BTreeSet<InterfaceName> {
    let names = given.unwrap_or_else(|| vec![EXCLUDED_INTERFACE.to_owned()]);
    names.into_iter().filter(|name| !name.is_empty()).map(InterfaceName::new).collect()
}

fn address(setting: &'static str, text: &str) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|_| ConfigError::Invalid {
        setting,
        value: text.to_owned(),
        reason: "an address and port is wanted, such as 127.0.0.1:9099 or [::1]:9099".to_owned(),
    })
}

/// The environment variable of a setting, without its beginning `FERRULE_`.
fn variable(setting: &str) -> String {
    setting.to_ascii_uppercase().replace('-', "_")
}

#[cfg(test)]
mod tests;
