//! A stand-in for ssh, for the tests of whoever asks through it.

use crate::live::shell::Shell;

/// A script in its place: `$to` is where it is to connect, empty for a command, which is `$cmd`.
pub fn ssh(script: &str) -> Shell {
    let find = "to=; for cmd; do [ \"$before\" = -W ] && to=$cmd; before=$cmd; done";
    Shell {
        ssh: ["sh", "-c", &format!("{find}; {script}"), "sh"]
            .map(str::to_owned)
            .to_vec(),
        ..Shell::default()
    }
}
