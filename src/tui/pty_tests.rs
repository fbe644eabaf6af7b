//! What only a terminal shows: the loop on a real pseudo-terminal, and that the terminal is given back in every case.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;

use super::{Chosen, Deck, Options, Programs, Themes, restore, run};
use crate::app::keys::KeyMap;
use crate::model::Policy;
use crate::model::example::healthy;
use crate::view::{Colors, Glyphs, Theme};

/// Says to the child that it is one.
const CHILD: &str = "QUORATE_TEST_CONSOLE";
/// No wait takes longer.
const DEADLINE: Duration = Duration::from_secs(30);

/// The console as a child process runs it; does nothing in an ordinary test run.
#[test]
fn console() {
    let Ok(how) = std::env::var(CHILD) else { return };
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        restore();
        before(info);
    }));
    let options = Options {
        namespace: None,
        is_unlocked: false,
        policy: Policy::default(),
        keys: KeyMap::default(),
        theme: Theme::default(),
        themes: Themes {
            names: Vec::new(),
            read: Arc::new(|_| Ok(Theme::default())),
        },
        glyphs: Glyphs::Unicode,
        colors: Colors::Full,
        messages: Vec::new(),
        deck: Deck::default(),
        has_tour: false,
        programs: Programs {
            pager: Chosen::of("PAGER", None, "cat"),
            editor: Chosen::of("EDITOR", None, "cat"),
        },
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let result = runtime.block_on(async {
        let (sender, snapshots) = watch::channel(Arc::new(healthy()));
        let others = super::Others {
            recorder: super::Recorder::default(),
            desk: super::Desk::open().0,
            crew: super::Crew::default(),
            diary: super::Diary::default(),
        };
        let console = run(snapshots, others, options);
        if how == "panic" {
            tokio::select! {
                result = console => result,
                () = async { sender.closed().await } => Ok(()),
                () = async {
                    // After the first frame: the console has run until it waits.
                    tokio::task::yield_now().await;
                    panic!("on purpose");
                } => Ok(()),
            }
        } else if how == "unfed" {
            drop(sender);
            console.await
        } else {
            let result = console.await;
            drop(sender);
            result
        }
    });
    println!("console ended: {result:?}");
}

/// A child console and its screen.
struct Terminal {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
}

impl Terminal {
    fn open(how: &str) -> Self {
        let size = PtySize {
            rows: 24,
            cols: 80,
            ..PtySize::default()
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        command.args(["--exact", "tui::pty_tests::console", "--nocapture", "--test-threads=1"]);
        command.env(CHILD, how);
        command.env("TERM", "xterm-256color");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes.get(..count).unwrap_or_default().to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            keyboard: pair.master.take_writer().unwrap(),
            master: pair.master,
            child,
            output,
            // 80x24.
            screen: vt100::Parser::default(),
        }
    }

    /// Waits until the screen shows `text`.
    fn wait_for(&mut self, text: &str) {
        let end = Instant::now() + DEADLINE;
        while !self.screen.screen().contents().contains(text) {
            let left = end.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(why) => panic!("{text:?} never came ({why}):\n{}", self.screen.screen().contents()),
            }
        }
    }

    fn press(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).unwrap();
        self.keyboard.flush().unwrap();
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.process_id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// Waits for the end and checks that the terminal is as it was.
    fn expect_restored(mut self) {
        self.child.wait().unwrap();
        while let Ok(bytes) = self.output.recv_timeout(DEADLINE) {
            self.screen.process(&bytes);
        }
        let screen = self.screen.screen();
        let flags = (
            screen.alternate_screen(),
            screen.hide_cursor(),
            screen.bracketed_paste(),
        );
        assert_eq!(flags, (false, false, false), "{}", screen.contents());
        let modes = self.master.get_termios().unwrap().local_flags;
        assert!(format!("{modes:?}").contains("ICANON"), "{modes:?}");
    }
}

#[test]
fn quit_restores_the_terminal() {
    let mut terminal = Terminal::open("quit");
    terminal.wait_for("quorum held, 3 of 3");
    assert!(terminal.screen.screen().alternate_screen() && terminal.screen.screen().hide_cursor());
    terminal.press(b"3");
    terminal.wait_for("a linearizable read succeeds now");
    terminal.press(b"q");
    terminal.wait_for("console ended: Ok");
    terminal.expect_restored();
}

#[test]
fn signals_restore_the_terminal() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut terminal = Terminal::open("signal");
        terminal.wait_for("quorum held");
        terminal.signal(signal);
        terminal.wait_for("console ended: Ok");
        terminal.expect_restored();
    }
}

#[test]
fn panic_restores_the_terminal() {
    let mut terminal = Terminal::open("panic");
    terminal.wait_for("on purpose");
    terminal.expect_restored();
}

#[test]
fn the_console_stays_when_its_source_is_gone_and_follows_the_size() {
    let mut terminal = Terminal::open("unfed");
    terminal.wait_for("stopped observing");
    let size = PtySize {
        rows: 40,
        cols: 120,
        ..PtySize::default()
    };
    let [rows, columns] = [40, 120].map(|cells: u16| cells.try_into().unwrap());
    terminal.screen.screen_mut().set_size(rows, columns);
    terminal.master.resize(size).unwrap();
    // Only a wide terminal has this column.
    terminal.wait_for("own view");
    terminal.press(&[3]);
    terminal.wait_for("console ended: Ok");
    terminal.expect_restored();
}
