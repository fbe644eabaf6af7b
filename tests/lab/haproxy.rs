//! HAProxy on hosts of a lab: the ends of TLS that the gateway and the Admin Console are on each node, and load balancers
//! before them. It ends with its host.

use std::fs;
use std::path::PathBuf;

use crate::lab::{Lab, debian, libraries};

/// What every configuration begins with.
const COMMON: &str = "global\n  nbthread 1\n\
                      defaults\n  retries 0\n  timeout connect 2s\n  timeout client 20s\n  timeout server 20s\n";

pub struct Haproxy<'a> {
    lab: &'a Lab,
    packages: PathBuf,
}

impl<'a> Haproxy<'a> {
    pub fn new(lab: &'a Lab) -> Self {
        let packages = debian("haproxy", "usr/sbin/haproxy", &["haproxy"]);
        Self { lab, packages }
    }

    /// Serves this on a host from now on, and nothing else; what was served before ends.
    pub fn serve(&self, host: u8, sections: &str) {
        let file = |kind: &str| self.lab.state().join(format!("haproxy-{host}.{kind}"));
        let (config, pid) = (file("cfg"), file("pid"));
        fs::write(&config, COMMON.to_owned() + sections).unwrap();
        // In the background it is only once it listens.
        self.on(
            host,
            &format!(
                "{}; exec {}/usr/sbin/haproxy -D -q -f {} -p {pid} $([ ! -e {pid} ] || echo -st $(cat {pid}))",
                libraries(&self.packages),
                self.packages.display(),
                config.display(),
                pid = pid.display(),
            ),
        );
    }

    /// Nobody listens any more on a host.
    pub fn stop(&self, host: u8) {
        let pid = self.lab.state().join(format!("haproxy-{host}.pid"));
        self.on(host, &format!("kill -KILL $(cat {0}); rm {0}", pid.display()));
    }

    fn on(&self, host: u8, script: &str) {
        let output = self.lab.on_host(host, &["sh", "-ec", script]);
        assert!(output.status.success(), "on host {host}: {script}\n{output:?}");
    }
}

/// Connections are taken, and nobody answers.
pub fn silent(port: u16) -> String {
    format!(
        "frontend silent-{port}\n  mode tcp\n  bind :{port}\n  tcp-request inspect-delay 1h\n  tcp-request content accept if WAIT_END\n"
    )
}
