//! The simulated cluster answers as the recorded real servers do.

#[path = "../parity/record.rs"]
mod record;

use quorate::base::Clock;
use quorate::sim::scenario::Scenario;
use quorate::sim::wire::Cluster;
use quorate::sim::world::fault::Fault;
use quorate::sim::world::host::{Component, HostId};
use record::{Servers, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_cluster_answers_as_real_servers_do() {
    let scenario = Scenario::named("healthy").unwrap().unwrap();
    let clock = Clock::scalable();
    let cluster = Cluster::start(&scenario, clock).await.unwrap();
    let mut servers = Servers::of_host(cluster.root(), &cluster.etcd_endpoint()).await;
    let mut simulated = record::record(&mut servers, Stage::Healthy).await;
    let freeze = |host| Fault::Freeze {
        host: HostId(host),
        component: Some(Component::K0s),
    };
    let faults = (1..=3).map(freeze).chain([Fault::Join { zone: None }]);
    faults.for_each(|fault| cluster.handle().inject(&fault).unwrap());
    simulated.extend(record::record(&mut servers, Stage::Learner).await);
    record::assert_same(&record::recorded(), &simulated);
}
