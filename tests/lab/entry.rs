//! Users' ways in as they really are: TLS on each node, and a load balancer before them that sees who is dead or does not;
//! good certificates and bad ones, a balancer that refuses, is silent or talks nonsense, and how long users were not served
//! when a host was lost.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::external::servers::{Authority, Folder};
use crate::haproxy::Haproxy;
use crate::lab::Lab;
use crate::report::{missing, told};

/// The name that users go to.
pub const SITE: &str = "netbox.lab";
/// Where the load balancers are: a host that is no node.
const BALANCER: u8 = 4;
/// Sees within 15 to 20 s that a node is dead, and sends all users to one node.
const CAREFUL: u16 = 443;
/// Sends each third user to each node, whatever becomes of it.
const BLIND: u16 = 8443;
/// Answers without TLS.
const PLAIN: u16 = 9443;
/// Nobody listens.
const CLOSED: u16 = 1;
/// How long anything may take until it shows.
const SOON: Duration = Duration::from_secs(150);
/// The same in seconds, for `timeout`.
const SOON_S: &str = "150";

/// How much sooner than quorate a prober that always looks may see that users are not served: a probe a minute is made until
/// the host is seen to be lost, which takes 3 s at rest.
const LATE_S: f64 = 8.0;
/// How much later quorate may see that they are served again: a probe a second is made.
const SLOW_S: f64 = 4.0;

/// Everything that users may come by.
struct Ways<'a> {
    lab: &'a Lab,
    haproxy: Haproxy<'a>,
    folder: Folder,
    authority: Authority,
}

impl<'a> Ways<'a> {
    fn open(lab: &'a Lab) -> Self {
        let folder = Folder::new();
        let ways = Self {
            lab,
            haproxy: Haproxy::new(lab),
            authority: folder.authority(),
            folder,
        };
        (1..=3).for_each(|host| ways.good(host));
        ways.haproxy.serve(BALANCER, &balancers());
        lead_to(lab, "10.77.0.14");
        ways
    }

    fn good(&self, host: u8) {
        self.node(host, &[SITE, "nbe-1", "nbe-2", "nbe-3"], 2100);
    }

    /// A node serves the page to whoever asks for it by the right names, with a certificate for these until the beginning of a
    /// year.
    fn node(&self, host: u8, names: &[&str], year: i32) {
        let pem = |name: &str, (cert, key): (String, String)| {
            let file = self.folder.path(&format!("{name}-{host}.pem"));
            fs::write(&file, cert + &key).unwrap();
            file.display().to_string()
        };
        let users = pem("users", self.authority.issue(names, year));
        let console = pem("console", self.authority.issue(&["console"], 2100));
        self.haproxy.serve(
            host,
            &format!(
                "frontend users\n  mode http\n  bind :443 ssl crt {users}\n\
                 \x20 http-request return status 421 if !{{ ssl_fc_sni {SITE} }}\n\
                 \x20 http-request return status 404 if !{{ path /login/ }} or !{{ hdr(host),host_only {SITE} }}\n\
                 \x20 http-request return status 200\n\
                 frontend console\n  mode http\n  bind :30000 ssl crt {console}\n  http-request return status 200\n"
            ),
        );
    }

    /// A configuration file for whoever goes there.
    fn settings(&self, port: u16, path: &str) -> String {
        let file = self.folder.path(&format!("{port}{}.toml", path.replace('/', "-")));
        fs::write(&file, format!("[entry]\nurl = \"https://{SITE}:{port}{path}\"\n")).unwrap();
        file.display().to_string()
    }

    /// Looks until each check says this.
    #[track_caller]
    fn until(&self, port: u16, path: &str, wanted: &[(&str, &str)]) {
        let settings = self.settings(port, path);
        let look = ["check", "--only", "entry.*", "--config", &settings];
        self.lab
            .json_until(1, &look, |report| missing(report, wanted).is_empty());
    }

    /// A quorate that goes on looking.
    fn watch(&self, port: u16) -> Watching {
        let (quorate, settings) = (env!("CARGO_BIN_EXE_quorate"), self.settings(port, "/login/"));
        let look = ["timeout", SOON_S, quorate, "check", "--watch", "-o", "json"];
        let which = ["--only", "entry.balancer", "--config", &settings];
        let mut command = self.lab.exec(1, &[&look[..], &which].concat());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Watching { child, lines }
    }
}

fn balancers() -> String {
    let nodes = |backup: &str| {
        format!(
            "  server nbe-3 10.77.0.13:443\n  server nbe-1 10.77.0.11:443 {backup}\n  server nbe-2 10.77.0.12:443 {backup}\n"
        )
    };
    format!(
        "listen careful\n  mode tcp\n  bind :{CAREFUL}\n  option httpchk GET /login/\n  http-check send hdr Host {SITE}\n\
         \x20 default-server check check-ssl verify none check-sni {SITE} inter 5s fall 4 rise 1\n{}\
         listen blind\n  mode tcp\n  bind :{BLIND}\n  balance roundrobin\n{}\
         frontend plain\n  mode http\n  bind :{PLAIN}\n  http-request return status 200\n",
        nodes("backup"),
        nodes(""),
    )
}

/// A quorate that prints a document whenever a result changes.
struct Watching {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Watching {
    /// Reads until the check on the load balancer says this.
    fn until(&mut self, words: &str) {
        let mut last = String::new();
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).unwrap();
            assert!(!line.is_empty(), "not {words:?} within {SOON:?}: {last}");
            let report: Value = serde_json::from_str(&line).unwrap();
            last = told(&report, "entry.balancer");
            if last.contains(words) {
                return;
            }
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Goes to the users' name five times a second, and knows nothing of quorate.
struct Prober<'a> {
    stop: &'a Path,
    child: Child,
}

impl<'a> Prober<'a> {
    fn start(lab: &Lab, stop: &'a Path) -> Self {
        let script = format!(
            "while [ ! -e {} ]; do \
             if curl -skf -m 1 -o /dev/null https://{SITE}/login/; then echo served $(date +%s.%N); \
             else echo lost $(date +%s.%N); fi; sleep 0.2; done",
            stop.display()
        );
        let mut command = lab.exec(1, &["sh", "-c", &script]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        Self { stop, child }
    }

    /// The seconds from the first request that was not served to the next one that was; the longest such time.
    fn longest_gap(mut self) -> f64 {
        fs::write(self.stop, "").unwrap();
        let mut said = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        self.child.wait().unwrap();
        let (mut since, mut longest) = (None, 0.0_f64);
        for line in said.lines() {
            let (what, at) = line.split_once(' ').unwrap();
            let at: f64 = at.parse().unwrap();
            if what == "lost" {
                since.get_or_insert(at);
            } else if let Some(since) = since.take() {
                longest = longest.max(at - since);
            }
        }
        assert_eq!(since, None, "served again: {said}");
        longest
    }
}

#[test]
fn users_come_by_a_load_balancer_and_by_each_node() {
    let lab = Lab::up(&["--zones"]);
    let ways = Ways::open(&lab);
    let healthy = [
        ("entry.users", "holds"),
        ("entry.names", "holds"),
        ("entry.expiry", "holds"),
        ("entry.console", "holds"),
        ("entry.balancer", "cannot-tell all nodes serve"),
    ];
    ways.until(CAREFUL, "/login/", &healthy);
    certificates(&ways);
    a_balancer_that_is_none(&ways);
    a_loss(&ways);
    nobody_serves(&ways);
}

/// What is shown is told, and nobody is called unserved for it.
fn certificates(ways: &Ways) {
    ways.node(1, &["nbe-1", "nbe-2", "nbe-3"], 2100);
    ways.node(2, &[SITE, "nbe-1", "nbe-2"], 2100);
    ways.node(3, &[SITE, "nbe-1", "nbe-2", "nbe-3"], 2021);
    let wanted = [
        ("entry.users", "holds"),
        (
            "entry.names",
            "warning node/nbe-1 the certificate does not name netbox.lab",
        ),
        ("entry.names", "warning node/nbe-2 the certificate does not name nbe-3"),
        ("entry.expiry", "critical entry/users the users' certificate ended"),
        ("entry.expiry", "shown at netbox.lab:443, 10.77.0.13:443"),
    ];
    ways.until(CAREFUL, "/login/", &wanted);
    (1..=3).for_each(|host| ways.good(host));
}

fn a_balancer_that_is_none(ways: &Ways) {
    let elsewhere = "warning cluster no way in answers with a page";
    ways.until(
        CAREFUL,
        "/other/",
        &[("entry.users", elsewhere), ("entry.users", "HTTP 404")],
    );
    let broken = "critical entry/balancer netbox.lab does not serve, although nodes do";
    let rest = [
        ("entry.names", "cannot-tell no certificate was seen: netbox.lab:"),
        ("entry.console", "holds"),
    ];
    for (port, words) in [
        (CLOSED, "refused: nothing listens there"),
        (PLAIN, "what came back is not TLS"),
    ] {
        let wanted = [("entry.users", broken), ("entry.users", words)];
        ways.until(port, "/login/", &[&wanted[..], &rest].concat());
    }
    black_hole(ways.lab);
    lead_to(ways.lab, NOWHERE);
    let wanted = [
        (
            "entry.users",
            "warning entry/balancer netbox.lab does not serve, although nodes do",
        ),
        ("entry.users", "netbox.lab:443: TCP connect: no answer within"),
    ];
    ways.until(CAREFUL, "/login/", &[&wanted[..], &rest].concat());
    lead_to(ways.lab, "10.77.0.14");
}

/// Where the name that users go to leads, for host 1.
pub fn lead_to(lab: &Lab, address: &str) {
    let script = format!("rm -f /etc/hosts; printf '127.0.0.1 localhost\\n{address} {SITE}\\n' > /etc/hosts");
    let output = lab.on_host(1, &["sh", "-ec", &script]);
    assert!(output.status.success(), "{output:?}");
}

/// Where packets go that nobody takes.
pub const NOWHERE: &str = "10.77.0.99";

/// Makes packets of host 1 to [`NOWHERE`] leave, and be lost.
pub fn black_hole(lab: &Lab) {
    let neighbour = [
        "ip",
        "neigh",
        "replace",
        NOWHERE,
        "lladdr",
        "02:00:00:00:00:99",
        "dev",
        "eth0",
        "nud",
        "permanent",
    ];
    let output = lab.on_host(1, &neighbour);
    assert!(output.status.success(), "{output:?}");
}

/// A host dies for good. One balancer sees it, one does not; what the console says of users is what another prober saw.
fn a_loss(ways: &Ways) {
    let settings = ways.settings(CAREFUL, "/login/");
    let mut console = ways.lab.console(1, &["--config", &settings], (50, 200));
    console.wait_for("three healthy members", SOON, |screen| screen.contains("3 of 3"));
    let (mut careful, mut blind) = (ways.watch(CAREFUL), ways.watch(BLIND));
    for own in [&mut careful, &mut blind] {
        own.until("cannot-tell all nodes serve");
    }
    let stop = ways.folder.path("stop");
    let prober = Prober::start(ways.lab, &stop);
    ways.lab.run(&["kill", "3"]);
    let said = |screen: &str| {
        Some(
            screen
                .split_once("users served, gap of ")?
                .1
                .split_once(" s")?
                .0
                .to_owned(),
        )
    };
    console.wait_for("users served again", SOON, |screen| said(screen).is_some());
    let gap: f64 = said(&console.screen()).unwrap().parse().unwrap();
    blind.until("netbox.lab still sends users to a node that does not serve");
    careful.until("holds");
    let seen = prober.longest_gap();
    assert!(seen > 10.0, "four health checks are five seconds apart: {seen}");
    assert!(
        (seen - LATE_S..seen + SLOW_S).contains(&gap),
        "quorate says {gap} s, another prober {seen} s"
    );
}

fn nobody_serves(ways: &Ways) {
    for host in [1, 2] {
        ways.haproxy.stop(host);
    }
    let wanted = [
        ("entry.users", "critical cluster users are not served"),
        ("entry.balancer", "cannot-tell no node serves"),
        ("entry.console", "warning cluster the Admin Console answers on no node"),
    ];
    ways.until(CAREFUL, "/login/", &wanted);
}
