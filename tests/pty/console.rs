//! A program on a terminal of its own: its screen as text, the bytes it wrote, keys to press. Waiting is for facts on the
//! screen, with a deadline; nothing sleeps.

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

/// Arguments under which quorate finds no source, on whatever machine this runs.
pub const NO_SOURCES: [&str; 6] = [
    "--kubeconfig",
    "/nonexistent",
    "--etcd-pki",
    "/nonexistent",
    "--k0s-dir",
    "/nonexistent",
];

/// A running program and its terminal.
pub struct Console {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    parser: vt100::Parser,
    /// Every byte that the program wrote so far.
    pub written: Vec<u8>,
}

impl Console {
    /// Starts `argv` on a terminal of `rows` x `columns`.
    pub fn start(argv: &[&str], environment: &[(&str, &str)], (rows, columns): (u16, u16)) -> Self {
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(argv[0]);
        command.args(&argv[1..]);
        command.env("TERM", "xterm-256color");
        // Whoever runs the tests has a terminal and a language of their own.
        for variable in [
            "COLORTERM",
            "COLORFGBG",
            "NO_COLOR",
            "CLICOLOR_FORCE",
            "ACCESSIBLE",
            "LC_ALL",
            "LC_CTYPE",
            "LANG",
            "PAGER",
            "VISUAL",
            "EDITOR",
        ] {
            command.env_remove(variable);
        }
        for (key, value) in environment {
            command.env(key, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let keys = pair.master.take_writer().unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = channel();
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count) = reader.read(&mut chunk) {
                if count == 0 || sender.send(chunk[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let parser = vt100::Parser::new(cells(rows), cells(columns), 0);
        Self {
            child,
            master: pair.master,
            keys,
            output,
            parser,
            written: Vec::new(),
        }
    }

    /// The screen as lines of text.
    pub fn screen(&self) -> String {
        self.parser.screen().contents()
    }

    /// Whether the program switched to the alternate screen.
    pub fn is_alternate(&self) -> bool {
        self.parser.screen().alternate_screen()
    }

    /// Whether the terminal edits lines by itself, as a shell's must.
    pub fn is_cooked(&self) -> bool {
        let modes = self.master.get_termios().unwrap().local_flags;
        format!("{modes:?}").contains("ICANON")
    }

    /// Waits until the screen satisfies `wanted`; says how long that took. Panics with the screen at the deadline.
    pub fn wait_for(&mut self, what: &str, deadline: Duration, wanted: impl Fn(&str) -> bool) -> Duration {
        let began = Instant::now();
        while !wanted(&self.screen()) {
            let left = deadline.saturating_sub(began.elapsed());
            assert!(
                self.read(left),
                "no {what} within {deadline:?}; the screen is\n{}",
                self.screen()
            );
        }
        began.elapsed()
    }

    /// Reads for a time; says how many bytes came.
    pub fn listen(&mut self, time: Duration) -> usize {
        let (began, before) = (Instant::now(), self.written.len());
        while self.read(time.saturating_sub(began.elapsed())) {}
        self.written.len() - before
    }

    fn read(&mut self, left: Duration) -> bool {
        match self.output.recv_timeout(left) {
            Ok(chunk) => {
                self.parser.process(&chunk);
                self.written.extend_from_slice(&chunk);
                true
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }

    /// Presses keys, as the bytes that a terminal sends.
    pub fn press(&mut self, bytes: &str) {
        self.keys.write_all(bytes.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Changes the terminal's size.
    pub fn resize(&mut self, rows: u16, columns: u16) {
        self.parser.screen_mut().set_size(cells(rows), cells(columns));
        self.master
            .resize(PtySize {
                rows,
                cols: columns,
                pixel_width: 0,
                pixel_height: 0,
            })
            .unwrap();
    }

    /// The process that was started.
    pub fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Waits for the program to end, reading what it still writes.
    pub fn wait_for_exit(&mut self, deadline: Duration) -> ExitStatus {
        let began = Instant::now();
        while self.read(deadline.saturating_sub(began.elapsed())) {}
        // The terminal is closed a moment before the process is gone.
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                began.elapsed() < deadline,
                "still running; the screen is\n{}",
                self.screen()
            );
            thread::yield_now();
        }
    }
}

fn cells(count: u16) -> std::num::NonZero<u16> {
    std::num::NonZero::new(count).unwrap()
}

impl Drop for Console {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}
