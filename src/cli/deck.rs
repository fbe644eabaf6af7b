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
        Deed::Speed | Deed::Faster | Deed::Slower => return speed(clock, to),
        Deed::Heal => return heal(cluster),
        Deed::Join => {
            let zone = (!to.is_empty()).then(|| to.to_owned());
            cluster.inject(&Fault::Join { zone })?;
            return Ok("a new machine joins".to_owned());
        }
        Deed::FailJoin => {
            cluster.inject(&Fault::FailedJoin)?;
            return Ok("a new machine begins to join and dies".to_owned());
        }
        Deed::Quota => {
            cluster.inject(&Fault::FullQuota)?;
            return Ok("etcd's database is full".to_owned());
        }
        Deed::Stop | Deed::Skew => return with_value(cluster, command.deed, to),
        Deed::Kill | Deed::Freeze | Deed::Unplug | Deed::BlackHole | Deed::Revive | Deed::Flap => {}
    }
    let hosts = hosts(cluster, to)?;
    for host in &hosts {
        cluster.inject(&fault(command.deed, host.id))?;
    }
    let names: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
    Ok(format!("{} {}", names.join(", "), word(command.deed)))
}

/// What a deed does to one host.
const fn fault(deed: Deed, host: HostId) -> Fault {
    match deed {
        Deed::Freeze => Fault::Freeze { host, component: None },
        Deed::Unplug => Fault::Unplug { host },
        Deed::BlackHole => Fault::BlackHole { host },
        Deed::Flap => Fault::Flap {
            host,
            every_s: FLAP_S.0,
            down_s: FLAP_S.1,
        },
        Deed::Revive | Deed::Heal => Fault::Revive { host },
        Deed::Kill
        | Deed::Join
        | Deed::FailJoin
        | Deed::Stop
        | Deed::Skew
        | Deed::Quota
        | Deed::Faster
        | Deed::Slower
        | Deed::Speed => Fault::Kill { host },
    }
}

const fn word(deed: Deed) -> &'static str {
    match deed {
        Deed::Freeze => "frozen",
        Deed::Unplug => "unplugged",
        Deed::BlackHole => "black-holed",
        Deed::Flap => "flapping",
        Deed::Revive | Deed::Heal => "revived",
        Deed::Kill
        | Deed::Join
        | Deed::FailJoin
        | Deed::Stop
        | Deed::Skew
        | Deed::Quota
        | Deed::Faster
        | Deed::Slower
        | Deed::Speed => "switched off",
    }
}

fn speed(clock: &Clock, to: &str) -> Result<String, String> {
    let speed = to.trim_start_matches('x').parse().ok();
    let Some(speed) = speed.filter(|speed| SPEEDS.contains(speed)) else {
        return Err(format!("time runs at a speed of {SPEEDS:?}, not {to:?}"));
    };
    clock.set_speed(speed);
    Ok(format!("time runs {speed} times as fast as ours"))
}

/// Every machine, one after the other; the first that cannot be revived is told.
fn heal(cluster: &Handle) -> Result<String, String> {
    for host in cluster.hosts() {
        cluster.inject(&Fault::Revive { host: host.id })?;
    }
    Ok("every machine is revived".to_owned())
}

fn with_value(cluster: &Handle, deed: Deed, to: &str) -> Result<String, String> {
    let (name, value) = to.split_once(' ').unwrap_or((to, ""));
    let (host, value) = (host(cluster, name)?, value.trim());
    if deed == Deed::Skew {
        let ahead_ms = value
            .parse()
            .map_err(|_| format!("{value:?} is no number of milliseconds; try `:skew {name} 2500`"))?;
        cluster.inject(&Fault::Skew {
            host: host.id,
            ahead_ms,
        })?;
        return Ok(format!("{name}'s clock is {ahead_ms} ms ahead"));
    }
    let component = Component::ALL.into_iter().find(|component| component.name() == value);
    let component = component.ok_or_else(|| {
        let names = Component::ALL.map(Component::name).join(", ");
        format!("{value:?} is no component; there are {names}")
    })?;
    cluster.inject(&Fault::Stop {
        host: host.id,
        component,
    })?;
    Ok(format!("{value} on {name} was killed; its supervisor starts it again"))
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
