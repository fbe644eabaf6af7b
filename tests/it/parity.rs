//! The simulated cluster answers as the recorded real servers do.

#[path = "../parity/record.rs"]
mod record;

use quorate::base::Clock;
use quorate::sim::scenario::Scenario;
use quorate::sim::wire::Cluster;

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_cluster_answers_as_real_servers_do() {
    let scenario = Scenario::named("healthy").unwrap().unwrap();
    let clock = Clock::scalable();
    let cluster = Cluster::start(&scenario, clock).await.unwrap();
    let mut servers = record::Servers::of_host(cluster.root(), &cluster.etcd_endpoint()).await;
    let simulated = record::record(&mut servers).await;
    record::assert_same(&record::recorded(), &simulated);
}
