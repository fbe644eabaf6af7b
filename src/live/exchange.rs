//! One HTTP/1.1 request over a connection of its own. Knows no service and no TLS.

use hyper::Request;
use hyper::body::Body;
use hyper::client::conn::http1;
use hyper::http::response::Parts;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// Sends a request; of the answer no body is read. Whoever calls sets the deadline.
pub async fn head<S, B>(stream: S, request: Request<B>) -> hyper::Result<Parts>
where
    S: AsyncRead + AsyncWrite + Unpin,
    B: Body + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (mut requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = requests.send_request(request);
    tokio::pin!(answer, connection);
    let answer = tokio::select! {
        biased;
        answer = &mut answer => answer,
        // The connection has ended. What it brought before is still there to be read.
        _ = &mut connection => answer.await,
    };
    Ok(answer?.into_parts().0)
}
