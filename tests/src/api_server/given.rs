//! Tests that only speak with an API server take any.

use std::path::PathBuf;

use anyhow::Result;

use super::{ApiClient, ApiServer};

/// The cluster of KUBECONFIG, or one of our own. A test that uses it leaves nothing behind, and changes nothing that is not its own.
#[derive(Debug)]
pub enum Server {
    /// Started for the test.
    Own(Box<ApiServer>),
    /// Given by KUBECONFIG.
    Given(ApiClient),
}

impl Server {
    /// The cluster of KUBECONFIG, or one of our own.
    pub fn any(label: &str) -> Result<Self> {
        match std::env::var_os("KUBECONFIG").filter(|file| !file.is_empty()) {
            Some(file) => Ok(Self::Given(ApiClient::connect(None, &PathBuf::from(file))?)),
            None => Ok(Self::Own(Box::new(ApiServer::start(label, &[])?))),
        }
    }

    /// The client of it.
    pub fn client(&self) -> &ApiClient {
        match self {
            Self::Own(server) => server.client(),
            Self::Given(client) => client,
        }
    }
}
