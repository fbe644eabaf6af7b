//! A TCP connection that a simulated network lets through, or holds up without a word.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// What becomes of a connection's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// They arrive.
    Open,
    /// They wait, for now or for ever.
    Stalled,
}

/// A connection behind a gate. Whoever holds the sending end of the gate opens and closes it; once that end is gone, so is
/// the connection.
pub struct Gated {
    tcp: TcpStream,
    gate: watch::Receiver<Flow>,
    /// Waits for the gate to open.
    opening: Option<Pin<Box<dyn Future<Output = bool> + Send>>>,
}

impl Gated {
    /// Puts a connection behind a gate.
    pub const fn new(tcp: TcpStream, gate: watch::Receiver<Flow>) -> Self {
        Self {
            tcp,
            gate,
            opening: None,
        }
    }

    /// Ready while the gate is open.
    fn poll_gate(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.opening.is_none() && *self.gate.borrow() == Flow::Open {
            return Poll::Ready(Ok(()));
        }
        let opening = self.opening.get_or_insert_with(|| {
            let mut gate = self.gate.clone();
            Box::pin(async move { gate.wait_for(|flow| *flow == Flow::Open).await.is_ok() })
        });
        let is_open = ready!(opening.as_mut().poll(context));
        self.opening = None;
        Poll::Ready(if is_open {
            Ok(())
        } else {
            Err(io::ErrorKind::ConnectionReset.into())
        })
    }
}

impl AsyncRead for Gated {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_gate(context))?;
        Pin::new(&mut self.tcp).poll_read(context, buffer)
    }
}

impl AsyncWrite for Gated {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_gate(context))?;
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_gate(context))?;
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_closed_gate_holds_bytes_back_and_an_open_one_lets_them_through() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (gate, watching) = watch::channel(Flow::Stalled);
        let mut server = Gated::new(listener.accept().await.unwrap().0, watching);
        client.write_all(b"hello").await.unwrap();
        let mut buffer = [0; 5];
        assert!(server.read_exact(&mut buffer).now_or_never().is_none());
        gate.send_replace(Flow::Open);
        server.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"hello");
        gate.send_replace(Flow::Stalled);
        assert!(server.write_all(b"x").now_or_never().is_none());
        drop(gate);
        assert!(server.write_all(b"x").await.is_err());
    }
}
