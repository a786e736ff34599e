//! An API server for tests: answers what it is told to.

use std::sync::{Arc, Mutex};

use kube::Client;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    body: String,
    stays_open: bool,
}

impl Reply {
    /// A complete answer.
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, body: body.into(), stays_open: false }
    }

    /// Lines of a watch that goes on and says nothing more.
    pub fn open(lines: &[String]) -> Self {
        Self { status: 200, body: lines.concat(), stays_open: true }
    }

    /// Lines of a watch that ends.
    pub fn lines(lines: &[String]) -> Self {
        Self::new(200, lines.concat())
    }
}

/// The server. It answers as long as this is kept.
pub struct Fake {
    pub address: String,
    requests: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    /// Answers by path and parameters.
    pub async fn start(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answer, seen) = (Arc::new(answer), Arc::clone(&requests));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                tokio::spawn(serve(stream, move |target| {
                    seen.lock().unwrap().push(target.to_owned());
                    answer(target)
                }));
            }
        });
        Self { address, requests, task }
    }

    /// Answers one request after the other, whatever they are; then nothing.
    pub async fn script(replies: Vec<Reply>) -> Self {
        let replies = Mutex::new(replies.into_iter());
        Self::start(move |_| replies.lock().unwrap().next().unwrap_or_else(|| Reply::open(&[]))).await
    }

    pub fn client(&self) -> Client {
        let mut config = kube::Config::new(format!("http://{}", self.address).parse().unwrap());
        config.default_retry = false;
        Client::try_from(config).unwrap()
    }

    /// What was asked for: paths and parameters.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, answer: impl Fn(&str) -> Reply) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await.unwrap_or_default() == 0 {
            return;
        }
        request.extend(byte);
    }
    let request = String::from_utf8(request).unwrap();
    let target = request.split(' ').nth(1).unwrap();
    let Reply { status, body, stays_open } = answer(target);
    let head = format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap_or_default();
    if stays_open {
        // Until the other side goes.
        let _end = stream.read(&mut [0]).await;
    }
}

/// A line of a watch: an object that is there.
pub fn added(name: &str, version: u32) -> String {
    line("ADDED", name, version)
}

/// A line of a watch about an object.
pub fn line(kind: &str, name: &str, version: u32) -> String {
    let object = object(name, version);
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}

/// An object in JSON.
pub fn object(name: &str, version: u32) -> String {
    format!(r#"{{"metadata":{{"name":"{name}","namespace":"shop","resourceVersion":"{version}"}}}}"#)
}

/// A line of a watch: everything up to here was said; perhaps the end of the list.
pub fn bookmark(version: u32, ends_list: bool) -> String {
    let annotations = if ends_list { r#","annotations":{"k8s.io/initial-events-end":"true"}"# } else { "" };
    format!(
        "{{\"type\":\"BOOKMARK\",\"object\":{{\"metadata\":{{\"resourceVersion\":\"{version}\"{annotations}}}}}}}\n"
    )
}

/// What a server says when it fails.
pub fn status(code: u16, message: &str) -> String {
    format!(r#"{{"kind":"Status","apiVersion":"v1","status":"Failure","message":"{message}","code":{code}}}"#)
}
