//! PostgreSQL, Redis and an S3 server of the tests' own, on ports of 127.0.0.1 that were free, each ended with its value.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// How long a server may take to say that it is there.
const START: Duration = Duration::from_mins(1);

/// What `tests/lab/services` has: a directory that stands for `/`.
pub fn packages() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/services");
        last_line(Command::new(script)).into()
    })
}

/// Where `tests/lab/build` puts its programs; what it built before is not built again.
fn programs() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/build");
    let mut command = Command::new(script);
    command.arg("s3");
    last_line(command).into()
}

fn last_line(mut command: Command) -> String {
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", output.status);
    let out = String::from_utf8(output.stdout).unwrap();
    out.lines().last().unwrap().to_owned()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A port that nobody uses.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A program that runs until its value goes.
pub struct Running {
    child: Child,
    /// Which signal ends it well.
    signal: &'static str,
}

impl Running {
    /// Starts it, and waits until it has said each of these.
    fn start(mut command: Command, says: &[&str], signal: &'static str) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (told, lines) = mpsc::channel();
        let outputs: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for output in outputs {
            let told = told.clone();
            // Reads to the end, so that the program never waits for us.
            thread::spawn(move || {
                BufReader::new(output)
                    .lines()
                    .map_while(Result::ok)
                    .for_each(|line| drop(told.send(line)));
            });
        }
        drop(told);
        let running = Self { child, signal };
        let mut heard = String::new();
        while !says.iter().all(|word| heard.contains(word)) {
            match lines.recv_timeout(START) {
                Ok(line) => heard.extend([line.as_str(), "\n"]),
                Err(error) => panic!("{command:?} does not say {says:?}: {error}\n{heard}"),
            }
        }
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-s", self.signal, &pid]).status().ok();
        self.child.wait().ok();
    }
}

/// A directory of one test, with an authority and a certificate for 127.0.0.1.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        // A socket's path must be short.
        Self(tempfile::tempdir_in("/tmp").unwrap())
    }

    /// A file of this name in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Makes an authority, and a good certificate with its key in `server.crt` and `server.key`.
    pub fn authority(&self) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let ca = self.path("ca.crt");
        fs::write(&ca, params.self_signed(&key).unwrap().pem()).unwrap();
        let authority = Authority {
            ca,
            issuer: Issuer::new(params, key),
        };
        self.put("server", &authority.issue(&["127.0.0.1"], 2100));
        authority
    }

    fn put(&self, name: &str, (cert, key): &(String, String)) {
        for (file, text) in [(format!("{name}.crt"), cert), (format!("{name}.key"), key)] {
            let path = self.path(&file);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

pub struct Authority {
    /// Its certificate.
    pub ca: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A certificate until the beginning of a year, and its key.
    pub fn issue(&self, names: &[&str], year: i32) -> (String, String) {
        let names: Vec<String> = names.iter().copied().map(str::to_owned).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// A program from the unpacked packages, with the libraries beside it.
fn packaged(program: &Path) -> Command {
    let mut command = Command::new(program);
    let machine = std::env::consts::ARCH;
    command.env(
        "LD_LIBRARY_PATH",
        packages().join(format!("usr/lib/{machine}-linux-gnu")),
    );
    command
}

/// One of PostgreSQL's programs. They refuse to run as root: in a user namespace of their own, where nobody is, then.
fn pg(program: &str) -> Command {
    let versions = fs::read_dir(packages().join("usr/lib/postgresql")).unwrap();
    let newest = versions.map(|entry| entry.unwrap().path()).max().unwrap();
    let program = newest.join("bin").join(program);
    if !is_root() {
        return packaged(&program);
    }
    let mut command = packaged(Path::new("unshare"));
    command
        .args(["--user", "--map-user=1000", "--map-group=1000"])
        .arg(program);
    command
}

fn done(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A PostgreSQL server.
pub struct Pg<'a> {
    folder: &'a Folder,
    name: &'static str,
    pub port: u16,
    _server: Running,
}

impl<'a> Pg<'a> {
    /// A primary with the three databases, and two users with a password: `quorate` with pg_monitor, and `blind` without.
    pub fn primary(folder: &'a Folder, password: &str) -> Self {
        let data = Self::directory(folder, "primary");
        let mut init = pg("initdb");
        init.args([
            "--no-sync",
            "--no-locale",
            "-E",
            "UTF8",
            "-U",
            "postgres",
            "--auth-local=trust",
        ]);
        done({
            init.arg("--auth-host=scram-sha-256").arg("-D").arg(&data);
            init
        });
        let own = Self::serve(folder, "primary");
        for database in ["netbox", "diode", "hydra"] {
            own.sql(&format!("CREATE DATABASE {database}"));
        }
        for user in ["quorate", "blind"] {
            own.sql(&format!("CREATE ROLE {user} LOGIN PASSWORD '{password}'"));
        }
        own.sql("GRANT pg_monitor TO quorate");
        own
    }

    /// One that streams from a primary.
    pub fn standby(folder: &'a Folder, primary: &Pg<'_>) -> Self {
        let data = Self::directory(folder, "standby");
        let mut copy = pg("pg_basebackup");
        copy.args(["-U", "postgres", "-c", "fast", "-X", "stream", "--no-sync", "-R", "-h"]);
        copy.arg(primary.socket())
            .args(["-p", &primary.port.to_string(), "-D"])
            .arg(data);
        done(copy);
        Self::serve(folder, "standby")
    }

    fn directory(folder: &Folder, name: &str) -> PathBuf {
        for name in [name.to_owned(), format!("{name}.socket")] {
            let path = folder.path(&name);
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        }
        folder.path(name)
    }

    fn serve(folder: &'a Folder, name: &'static str) -> Self {
        let port = port();
        let mut server = pg("postgres");
        server
            .arg("-D")
            .arg(folder.path(name))
            .arg("-k")
            .arg(folder.path(&format!("{name}.socket")));
        let port_word = port.to_string();
        server.args(["-p", &port_word, "-h", "127.0.0.1"]);
        let (cert, key) = (folder.path("server.crt"), folder.path("server.key"));
        // ssl itself stays out of the command line, so that it can be changed.
        fs::write(folder.path(name).join("postgresql.auto.conf"), auto(folder, name)).unwrap();
        for setting in [
            "fsync=off".to_owned(),
            "shared_buffers=16MB".to_owned(),
            "logging_collector=off".to_owned(),
            "wal_level=logical".to_owned(),
            format!("ssl_cert_file={}", cert.display()),
            format!("ssl_key_file={}", key.display()),
        ] {
            server.args(["-c", &setting]);
        }
        Self {
            folder,
            name,
            port,
            _server: Running::start(server, &["database system is ready to accept"], "QUIT"),
        }
    }

    /// The directory of its socket.
    fn socket(&self) -> PathBuf {
        self.folder.path(&format!("{}.socket", self.name))
    }

    /// One that keeps its WAL and replays nothing, synchronously.
    pub fn receiver(&self) -> Running {
        let mut receive = pg("pg_receivewal");
        receive.args([
            "-v",
            "--no-loop",
            "--synchronous",
            "-U",
            "postgres",
            "-p",
            &self.port.to_string(),
            "-h",
        ]);
        receive
            .arg(self.socket())
            .arg("-D")
            .arg(Self::directory(self.folder, "received"));
        Running::start(receive, &["starting log streaming"], "INT")
    }

    /// Subscribes to what changes in another server.
    pub fn subscribe(&self, publisher: &Pg<'_>) {
        publisher.sql("CREATE PUBLICATION all_of_it FOR ALL TABLES");
        let (socket, port) = (publisher.socket(), publisher.port);
        self.sql(&format!(
            "CREATE SUBSCRIPTION all_of_it CONNECTION 'host={} port={port} user=postgres dbname=postgres' \
             PUBLICATION all_of_it",
            socket.display()
        ));
    }

    /// Runs a statement, and returns what it tells.
    pub fn sql(&self, statement: &str) -> String {
        let mut psql = pg("psql");
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "postgres",
            "-p",
            &self.port.to_string(),
            "-h",
        ])
        .arg(self.socket())
        .args(["-c", statement, "postgres"]);
        done(psql)
    }

    /// Shows another certificate from now on.
    pub fn show(&self, issued: &(String, String)) {
        self.folder.put("server", issued);
        self.sql("SELECT pg_reload_conf()");
    }
}

/// What a server keeps of `ALTER SYSTEM`, or of a copy: with TLS switched on.
fn auto(folder: &Folder, name: &str) -> String {
    let kept = fs::read_to_string(folder.path(name).join("postgresql.auto.conf")).unwrap_or_default();
    format!("{kept}ssl = on\n")
}

/// A Redis, or a Sentinel.
pub struct RedisServer {
    pub port: u16,
    pub tls_port: u16,
    _server: Running,
}

impl RedisServer {
    /// One that others copy; with a port for TLS beside the plain one.
    pub fn master(folder: &Folder, password: &str) -> Self {
        let tls_port = port();
        let path = |name: &str| folder.path(name).display().to_string();
        let settings = format!(
            "requirepass {password}\ntls-port {tls_port}\ntls-auth-clients no\ntls-cert-file {}\ntls-key-file {}\n\
             tls-ca-cert-file {}\nrepl-diskless-sync-delay 0\n",
            path("server.crt"),
            path("server.key"),
            path("ca.crt"),
        );
        Self {
            tls_port,
            ..Self::serve(folder, "master", &settings, &[], &["Ready to accept connections"])
        }
    }

    /// One that copies a master.
    pub fn replica(folder: &Folder, master: &Self, password: &str) -> Self {
        let settings = format!(
            "requirepass {password}\nmasterauth {password}\nreplicaof 127.0.0.1 {}\n",
            master.port
        );
        Self::serve(folder, "replica", &settings, &[], &["sync: Finished with success"])
    }

    /// One of three that watch a master.
    pub fn sentinel(folder: &Folder, n: u8, master: &Self, password: &str) -> Self {
        let settings = format!(
            "sentinel monitor diode 127.0.0.1 {} 2\nsentinel auth-pass diode {password}\n\
             sentinel down-after-milliseconds diode 500\nsentinel failover-timeout diode 1000\n",
            master.port
        );
        // The last one sees both others, and so do they see it soon.
        let says: &[&str] = if n == 2 {
            &["+slave slave", "+sentinel sentinel"]
        } else {
            &["+slave slave"]
        };
        Self::serve(folder, &format!("sentinel-{n}"), &settings, &["--sentinel"], says)
    }

    fn serve(folder: &Folder, name: &str, settings: &str, arguments: &[&str], says: &[&str]) -> Self {
        let (port, home) = (port(), folder.path(name));
        fs::create_dir(&home).unwrap();
        let file = home.join("redis.conf");
        let common = format!("bind 127.0.0.1\nport {port}\nsave \"\"\ndir {}\n", home.display());
        fs::write(&file, common + settings).unwrap();
        let mut server = packaged(&packages().join("usr/bin/redis-server"));
        server.arg(file).args(arguments);
        Self {
            port,
            tls_port: 0,
            _server: Running::start(server, says, "KILL"),
        }
    }
}

/// An S3 server with one bucket, in memory.
pub struct S3Server {
    pub address: SocketAddr,
    child: Child,
}

impl S3Server {
    pub fn start(key: &str, secret: &str, bucket: &str) -> Self {
        let mut command = Command::new(programs().join("s3"));
        command.args(["127.0.0.1:0", key, secret, bucket]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self {
            address: line.trim().parse().unwrap(),
            child,
        }
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A port behind which no such service is.
pub struct Stranger {
    pub address: SocketAddr,
}

impl Stranger {
    /// Nobody listens.
    pub fn refusing() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], port())),
        }
    }

    /// Takes everything and says nothing.
    pub fn silent() -> Self {
        Self::serve(|stream| drop(std::io::copy(&mut &*stream, &mut std::io::sink())))
    }

    /// Says one thing and closes.
    pub fn saying(words: &'static [u8]) -> Self {
        Self::serve(move |stream| {
            (&*stream).write_all(words).ok();
        })
    }

    /// Says more and more.
    pub fn endless() -> Self {
        Self::serve(|stream| while (&*stream).write_all(&[b'+'; 4096]).is_ok() {})
    }

    /// Serves each connection on a thread of its own until the test's process ends.
    fn serve(talk: impl Fn(&std::net::TcpStream) + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let talk = talk.clone();
                thread::spawn(move || talk(&stream));
            }
        });
        Self { address }
    }
}
