//! A client of an API server for tests: it blocks its caller, and knows of kinds what the server says of them.

use std::{
    fmt,
    future::Future,
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use futures::executor::block_on;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
    core::Status,
};
use serde_json::Value;
use tokio::{runtime::Handle, sync::oneshot};

use super::requests::Requests;
use crate::namespace::Namespace;

/// How long something that a server or an agent does by itself is waited for.
const PATIENCE: Duration = Duration::from_secs(180);

/// A client with a thread and a runtime of its own.
///
/// Objects are trees, so that a test can say what no typed client would. What the server refuses is a `kube::Error` within the error, see [`refusal`].
pub struct ApiClient {
    requests: Requests,
    runtime: Handle,
    /// Its end ends the thread.
    _alive: oneshot::Sender<()>,
}

impl ApiClient {
    /// Reads a kubeconfig and makes a client that works in a namespace, or where the caller is.
    pub fn connect(namespace: Option<&Namespace>, kubeconfig: &Path) -> Result<Self> {
        let kubeconfig = Kubeconfig::read_from(kubeconfig).context("kubeconfig")?;
        let enter = namespace.map(Namespace::entrance).transpose()?;
        let (alive, end) = oneshot::channel();
        let (sender, receiver) = mpsc::channel();
        thread::Builder::new().name("api-client".to_owned()).spawn(move || {
            let begun = enter
                .map_or(Ok(()), |enter| enter())
                .and_then(|()| Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?));
            match begun {
                Ok(runtime) => {
                    sender.send(Ok(runtime.handle().clone())).ok();
                    // An error says that the other end is gone, which is what is waited for.
                    runtime.block_on(end).ok();
                }
                Err(error) => drop(sender.send(Err(error))),
            }
        })?;
        let runtime = receiver.recv().unwrap_or_else(|_| Err(anyhow!("the thread of a client ended")))?;
        let client = async move {
            let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
            anyhow::Ok(Client::try_from(config)?)
        };
        let client = block_on(runtime.spawn(client)).context("make a client")??;
        Ok(Self { requests: Requests::new(client), runtime, _alive: alive })
    }

    /// Does something with kube's own client, on this client's runtime.
    pub fn run<T, F>(&self, work: impl FnOnce(Client) -> F) -> T
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.wait(work(self.requests.client().clone()))
    }

    /// Creates an object, then writes its status; replaces both if it exists already (of a pod, what can be changed). The object as the server has it.
    pub fn apply(&self, object: &Value) -> Result<Value> {
        let (requests, object) = (self.requests.clone(), object.clone());
        self.wait(async move { requests.apply(&object).await })
    }

    /// The same for many objects, namespaces and definitions ahead of what they are for; the first error.
    pub fn apply_all(&self, objects: &[Value]) -> Result<()> {
        let (requests, objects) = (self.requests.clone(), objects.to_vec());
        self.wait(async move { requests.apply_all(objects).await })
    }

    /// Creates an object; an error if it exists.
    pub fn create(&self, object: &Value) -> Result<Value> {
        let (requests, object) = (self.requests.clone(), object.clone());
        self.wait(async move { requests.create(&object, false).await })
    }

    /// What the server would say to the creation of an object.
    pub fn create_dry(&self, object: &Value) -> Result<Value> {
        let (requests, object) = (self.requests.clone(), object.clone());
        self.wait(async move { requests.create(&object, true).await })
    }

    /// Changes an object by a JSON merge patch; `apiVersion`, `kind`, `metadata.namespace` and `metadata.name` say which one.
    pub fn patch(&self, patch: &Value) -> Result<Value> {
        let (requests, patch) = (self.requests.clone(), patch.clone());
        self.wait(async move { requests.patch(&patch).await })
    }

    /// The same for its status.
    pub fn patch_status(&self, patch: &Value) -> Result<Value> {
        let (requests, patch) = (self.requests.clone(), patch.clone());
        self.wait(async move { requests.patch_status(&patch).await })
    }

    /// An object as the server has it; none if it has none.
    pub fn find(&self, object: &Value) -> Result<Option<Value>> {
        let (requests, object) = (self.requests.clone(), object.clone());
        self.wait(async move { requests.find(&object).await })
    }

    /// All objects of a kind, in all namespaces.
    pub fn list(&self, api_version: &str, kind: &str) -> Result<Vec<Value>> {
        let (requests, api_version, kind) = (self.requests.clone(), api_version.to_owned(), kind.to_owned());
        self.wait(async move { requests.list(&api_version, &kind).await })
    }

    /// Deletes an object at once, as a kubelet would in the end; an error if there is none.
    pub fn delete(&self, object: &Value) -> Result<()> {
        let (requests, object) = (self.requests.clone(), object.clone());
        self.wait(async move { requests.delete(&object, Some(0)).await })
    }

    /// Asks for the deletion of an object, as a user does: a pod with a node stays, terminating.
    pub fn delete_gently(&self, object: &Value) -> Result<()> {
        let (requests, object) = (self.requests.clone(), object.clone());
        self.wait(async move { requests.delete(&object, None).await })
    }

    /// Takes objects away, whether they are there or not. Namespaces stay, without labels: their deletion takes seconds.
    pub fn clear(&self, objects: &[Value]) -> Result<()> {
        let (requests, objects) = (self.requests.clone(), objects.to_vec());
        self.wait(async move { requests.clear(objects).await })
    }

    /// Waits until the server has an object for which this holds.
    pub fn wait_until(&self, object: &Value, holds: impl Fn(Option<&Value>) -> bool) -> Result<()> {
        let begin = Instant::now();
        loop {
            let found = self.find(object)?;
            if holds(found.as_ref()) {
                return Ok(());
            }
            if begin.elapsed() > PATIENCE {
                bail!("after {PATIENCE:?} it is still {found:?}");
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn wait<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        match block_on(self.runtime.spawn(future)) {
            Ok(value) => value,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => panic!("the runtime of a client ended: {error}"),
            },
        }
    }
}

impl fmt::Debug for ApiClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiClient").finish_non_exhaustive()
    }
}

/// What the server said no with, if that is what the error is.
pub fn refusal(error: &anyhow::Error) -> Option<&Status> {
    error.chain().find_map(|cause| match cause.downcast_ref::<kube::Error>() {
        Some(kube::Error::Api(status)) => Some(&**status),
        Some(_) | None => None,
    })
}
