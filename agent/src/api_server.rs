//! The API server: how it is reached.
//!
//! The connection belongs to the runtime on which it was made: whoever speaks with the server from a thread of its own connects there.

use std::path::PathBuf;

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

/// How the API server is reached, and who we are to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// A kubeconfig; none where the agent runs as a pod of the cluster and uses its service account.
    pub kubeconfig: Option<PathBuf>,
}

/// A way to speak with an API server.
#[derive(Clone)]
pub struct Connection {
    /// The client.
    pub client: Client,
    /// Where the server is: `host:port`, an IPv6 address in brackets.
    pub address: String,
}

/// Why the API server cannot be spoken with, short of trying.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The kubeconfig does not do.
    #[error("--kubeconfig {path}: {source}", path = path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// Why.
        source: kube::config::KubeconfigError,
    },
    /// The agent is no pod of a cluster, or its service account is not mounted.
    #[error(
        "not a pod of a cluster: {0}; name a kubeconfig by --kubeconfig, or mount the service account's token"
    )]
    InCluster(#[source] kube::config::InClusterError),
    /// The credentials cannot be used.
    #[error("the credentials for the API server cannot be used: {0}")]
    Client(#[source] Box<kube::Error>),
}

impl Access {
    /// Reads the credentials and makes a client of them. Nothing is sent.
    pub async fn connect(&self) -> Result<Connection, AccessError> {
        let mut config = self.config().await?;
        // The library would try for minutes and say nothing meanwhile. Whoever asks decides how often, and reports what fails.
        config.default_retry = false;
        let address = address(&config);
        let client = Client::try_from(config).map_err(|source| AccessError::Client(Box::new(source)))?;
        Ok(Connection { client, address })
    }

    async fn config(&self) -> Result<Config, AccessError> {
        let Some(path) = &self.kubeconfig else { return Config::incluster().map_err(AccessError::InCluster) };
        let failed = |source| AccessError::Kubeconfig { path: path.clone(), source };
        let kubeconfig = Kubeconfig::read_from(path).map_err(failed)?;
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(failed)
    }
}

fn address(config: &Config) -> String {
    let url = &config.cluster_url;
    let default_port = if url.scheme_str() == Some("http") { 80 } else { 443 };
    format!("{}:{}", url.host().unwrap_or_default(), url.port_u16().unwrap_or(default_port))
}
