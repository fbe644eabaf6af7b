//! Real MinIO on four hosts: it says itself whether it can spare the server that answers, and what quorate makes of it.

use std::fs;

use serde_json::Value;

use crate::lab::Lab;

const SECRET: &str = "c0rrect-horse";
const ID: &str = "external.s3-availability";

#[test]
fn minio_says_whether_it_can_spare_a_server() {
    let lab = Lab::up(&["--no-workloads"]);
    let minio = lab.built("minio");
    for n in 1..=4 {
        serve(&lab, n, minio.to_str().unwrap());
    }
    let settings = |n: u8| format!("external.s3_endpoint = 'http://10.77.0.10{n}:9000'");
    let spare = until(&lab, &settings(1), "holds");
    let told = spare["checks"][0]["evidence"][0].as_str().unwrap();
    assert_eq!(
        told,
        "10.77.0.101:9000: MinIO, which goes on without the server that answered"
    );
    end(&lab, 4);
    let tight = until(&lab, &settings(1), "broken");
    let title = tight["findings"][0]["title"].as_str().unwrap();
    assert_eq!(title, "object storage cannot spare the server that answered");
    // The same server by the address of its node.
    let inside = until(&lab, "external.s3_endpoint = 'http://10.77.0.11:9000'", "broken");
    let title = inside["findings"][0]["title"].as_str().unwrap();
    assert_eq!(title, "object storage lies on nbe-1");
    end(&lab, 1);
    until(&lab, &settings(1), "cannot-tell");
}

/// One server with one drive, until it is ended. It has an address of its own: that of the node would tell that it is not
/// outside. The bucket is a directory on each drive.
fn serve(lab: &Lab, n: u8, minio: &str) {
    let drive = |n: u8| lab.state().join(format!("minio-{n}"));
    fs::create_dir_all(drive(n).join("netbox")).unwrap();
    let all = (1..=4).map(|n| format!("http://10.77.0.10{n}:9000{}", drive(n).display()));
    let all: Vec<String> = all.collect();
    let script = format!(
        "ip address add 10.77.0.10{n}/24 dev eth0
         export MINIO_ROOT_USER=quorate MINIO_ROOT_PASSWORD={SECRET} MINIO_BROWSER=off MINIO_CI_CD=1
         setsid {minio} server --address :9000 {} >{} 2>&1 </dev/null & echo $! >{}",
        all.join(" "),
        drive(n).with_extension("log").display(),
        drive(n).with_extension("pid").display(),
    );
    let output = lab.on_host(n, &["sh", "-ec", &script]);
    assert!(output.status.success(), "{output:?}");
}

fn end(lab: &Lab, n: u8) {
    let pid = fs::read_to_string(lab.state().join(format!("minio-{n}.pid"))).unwrap();
    let output = lab.on_host(n, &["kill", "-9", pid.trim()]);
    assert!(output.status.success(), "{output:?}");
}

/// The document, once the check's result is as wanted.
fn until(lab: &Lab, endpoint: &str, result: &str) -> Value {
    let file = lab.state().join("settings.toml");
    let key = lab.state().join("key");
    fs::write(&key, SECRET).unwrap();
    let key = key.display();
    let settings = format!(
        "{endpoint}\nexternal.s3_bucket = 'netbox'\nexternal.s3_access_key = 'quorate'\nexternal.s3_secret_file = '{key}'\n"
    );
    fs::write(&file, settings).unwrap();
    let arguments = ["check", "--only", ID, "--config", file.to_str().unwrap()];
    lab.json_until(1, &arguments, |document| document["checks"][0]["result"] == result)
}
