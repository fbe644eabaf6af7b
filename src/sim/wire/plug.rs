//! A port behind which packets are lost without a word, on loopback where none is ever lost: a listener whose queue is full,
//! so that the kernel drops every further SYN (tcp(7), `tcp_abort_on_overflow`). Start reading at [`Plug::into`].

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// On loopback a connect takes microseconds; this is for a busy machine.
const FILLS: Duration = Duration::from_millis(200);

/// A port that is silent for as long as this is held. Connections that were open before go on.
#[derive(Debug)]
pub struct Plug {
    _listener: TcpListener,
    /// None where somebody else took the one place in the queue.
    _filler: Option<TcpStream>,
}

impl Plug {
    /// Makes a port silent on which nobody listens.
    pub async fn into(address: SocketAddr) -> io::Result<Self> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        // A backlog of 0 lets one connection wait.
        let listener = socket.listen(0)?;
        let filler = timeout(FILLS, TcpStream::connect(address)).await;
        Ok(Self {
            _listener: listener,
            _filler: filler.ok().and_then(Result::ok),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_plugged_port_is_silent_until_the_plug_is_out() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let plug = Plug::into(address).await.unwrap();
        let silent = timeout(FILLS, TcpStream::connect(address)).await;
        assert!(silent.is_err(), "{silent:?}");
        drop(plug);
        assert_eq!(
            TcpStream::connect(address).await.unwrap_err().kind(),
            io::ErrorKind::ConnectionRefused
        );
    }
}
