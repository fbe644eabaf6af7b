//! Who gets the lock, and how it is given back.

use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::super::server::Server;
use super::super::session::{Deadlines, Session};
use super::super::wire::{Wire, ok, refuse};
use super::*;

fn wish(user: &str, host: &str, pid: u32, run: &str) -> Wish {
    let operator = Operator {
        user: user.into(),
        host: host.into(),
        pid,
    };
    Wish {
        run: RunId(run.into()),
        operator,
        take_over: false,
    }
}

/// What the Lease of this holder says, renewed at this second.
fn held(by: &Wish, renewed_s: i64) -> Held {
    Held {
        holder: by.identity(),
        run: by.run.0.to_string(),
        step: String::new(),
        renewed: Timestamp::from_second(renewed_s).ok(),
        version: json!("7"),
    }
}

#[test]
fn the_lock_of_somebody_who_may_be_alive_is_not_taken() {
    let now = Timestamp::from_second(1_000).unwrap();
    let stance = |wish: &Wish, held: &Held| wish.stance(held, now, |process| process == 40);
    let ada = wish("ada", "nbe-1", 41, "r-1");
    let (fresh, old) = (held(&ada, 980), held(&ada, 960));
    let bob = wish("bob", "nbe-2", 41, "r-2");
    assert_eq!(stance(&bob, &fresh), Stance::Leave);
    assert_eq!(stance(&bob, &old), Stance::Watch, "it is silent");
    let person_said_so = Wish { take_over: true, ..bob };
    assert_eq!(stance(&person_said_so, &fresh), Stance::Take);
    // Another process of the same host, alive.
    assert_eq!(stance(&wish("ada", "nbe-1", 42, "r-2"), &fresh), Stance::Leave);
    // The same process, with its next run; another one, with the same run.
    assert_eq!(stance(&wish("ada", "nbe-1", 41, "r-2"), &fresh), Stance::Take);
    assert_eq!(stance(&wish("ada", "nbe-1", 42, "r-1"), &fresh), Stance::Take);
    // A run with that name on another host is another one's.
    assert_eq!(stance(&wish("ada", "nbe-2", 42, "r-1"), &fresh), Stance::Leave);
    let nobody = Held {
        holder: String::new(),
        ..fresh
    };
    assert_eq!(stance(&wish("bob", "nbe-2", 41, "r-2"), &nobody), Stance::Take);
}

#[test]
fn a_process_that_has_ended_on_this_host_is_watched_however_fresh_its_lock_is() {
    let now = Timestamp::from_second(1_000).unwrap();
    let dead = held(&wish("ada", "nbe-1", 40, "r-1"), 999);
    let stance = |wish: &Wish| wish.stance(&dead, now, |process| process == 40);
    assert_eq!(stance(&wish("bob", "nbe-1", 41, "r-2")), Stance::Watch);
    assert_eq!(
        stance(&wish("bob", "nbe-2", 41, "r-2")),
        Stance::Leave,
        "another host's processes are not seen from here"
    );
}

#[test]
fn the_kernel_tells_which_processes_have_ended() {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    // Until it is waited for, its number is taken.
    assert!(!has_ended(child.id()));
    child.wait().unwrap();
    assert!(has_ended(child.id()));
    assert!(!has_ended(std::process::id()) && !has_ended(1));
}

/// A lock on a server that keeps one Lease, and answers as many reads as wanted with an error first.
fn lock_on(lease: Value, failing: u32) -> (ClusterLock, Arc<Mutex<Value>>) {
    let kept = Arc::new(Mutex::new(lease));
    let (read, written) = (Arc::clone(&kept), Arc::clone(&kept));
    let failing = Mutex::new(failing);
    let wire = Wire::taking(move |_, _, patch| {
        let mut lease = written.lock().unwrap();
        lease["spec"] = patch["spec"].clone();
        ok(&lease)
    });
    let wire = wire.telling(move |_, _| {
        let mut failing = failing.lock().unwrap();
        if *failing == 0 {
            return ok(&read.lock().unwrap());
        }
        *failing -= 1;
        refuse(500, "etcdserver: request timed out")
    });
    let server = Server::new("http://127.0.0.1:1".parse().unwrap());
    let session = Session::over(server, Deadlines::default(), wire.client(), wire.client());
    let lock = ClusterLock {
        changes: Changes::through(watch::channel(Some(session)).1),
        wish: wish("ada", "nbe-1", 41, "r-1"),
    };
    (lock, kept)
}

fn lease(holder: &str) -> Value {
    json!({"metadata": {"resourceVersion": "7"}, "spec": {"holderIdentity": holder}})
}

#[tokio::test(start_paused = true)]
async fn it_is_given_back_once_the_cluster_answers_again() {
    let (lock, kept) = lock_on(lease(&wish("ada", "nbe-1", 41, "r-1").identity()), 10);
    lock.release().await;
    assert_eq!(kept.lock().unwrap()["spec"]["holderIdentity"], "");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_never_answers_is_not_tried_for_ever() {
    let (lock, kept) = lock_on(lease("whoever"), u32::MAX);
    let began = tokio::time::Instant::now();
    lock.release().await;
    assert_eq!(began.elapsed(), GIVE_BACK);
    assert_eq!(kept.lock().unwrap()["spec"]["holderIdentity"], "whoever");
}

#[tokio::test(start_paused = true)]
async fn what_others_hold_by_now_is_left_to_them() {
    let (lock, kept) = lock_on(lease("bob on nbe-2, process 3, run r-2"), 0);
    lock.release().await;
    assert_eq!(
        kept.lock().unwrap()["spec"]["holderIdentity"],
        "bob on nbe-2, process 3, run r-2"
    );
}
