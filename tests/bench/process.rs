//! What a process costs, from /proc.

use std::fs;
use std::time::Duration;

/// Clock ticks a second in /proc on every Linux that matters (`USER_HZ`).
const TICKS: u64 = 100;

/// The one process that runs this executable.
pub fn running(executable: &str) -> u32 {
    let executable = fs::canonicalize(executable).unwrap();
    let processes = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let is_it = |pid: &u32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|path| path == executable);
    let found: Vec<u32> = processes.filter(is_it).collect();
    assert_eq!(found.len(), 1, "processes of {}: {found:?}", executable.display());
    found[0]
}

/// User and system time so far.
pub fn cpu(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 1000 / TICKS)
}

/// Resident memory.
pub fn resident_mib(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}
