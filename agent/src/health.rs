//! `/readiness`, `/liveness` and `/metrics` over HTTP/1.1: one request per connection, GET and HEAD only, no body read.
//!
//! Deliberately not a framework: three fixed answers need none, and what is not there has no flaws.

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::{Instant, timeout},
};

use crate::{metrics::Metrics, status::Status};

/// The longest request head that is read.
const HEAD_LIMIT: usize = 8192;
/// How long a client may take for its request and for taking the answer.
const CLIENT_LIMIT: Duration = Duration::from_secs(5);
/// How many clients are answered at a time; more wait to be accepted.
const CLIENTS: usize = 32;

/// What is served at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// `/readiness` and `/liveness`.
    Health,
    /// `/metrics`.
    Metrics,
    /// All of them.
    Both,
}

/// Whoever can answer.
#[derive(Clone, Debug)]
pub struct Responder {
    /// The state of the agent.
    pub status: watch::Receiver<Status>,
    /// The figures.
    pub metrics: Arc<Metrics>,
    /// What may be asked for.
    pub pages: Pages,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    status: Code,
    content_type: &'static str,
    body: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    ServiceUnavailable,
}

impl Responder {
    /// Takes the address.
    pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
        TcpListener::bind(address).await
    }

    /// Answers until the end of the process.
    pub async fn serve(self, listener: TcpListener) {
        let clients = Arc::new(Semaphore::new(CLIENTS));
        loop {
            let Ok(permit) = Arc::clone(&clients).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let responder = self.clone();
                    tokio::spawn(async move {
                        // A client that leaves early or is too slow is its own affair.
                        let _ = timeout(CLIENT_LIMIT, responder.converse(stream)).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a health client");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn converse(&self, mut stream: TcpStream) -> io::Result<()> {
        let head = read_head(&mut stream).await?;
        let answer = self.answer(&head);
        let mut response = format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n",
            answer.status,
            answer.content_type,
            answer.body.len()
        );
        if !head.starts_with("HEAD ") {
            response.push_str(&answer.body);
        }
        stream.write_all(response.as_bytes()).await?;
        stream.shutdown().await
    }

    fn answer(&self, head: &str) -> Answer {
        let mut words = head.lines().next().unwrap_or_default().split(' ');
        let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next()) else {
            return Answer::text(Code::BadRequest, "not an HTTP request\n");
        };
        if !version.starts_with("HTTP/1.") {
            return Answer::text(Code::BadRequest, "HTTP/1.1 is spoken here\n");
        }
        if !matches!(method, "GET" | "HEAD") {
            return Answer::text(Code::MethodNotAllowed, "GET or HEAD\n");
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        match (path, self.pages) {
            ("/readiness", Pages::Health | Pages::Both) => self.readiness(query),
            ("/liveness", Pages::Health | Pages::Both) => self.liveness(),
            ("/metrics", Pages::Metrics | Pages::Both) => {
                Answer { status: Code::Ok, content_type: Metrics::CONTENT_TYPE, body: self.metrics.encode() }
            }
            _ => Answer::text(Code::NotFound, "there are /readiness, /liveness and /metrics\n"),
        }
    }

    fn readiness(&self, query: &str) -> Answer {
        let status = self.status.borrow();
        let now = Instant::now();
        let code = if status.shortfalls(now).is_empty() { Code::Ok } else { Code::ServiceUnavailable };
        if query.split('&').any(|pair| pair == "format=json") {
            Answer {
                status: code,
                content_type: "application/json",
                body: format!("{:#}\n", status.json(now)),
            }
        } else {
            Answer::text(code, status.text(now))
        }
    }

    fn liveness(&self) -> Answer {
        match self.status.borrow().stuck(Instant::now()) {
            None => Answer::text(Code::Ok, "alive\n"),
            Some(reason) => Answer::text(Code::ServiceUnavailable, format!("{reason}\n")),
        }
    }
}

impl Answer {
    fn text(status: Code, body: impl Into<String>) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: body.into() }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::ServiceUnavailable => "503 Service Unavailable",
        })
    }
}

/// Reads up to the blank line that ends a request head, or as far as the client and the limit go.
async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while head.len() < HEAD_LIMIT && !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        match stream.read(&mut buffer).await? {
            0 => break,
            length => head.extend_from_slice(&buffer[..length]),
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

#[cfg(test)]
mod tests;
