//! Who an agent is to the API server, where that matters.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{Api, api::PostParams};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{agent::replace, api_server::ApiServer};

/// A service account with a cluster role, and a kubeconfig whose token is in a file.
#[derive(Debug)]
pub struct Account {
    name: String,
    folder: TempDir,
}

impl Account {
    pub(super) fn create(server: &ApiServer, name: &str, rules: &Value) -> Result<Self> {
        let account = Self { name: name.to_owned(), folder: tempfile::tempdir().context("credentials")? };
        server.client().apply(&account.object())?;
        account.allow(server, rules)?;
        let subject = json!({"kind": "ServiceAccount", "namespace": "default", "name": name});
        server.client().apply(&json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "subjects": [subject],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        }))?;
        account.renew(server)?;
        account.write_kubeconfig(server)?;
        Ok(account)
    }

    /// The service account as an object.
    pub fn object(&self) -> Value {
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": "default", "name": self.name}})
    }

    /// Makes these the rules of its role.
    pub fn allow(&self, server: &ApiServer, rules: &Value) -> Result<()> {
        let metadata = json!({"name": self.name});
        let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata, "rules": rules});
        server.client().apply(&role).map(drop)
    }

    /// Puts a new token into the file, in one step.
    pub fn renew(&self, server: &ApiServer) -> Result<()> {
        let name = self.name.clone();
        let requested = server.client().run(async move |client| {
            let accounts = Api::<ServiceAccount>::namespaced(client, "default");
            let request = TokenRequest { spec: TokenRequestSpec::default(), ..TokenRequest::default() };
            accounts.create_token_request(&name, &PostParams::default(), &request).await
        });
        let token = requested.context("request a token")?.status.context("no token was granted")?.token;
        replace(&self.token_file(), &token)
    }

    /// The kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    fn token_file(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    /// As the administrator's, but for the user.
    fn write_kubeconfig(&self, server: &ApiServer) -> Result<()> {
        let text = fs::read_to_string(server.kubeconfig()).context("the administrator's kubeconfig")?;
        let mut config: Value = serde_norway::from_str(&text).context("the administrator's kubeconfig")?;
        for user in config["users"].as_array_mut().into_iter().flatten() {
            user["user"] = json!({"tokenFile": self.token_file()});
        }
        fs::write(self.kubeconfig(), serde_norway::to_string(&config)?).context("kubeconfig")
    }
}
