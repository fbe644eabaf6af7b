//! k0s's status socket: HTTP over a unix socket, `GET /status`. It answers without quorum. Of the answer, only the fields
//! of [`K0sStatus`] are kept: the ClusterConfig in it can hold secrets.

use std::io;
use std::path::Path;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use super::files;
use crate::base::{Text, Why, WhyKind};
use crate::model::host::K0sStatus;

/// The largest answer that is read.
const MAX_BYTES: usize = 1 << 20;

/// Asks k0s. The caller sets the deadline: on a controller that is a worker too, k0s itself may wait for the API.
pub async fn read(socket: &Path) -> Result<K0sStatus, Why> {
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|err| connect_why(socket, &err))?;
    let body = get_status(stream).await?;
    parse(&body)
}

fn connect_why(socket: &Path, err: &io::Error) -> Why {
    let path = socket.display();
    let hint = "systemctl status k0scontroller";
    match err.kind() {
        io::ErrorKind::NotFound => {
            Why::new(WhyKind::Missing, format!("k0s does not run here: no socket {path}")).hint(hint)
        }
        io::ErrorKind::ConnectionRefused => Why::new(
            WhyKind::Refused,
            format!("k0s does not run here: nobody listens on {path}"),
        )
        .hint(hint),
        _ => files::io_why(socket, err),
    }
}

async fn get_status(stream: UnixStream) -> Result<Bytes, Why> {
    let broken = |what: &str| Why::new(WhyKind::Broken, format!("k0s's status socket: {what}"));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|err| broken(&err.to_string()))?;
    // Ends with this function, whether it returns or is dropped at the deadline.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let request = Request::get("/status")
        .header(HOST, "localhost")
        .body(Empty::<Bytes>::new())
        .map_err(|err| broken(&err.to_string()))?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|err| broken(&err.to_string()))?;
    if response.status() != StatusCode::OK {
        let text = format!("k0s's status socket answers {}", response.status());
        return Err(Why::new(WhyKind::Unavailable, text));
    }
    let body = Limited::new(response.into_body(), MAX_BYTES).collect().await;
    Ok(body.map_err(|err| broken(&err.to_string()))?.to_bytes())
}

/// Parses the answer. Errors name the place and not the content.
fn parse(body: &[u8]) -> Result<K0sStatus, Why> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Status {
        version: Text,
        role: Text,
        pid: Option<u32>,
        #[serde(rename = "K0sVars")]
        vars: Option<Vars>,
    }
    #[derive(Default, Deserialize)]
    struct Vars {
        #[serde(rename = "InvocationID")]
        invocation_id: Option<Text>,
        #[serde(rename = "DataDir")]
        data_dir: Option<Text>,
    }
    let status: Status = serde_json::from_slice(body).map_err(|err| {
        let text = format!(
            "k0s's status is not what is expected (line {}, column {})",
            err.line(),
            err.column()
        );
        Why::new(WhyKind::Garbage, text)
    })?;
    let vars = status.vars.unwrap_or_default();
    Ok(K0sStatus {
        version: status.version,
        role: status.role,
        pid: status.pid.filter(|pid| *pid != 0),
        invocation_id: vars.invocation_id.filter(|id| !id.is_empty()),
        data_dir: vars.data_dir.filter(|dir| !dir.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    const RECORDED: &[u8] = include_bytes!("fixtures/k0s-status.json");

    #[test]
    fn the_recorded_answer_parses() {
        let status = parse(RECORDED).unwrap();
        assert_eq!(status.version, "v1.37.2+k0s.0");
        assert_eq!(status.role, "controller");
        assert_eq!(status.pid, Some(32698));
        assert_eq!(status.invocation_id.unwrap(), "5880ffdd6f586323bd0c914df19fd1a7");
        assert_eq!(status.data_dir.unwrap(), "/var/lib/k0s");
    }

    #[test]
    fn an_old_k0s_without_vars_is_understood() {
        let status = parse(br#"{"Version":"v1.21.0+k0s.0","Role":"controller","Pid":0}"#).unwrap();
        assert_eq!((status.pid, status.invocation_id, status.data_dir), (None, None, None));
    }

    #[test]
    fn garbage_is_named_by_place_and_not_quoted() {
        let why = parse(br#"{"Version": {"authPass": "hunter2"}}"#).unwrap_err();
        assert_eq!(why.kind, WhyKind::Garbage);
        assert!(!why.to_string().contains("hunter2"));
        assert!(parse(b"{}").is_err());
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(body in any::<Vec<u8>>()) {
            let _ = parse(&body);
        }
    }

    /// Answers one request with `answer`, and returns the request.
    async fn serve(listener: UnixListener, answer: Vec<u8>) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 1024];
        let length = stream.read(&mut request).await.unwrap();
        // The client may hang up in the middle of an answer that is too long.
        let _ = stream.write_all(&answer).await;
        String::from_utf8_lossy(&request[..length]).into_owned()
    }

    async fn ask(answer: Vec<u8>) -> (Result<K0sStatus, Why>, String) {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("status.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        tokio::join!(read(&socket), serve(listener, answer))
    }

    fn http(status: &str, body: &[u8]) -> Vec<u8> {
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    }

    #[tokio::test]
    async fn asks_over_the_socket() {
        let (status, request) = ask(http("200 OK", RECORDED)).await;
        assert_eq!(status.unwrap().pid, Some(32698));
        assert!(request.starts_with("GET /status HTTP/1.1\r\n"), "{request}");
    }

    #[tokio::test]
    async fn strange_answers_are_reasons() {
        assert_eq!(
            ask(http("500 Oops", b"")).await.0.unwrap_err().kind,
            WhyKind::Unavailable
        );
        assert_eq!(
            ask(http("200 OK", b"hello")).await.0.unwrap_err().kind,
            WhyKind::Garbage
        );
        assert_eq!(
            ask(b"hello\r\n\r\n".to_vec()).await.0.unwrap_err().kind,
            WhyKind::Broken
        );
        assert_eq!(ask(Vec::new()).await.0.unwrap_err().kind, WhyKind::Broken);
        let huge = http("200 OK", &vec![b' '; MAX_BYTES + 1]);
        assert_eq!(ask(huge).await.0.unwrap_err().kind, WhyKind::Broken);
    }

    #[tokio::test]
    async fn a_stopped_k0s_is_told_from_a_missing_one() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("status.sock");
        assert_eq!(read(&socket).await.unwrap_err().kind, WhyKind::Missing);
        drop(UnixListener::bind(&socket).unwrap());
        assert_eq!(read(&socket).await.unwrap_err().kind, WhyKind::Refused);
    }
}
