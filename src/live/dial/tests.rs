#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn targets() {
    let target = |url| Target::parse(url).map(|target| target.to_string());
    assert_eq!(target("https://10.77.0.13:2380").unwrap(), "10.77.0.13:2380");
    assert_eq!(target("https://[fd00::1]:2380/").unwrap(), "[fd00::1]:2380");
    assert_eq!(target("https://nbe-3:2380").unwrap(), "nbe-3:2380");
    for wrong in [
        "",
        "10.0.0.1",
        "http://10.0.0.1:2380",
        "https://10.0.0.1",
        "https://:2380",
        "unix:///run/x",
    ] {
        assert_eq!(target(wrong).unwrap_err().kind, WhyKind::Config, "{wrong:?}");
    }
}

#[test]
fn the_socket_is_bound_to_an_address_of_the_target_s_kind() {
    let own: Vec<IpAddr> = ["fd00::1", "10.77.0.11", "127.0.0.9"]
        .map(|ip| ip.parse().unwrap())
        .to_vec();
    let (socket, unbound) = open_bound("127.0.0.1:1".parse().unwrap(), &own);
    assert_eq!(socket.unwrap().local_addr().unwrap().ip().to_string(), "127.0.0.9");
    assert_eq!(unbound, None);
}

#[test]
fn an_unbound_socket_says_why() {
    let (socket, unbound) = open_bound("127.0.0.1:1".parse().unwrap(), &[]);
    assert!(socket.is_ok());
    assert!(unbound.unwrap().contains("no address"));
    // TEST-NET-1 belongs to nobody.
    let (socket, unbound) = open_bound("198.51.100.1:1".parse().unwrap(), &["192.0.2.1".parse().unwrap()]);
    assert!(socket.is_ok());
    assert!(unbound.unwrap().contains("192.0.2.1 is not on this host"));
}

#[test]
fn what_the_system_says() {
    let kind = |kind: io::ErrorKind| judge(&io::Error::from(kind)).0;
    assert_eq!(kind(io::ErrorKind::ConnectionRefused), WhyKind::Refused);
    assert_eq!(kind(io::ErrorKind::HostUnreachable), WhyKind::Unreachable);
    assert_eq!(kind(io::ErrorKind::ConnectionReset), WhyKind::Broken);
    let expired = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
    let (kind, words) = judge(&io::Error::new(io::ErrorKind::InvalidData, expired));
    assert_eq!((kind, words.as_str()), (WhyKind::Tls, "its certificate has expired"));
}

/// Silence proves a member's death; what our own kernel says of our own host is no silence.
#[test]
fn our_own_host_s_trouble_is_not_the_member_s_silence() {
    let kind = |errno: rustix::io::Errno| judge(&io::Error::from_raw_os_error(errno.raw_os_error())).0;
    assert_eq!(kind(rustix::io::Errno::PERM), WhyKind::Denied);
    assert_eq!(kind(rustix::io::Errno::ADDRNOTAVAIL), WhyKind::Missing);
    assert_eq!(kind(rustix::io::Errno::NETUNREACH), WhyKind::Missing);
    assert_eq!(kind(rustix::io::Errno::NETDOWN), WhyKind::Missing);
    assert_eq!(kind(rustix::io::Errno::MFILE), WhyKind::Missing);
    assert_eq!(kind(rustix::io::Errno::HOSTUNREACH), WhyKind::Unreachable);
}
