//! What the operator wishes of a simulated cluster, turned into faults of its world. Start reading at [`deck`].

use crate::app::SimCommand;
use crate::app::prompt::nearest;
use crate::app::sim::{Deed, SPEEDS};
use crate::base::Clock;
use crate::sim::wire::{Cluster, Handle};
use crate::sim::world::fault::Fault;
use crate::sim::world::host::{Component, Host, HostId};
use crate::tui::Deck;

/// How often and how long a flapping cable is out, in seconds.
const FLAP_S: (u32, u32) = (20, 8);

/// A deck for the console on a simulated cluster.
pub fn deck(cluster: &Cluster, clock: Clock) -> Deck {
    let handle = cluster.handle();
    Deck::new(move |command| play(&handle, &clock, command))
}

/// Does it. Both answers are sentences.
fn play(cluster: &Handle, clock: &Clock, command: &SimCommand) -> Result<String, String> {
    let to = command.to.as_str();
    match command.deed {
        Deed::Kill => each(cluster, to, "switched off", |host| Fault::PowerOff { host }),
        Deed::Freeze => each(cluster, to, "frozen", |host| Fault::Freeze { host, component: None }),
        Deed::Unplug => each(cluster, to, "unplugged", |host| Fault::Unplug { host }),
        Deed::BlackHole => each(cluster, to, "black-holed", |host| Fault::BlackHole { host }),
        Deed::Flap => each(cluster, to, "flapping", flap),
        Deed::Revive => each(cluster, to, "revived", |host| Fault::Revive { host }),
        Deed::Heal => heal(cluster),
        Deed::Stop => stop(cluster, to),
        Deed::Skew => skew(cluster, to),
        Deed::Join => {
            let zone = (!to.is_empty()).then(|| to.to_owned());
            once(cluster, &Fault::Join { zone }, "a new machine joins")
        }
        Deed::FailJoin => once(cluster, &Fault::FailedJoin, "a new machine begins to join and dies"),
        Deed::Quota => once(cluster, &Fault::FullQuota, "etcd's database is full"),
        Deed::EnableHa => once(cluster, &Fault::EnableHa, "high availability is turned on"),
        Deed::Reset => each(cluster, to, "reset", |host| Fault::Reset { host }),
        Deed::Speed | Deed::Faster | Deed::Slower => speed(clock, to),
    }
}

/// Does it to one host or to all of a zone, and says what they are now.
fn each(cluster: &Handle, to: &str, word: &str, fault: fn(HostId) -> Fault) -> Result<String, String> {
    let hosts = hosts(cluster, to)?;
    for host in &hosts {
        cluster.inject(&fault(host.id))?;
    }
    let names: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
    Ok(format!("{} {word}", names.join(", ")))
}

/// Does it to the cluster, and says what happens.
fn once(cluster: &Handle, fault: &Fault, told: &str) -> Result<String, String> {
    cluster.inject(fault)?;
    Ok(told.to_owned())
}

const fn flap(host: HostId) -> Fault {
    let (every_s, down_s) = FLAP_S;
    Fault::Flap { host, every_s, down_s }
}

fn speed(clock: &Clock, to: &str) -> Result<String, String> {
    let speed = to.trim_start_matches('x').parse().ok();
    let Some(speed) = speed.filter(|speed| SPEEDS.contains(speed)) else {
        return Err(format!("time runs at a speed of {SPEEDS:?}, not {to:?}"));
    };
    clock.set_speed(speed);
    Ok(match speed {
        1 => "time runs as fast as ours".to_owned(),
        _ => format!("time runs {speed} times as fast as ours"),
    })
}

/// Every machine, one after the other; the first that cannot be revived is told.
fn heal(cluster: &Handle) -> Result<String, String> {
    for host in cluster.hosts() {
        cluster.inject(&Fault::Revive { host: host.id })?;
    }
    Ok("every machine is revived".to_owned())
}

fn skew(cluster: &Handle, to: &str) -> Result<String, String> {
    let (name, value) = split(to);
    let host = host(cluster, name)?.id;
    let wrong = |_| format!("{value:?} is no number of milliseconds; try `:skew {name} 2500`");
    let ahead_ms = value.parse().map_err(wrong)?;
    once(
        cluster,
        &Fault::Skew { host, ahead_ms },
        &format!("{name}'s clock is {ahead_ms} ms ahead"),
    )
}

fn stop(cluster: &Handle, to: &str) -> Result<String, String> {
    let (name, value) = split(to);
    let host = host(cluster, name)?.id;
    let component = Component::ALL.into_iter().find(|component| component.name() == value);
    let component = component.ok_or_else(|| {
        let names = Component::ALL.map(Component::name).join(", ");
        format!("{value:?} is no component; there are {names}")
    })?;
    let told = format!("{value} on {name} was killed; its supervisor starts it again");
    once(cluster, &Fault::Stop { host, component }, &told)
}

/// A host's name and what follows it.
fn split(to: &str) -> (&str, &str) {
    let (name, value) = to.split_once(' ').unwrap_or((to, ""));
    (name, value.trim())
}

/// One host, or all of `zone ZONE`.
fn hosts(cluster: &Handle, to: &str) -> Result<Vec<Host>, String> {
    let Some(zone) = to.strip_prefix("zone ").map(str::trim) else {
        return host(cluster, to).map(|host| vec![host]);
    };
    let hosts = cluster.hosts_of_zone(zone);
    if hosts.is_empty() {
        return Err(format!("no node has the zone label {zone}"));
    }
    Ok(hosts)
}

fn host(cluster: &Handle, name: &str) -> Result<Host, String> {
    let hosts = cluster.hosts();
    if let Some(host) = hosts.iter().find(|host| host.name == name) {
        return Ok(host.clone());
    }
    let names: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
    let advice = nearest(name, names.iter().copied());
    Err(advice.map_or_else(
        || format!("there is no node {name}"),
        |advice| format!("there is no node {name}; did you mean {advice}?"),
    ))
}
