//! The same losses give the same order of transitions on the simulated cluster as on real servers.

#[path = "../parity/losses.rs"]
mod shared;

use quorate::sim::world::fault::Fault;
use quorate::sim::world::host::HostId;
use shared::{LOSSES, Record};

#[test]
fn the_same_losses_are_seen_in_the_same_order_as_on_real_servers() {
    let seen = std::thread::scope(|scope| {
        let watched: Vec<_> = LOSSES
            .iter()
            .map(|loss| scope.spawn(move || (loss.id.to_owned(), simulated(loss))))
            .collect();
        watched.into_iter().map(|one| one.join().unwrap()).collect::<Record>()
    });
    let wrong = shared::complaints(&shared::recorded(), &seen);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn simulated(loss: &shared::Loss) -> Vec<String> {
    let runtime = quorate::cli::observe::runtime().unwrap();
    runtime.block_on(async {
        let mut observing = shared::start(Some("healthy")).await;
        let cluster = observing.cluster.as_ref().unwrap().handle();
        shared::watch(&mut observing, loss, |_| {
            for (verb, host) in loss.faults {
                let host = HostId(*host);
                let fault = match *verb {
                    "kill" => Fault::Kill { host },
                    "freeze" => Fault::Freeze { host, component: None },
                    "unplug" => Fault::Unplug { host },
                    other => panic!("{other} is no fault"),
                };
                cluster.inject(&fault).unwrap();
            }
        })
        .await
    })
}
