//! Room in the databases, and how far back they reach.

use super::super::super::resource::Resource;
use super::super::super::store::Key;
use super::*;

const COMPACTED: (i32, &str) = (11, "etcdserver: mvcc: required revision has been compacted");

fn errors(world: &World, n: u16) -> Vec<String> {
    world.etcd_status(host(n)).unwrap().errors
}

#[test]
fn a_full_database_stops_all_writes_until_somebody_makes_room() {
    let mut world = world_of("");
    world.advance(20_000);
    world.inject(&Fault::FullQuota).unwrap();
    let before = world.store.revision();
    let no_space = |n: u16| format!("memberID:{} alarm:NOSPACE ", id_of(&world, n));
    let mut all: Vec<String> = (1..=3).map(no_space).collect();
    world.advance(80_000);
    assert_eq!(world.store.revision(), before);
    all.sort();
    let mut told = errors(&world, 3);
    told.sort();
    assert_eq!(told, all, "every member guards its own file");
    let status = world.etcd_status(host(3)).unwrap();
    assert!(status.quota.is_some_and(|quota| status.db_size > quota));
    world.inject(&Fault::Revive { host: host(1) }).unwrap();
    world.advance(100_000);
    assert!(world.store.revision() > before);
}

#[test]
fn room_is_made_by_compacting_and_defragmenting_and_only_then_disarmed_for_good() {
    let mut world = world_of("");
    world.advance(20_000);
    world.inject(&Fault::FullQuota).unwrap();
    world.advance(30_000);
    let disarm = |world: &mut World| {
        for alarm in world.etcd_alarms(host(1)).unwrap() {
            assert_eq!(world.etcd_alarm_disarm(host(1), alarm).unwrap(), [alarm]);
        }
    };
    let (alarms, now) = (world.etcd_alarms(host(2)).unwrap(), world.store.revision());
    assert_eq!(alarms.len(), 3);
    assert_eq!(world.etcd_compact(host(1), now).unwrap(), now);
    let status = world.etcd_status(host(2)).unwrap();
    assert!(
        status.db_size > 2 << 30 && status.db_size_in_use < 1 << 30,
        "{status:?}"
    );
    disarm(&mut world);
    assert_eq!(world.alarm(), None);
    world.advance(32_000);
    assert_eq!(world.etcd_alarms(host(1)).unwrap().len(), 3, "the files are as large");
    for n in 1..=3 {
        world.etcd_defragment(host(n)).unwrap();
        let status = world.etcd_status(host(n)).unwrap();
        assert!(status.db_size < 1 << 30);
    }
    disarm(&mut world);
    assert!(world.etcd_alarm_disarm(host(1), alarms[0]).unwrap().is_empty());
    world.advance(60_000);
    assert!(world.alarm().is_none() && world.store.revision() > now);
}

#[test]
fn nothing_at_all_is_written_while_a_member_is_called_corrupt() {
    let mut world = world_of("");
    world.advance(20_000);
    let alarm = (Alarm::Corrupt, id_of(&world, 2));
    assert_eq!(world.etcd_alarm_raise(host(1), alarm).unwrap(), [alarm]);
    let before = world.store.revision();
    world.advance(80_000);
    assert_eq!(world.store.revision(), before);
    assert_eq!(errors(&world, 3), [format!("memberID:{} alarm:CORRUPT ", alarm.1)]);
    let refused = world.etcd_compact(host(1), before).unwrap_err();
    assert_eq!(message(&refused), (15, "etcdserver: corrupt cluster"));
    world.inject(&Fault::Revive { host: host(2) }).unwrap();
    assert_eq!(world.alarm(), Some(Alarm::Corrupt), "no room that is made heals it");
    assert_eq!(world.etcd_alarm_disarm(host(3), alarm).unwrap(), [alarm]);
    world.advance(100_000);
    assert!(world.store.revision() > before);
}

#[test]
fn api_servers_compact_what_is_older_than_five_minutes() {
    let mut world = world_of("");
    world.advance(299_900);
    let early = world.store.revision();
    world.advance(599_900);
    assert_eq!(world.etcd_status(host(1)).unwrap().compacted, None);
    world.advance(600_100);
    let compacted = world.etcd_status(host(2)).unwrap().compacted.unwrap();
    assert!(compacted >= early && compacted < world.store.revision());
    assert!(
        world.store.changes_after(early - 1).is_err(),
        "a watch from there gets 410"
    );
    assert!(world.store.changes_after(compacted).is_ok());
    let refused = world.etcd_objects(host(1), compacted - 1).unwrap_err();
    assert_eq!(message(&refused), COMPACTED);
    let refused = world.etcd_compact(host(1), compacted).unwrap_err();
    assert_eq!(message(&refused), COMPACTED);
    let future = world.etcd_compact(host(1), 1 << 40).unwrap_err();
    let words = "etcdserver: mvcc: required revision is a future revision";
    assert_eq!(message(&future), (11, words));
    assert!(world.etcd_objects(host(1), compacted).is_ok());
}

#[test]
fn a_member_that_is_cut_off_answers_with_what_there_was() {
    let mut world = world_of("");
    world.advance(60_000);
    let lease = Key::new(Resource::Leases, "kube-node-lease", "nbe-2");
    let seen = |world: &World, n: u16| world.etcd_objects(host(n), 0).unwrap().get(&lease).cloned();
    world.inject(&Fault::Unplug { host: host(1) }).unwrap();
    world.advance(60_100);
    let (then, revision) = (seen(&world, 1), world.etcd_status(host(1)).unwrap().revision);
    world.advance(900_000);
    let status = world.etcd_status(host(1)).unwrap();
    assert_eq!(status.revision, revision, "it stands still");
    assert_eq!(status.compacted, None, "nobody compacts it");
    assert_eq!(seen(&world, 1), then);
    assert_ne!(seen(&world, 2), then);
    assert_eq!(message(&world.may_read(host(1), true).unwrap_err()), (0, "no reply"));
    assert!(world.may_read(host(1), false).is_ok());
    assert_eq!(message(&world.etcd_compact(host(1), 1).unwrap_err()), (0, "no reply"));
    world.inject(&Fault::Revive { host: host(1) }).unwrap();
    world.advance(910_000);
    assert_eq!(seen(&world, 1), seen(&world, 2));
}

#[test]
fn a_learner_speaks_of_nothing_but_itself() {
    for (line, code) in [("3.5", 14), ("3.6", 9)] {
        let mut world = world_of(&format!("[cluster]\netcd = \"{line}\"\n"));
        world.advance(20_000);
        world.inject(&Fault::Join { zone: None }).unwrap();
        let is_learner = |world: &World| world.etcd_status(host(4)).is_ok_and(|status| status.is_learner);
        until(&mut world, 60, is_learner);
        let refused = (code, "etcdserver: rpc not supported for learner");
        assert_eq!(message(&world.etcd_alarms(host(4)).unwrap_err()), refused);
        assert_eq!(message(&world.etcd_defragment(host(4)).unwrap_err()), refused);
        assert_eq!(message(&world.member_list(host(4), false).unwrap_err()), refused);
    }
}
