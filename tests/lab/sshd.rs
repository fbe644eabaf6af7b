//! OpenSSH's server on hosts of a lab, and the operator's keys and configuration for it. Everything lies in the lab's state
//! directory; users are those of the hosts alone.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::lab::{Lab, debian, libraries};

/// Servers on some hosts, and an operator on host 1 who may log in as root everywhere.
pub struct Sshd<'a> {
    lab: &'a Lab,
    /// Debian's packages, unpacked.
    packages: PathBuf,
    servers: Vec<(u8, Child)>,
}

/// What an operator has in `~/.ssh/config`. The rest of what ssh does is quorate's wish.
const CONFIG: &str = "Host 10.77.0.*\n  IdentitiesOnly yes\n  GlobalKnownHostsFile /dev/null\n";

/// Ada's password, and its hash in `/etc/shadow`.
pub const PASSWORD: &str = "secret";
const HASH: &str = "$6$quorate$70t87OHXp/Ka3aSDZuJF4GwTfWvt9k0rzV8.a6qamgXK2i9MvNZ5jB5iispirnluR6cG9NkiMr.9fD9jx6wIF1";

impl<'a> Sshd<'a> {
    /// Starts the servers, and gives host 1 what it needs to reach them.
    pub fn start(lab: &'a Lab, hosts: &[u8]) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "OpenSSH's server changes its user, which no unprivileged user namespace allows: run the lab's tests as root"
        );
        let mut sshd = Self {
            lab,
            packages: debian("openssh", "usr/sbin/sshd", &["openssh-server", "openssh-client"]),
            servers: Vec::new(),
        };
        fs::create_dir_all(sshd.dir().join("key")).unwrap();
        sshd.on(1, &sshd.people(1));
        sshd.keygen("key/id");
        let mut known = String::new();
        for host in hosts {
            sshd.on(*host, &sshd.people(*host));
            sshd.keygen(&format!("host-key-{host}"));
            let key = fs::read_to_string(sshd.dir().join(format!("host-key-{host}.pub"))).unwrap();
            write!(known, "10.77.0.{} {key}", 10 + host).unwrap();
            sshd.configure(*host);
        }
        sshd.operator("root");
        sshd.write("home-1/.ssh/known_hosts", &known);
        for host in hosts {
            sshd.serve(*host);
        }
        sshd
    }

    /// Where all of it lies.
    pub fn dir(&self) -> PathBuf {
        self.lab.state().join("ssh")
    }

    /// Writes a file below [`Sshd::dir`]. A server reads the keys of a user as that user.
    pub fn write(&self, file: &str, text: &str) {
        let path = self.dir().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }

    /// A file below [`Sshd::dir`]; empty where there is none.
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.dir().join(file)).unwrap_or_default()
    }

    /// Removes a file below [`Sshd::dir`].
    pub fn remove(&self, file: &str) {
        fs::remove_file(self.dir().join(file)).unwrap();
    }

    /// As whom the operator logs in elsewhere.
    pub fn operator(&self, user: &str) {
        let key = self.dir().join("key/id");
        let text = format!("{CONFIG}  User {user}\n  IdentityFile {}\n", key.display());
        self.write("home-1/.ssh/config", &text);
    }

    /// Sends a signal to the server on a host, not to its sessions.
    pub fn signal(&self, host: u8, signal: &str) {
        let pid = self.read(&format!("sshd-{host}.pid"));
        self.on(host, &format!("kill -{signal} {}", pid.trim()));
    }

    /// What was asked of `systemctl` through ssh on a host, in order.
    pub fn calls(&self, host: u8) -> Vec<String> {
        self.read(&format!("calls-{host}")).lines().map(str::to_owned).collect()
    }

    /// What the server on a host wrote.
    pub fn log(&self, host: u8) -> String {
        self.read(&format!("sshd-{host}.log"))
    }

    fn on(&self, host: u8, script: &str) {
        let output = self.lab.on_host(host, &["sh", "-ec", script]);
        assert!(output.status.success(), "on host {host}: {script}\n{output:?}");
    }

    /// Users of a host: root with a home of its own, ada who is not root, and whom the server becomes.
    fn people(&self, host: u8) -> String {
        let dir = self.dir();
        let dir = dir.display();
        format!(
            "umask 022; mkdir -p {dir}/home-{host}/.ssh {dir}/ada-{host} /run/sshd\n\
             grep -vE '^(root|sshd|ada):|:x:1000:' /etc/passwd > /etc/passwd.new || true\n\
             echo 'root:x:0:0:root:{dir}/home-{host}:/bin/bash' >> /etc/passwd.new\n\
             echo 'ada:x:1000:1000:ada:{dir}/ada-{host}:/bin/bash' >> /etc/passwd.new\n\
             echo 'sshd:x:101:65534::/run/sshd:/usr/sbin/nologin' >> /etc/passwd.new\n\
             printf 'root:*:::::::\\nada:{HASH}:::::::\\nsshd:*:::::::\\n' > /etc/shadow.new\n\
             for file in passwd shadow; do rm -f /etc/$file; mv /etc/$file.new /etc/$file; done\n\
             chown 1000:1000 {dir}/ada-{host}; chmod 755 {dir}/..\n\
             command -v ssh > /dev/null || ln -s {packages}/usr/bin/ssh /usr/local/bin/ssh",
            packages = self.packages.display()
        )
    }

    fn keygen(&self, file: &str) {
        let path = self.dir().join(file);
        let unpacked = self.packages.join("usr/bin/ssh-keygen");
        let program = if unpacked.exists() {
            unpacked
        } else {
            "ssh-keygen".into()
        };
        let made = Command::new(program)
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(path)
            .status();
        assert!(made.unwrap().success(), "ssh-keygen {file}");
    }

    /// The server's settings, and the programs that its sessions find first.
    fn configure(&self, host: u8) {
        let dir = self.dir();
        let dir = dir.display();
        let tools = self.lab.state().join(format!("hosts/{host}/bin"));
        let tools = tools.display();
        let mut settings = format!(
            "ListenAddress 0.0.0.0\nHostKey {dir}/host-key-{host}\nPidFile {dir}/sshd-{host}.pid\nUsePAM no\n\
             StrictModes no\nPermitRootLogin yes\nPasswordAuthentication yes\nAuthorizedKeysFile {dir}/key/id.pub\n\
             SetEnv PATH={dir}/bin-{host}:{tools}:/usr/sbin:/usr/bin:/bin\n"
        );
        // Newer servers start further programs, by absolute paths.
        for (setting, program) in [("SshdSessionPath", "sshd-session"), ("SshdAuthPath", "sshd-auth")] {
            let path = self.packages.join("usr/lib/openssh").join(program);
            if path.exists() {
                writeln!(settings, "{setting} {}", path.display()).unwrap();
            }
        }
        self.write(&format!("sshd-{host}.conf"), &settings);
        let systemctl = format!(
            "echo \"$*\" >> {dir}/calls-{host}\n\
             case \"$*\" in *restart*) [ ! -e {dir}/drop-{host} ] || . {dir}/drop-{host} ;; esac\n\
             exec {tools}/systemctl \"$@\""
        );
        self.program(host, "systemctl", &systemctl);
        self.program(host, "sudo", "echo 'sudo: a password is required' >&2; exit 1");
    }

    /// Real sudo, which asks for a password that nobody was asked for before, and these rules for it.
    pub fn sudo(&self, host: u8, rules: &str) {
        let packages = debian("sudo", "usr/bin/sudo", &["sudo"]);
        let script = format!(
            "umask 022; cp -pL {packages}/usr/bin/sudo {dir}/bin-{host}/sudo\n\
             parts={packages}/usr/libexec/sudo\n\
             if [ -d $parts ] && [ ! -d /usr/libexec/sudo ]; then\n\
             mount -t tmpfs tmpfs /usr/libexec; cp -a $parts /usr/libexec/sudo\n\
             fi\n\
             rm -rf /etc/pam.d /etc/sudoers; mkdir /etc/pam.d\n\
             printf 'auth required pam_unix.so\\naccount required pam_unix.so\\nsession required pam_permit.so\\n' \
             > /etc/pam.d/sudo\n\
             printf 'Defaults timestamp_timeout=0, lecture=never\\n{rules}\\n' > /etc/sudoers; chmod 440 /etc/sudoers",
            packages = packages.display(),
            dir = self.dir().display(),
        );
        self.on(host, &script);
    }

    /// What the sessions on a host find instead of a program.
    pub fn program(&self, host: u8, name: &str, script: &str) {
        let file = format!("bin-{host}/{name}");
        self.write(&file, &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(self.dir().join(file), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn serve(&mut self, host: u8) {
        let (dir, packages) = (self.dir(), self.packages.display());
        let script = format!(
            "{libraries}; exec {packages}/usr/sbin/sshd -D -E {dir}/sshd-{host}.log -f {dir}/sshd-{host}.conf",
            libraries = libraries(&self.packages),
            dir = dir.display()
        );
        let mut command = self.lab.exec(host, &["sh", "-c", &script]);
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        self.servers.push((host, child));
        let listens = "for try in $(seq 100); do grep -q 'Server listening' LOG 2>/dev/null && exit 0; sleep 0.1; done; cat LOG; exit 1";
        let log = dir.join(format!("sshd-{host}.log"));
        self.on(host, &listens.replace("LOG", log.to_str().unwrap()));
    }
}

impl Drop for Sshd<'_> {
    fn drop(&mut self) {
        for (host, server) in &mut self.servers {
            if let Err(error) = server.kill() {
                eprintln!("sshd on host {host}: {error}");
            }
            server.wait().ok();
        }
    }
}
