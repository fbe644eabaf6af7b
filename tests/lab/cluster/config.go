// What a lab is made of: its options, its hosts, and where their files lie.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

const (
	k0sVersion = "v1.37.2+k0s.0"
	dataDir    = "/var/lib/embedded-cluster"
	k0sDir     = dataDir + "/k0s"
	pkiDir     = k0sDir + "/pki"
	serviceIP  = "10.244.128.1"
	// k0sEnv names the host directory for the k0s stand-in, whose argv must look like k0s's own.
	k0sEnv = "QUORATE_LAB_K0S_HOST"
)

// Config holds the options of `lab up`.
type Config struct {
	State         string
	Bin           string // the built programs
	Self          string // this program
	Controllers   int
	Hosts         int
	Etcd          string
	Grace         string
	Toleration    int
	Flags         []HostFlags // by host, where they are not alike
	MonitorPeriod string
	Quota         int64
	EtcdRelay     bool // a relay stands before etcd's client port
	Zones         bool
	Workloads     bool
	MaxMinutes    int
	Userns        bool // the lab lives in a user namespace of its own
}

// HostFlags are what the control plane of one host runs with.
type HostFlags struct {
	Grace      string
	Toleration int
}

// Host is one machine of the lab as its own programs need to know it.
type Host struct {
	Config
	N          int
	Dir        string
	Join       bool   // it joins an existing cluster
	Configured string // the grace period of ClusterConfig, whatever this host runs with
}

func (c Config) host(n int) Host {
	configured := c.Grace
	if n <= len(c.Flags) {
		c.Grace, c.Toleration = c.Flags[n-1].Grace, c.Flags[n-1].Toleration
	}
	return Host{Config: c, N: n, Dir: filepath.Join(c.State, "hosts", strconv.Itoa(n)), Configured: configured}
}

func (h Host) name() string { return hostName(h.N) }
func (h Host) ip() string   { return hostIP(h.N) }

// fs is where a directory of the host lies as the machine sees it.
func (h Host) fs(path string) string { return filepath.Join(h.Dir, "fs", path) }

// zone is the zone the host's node is born in, if zones were asked for.
func (h Host) zone() string {
	if !h.Zones || h.Join || h.N > 3 {
		return ""
	}
	return "zone-" + string(rune('a'+h.N-1))
}

func hostName(n int) string { return fmt.Sprintf("nbe-%d", n) }
func hostIP(n int) string   { return fmt.Sprintf("10.77.0.%d", 10+n) }

// parseHost reads a host number: 1, h1 and nbe-1 all mean the first.
func parseHost(text string) (int, error) {
	digits := text
	for len(digits) > 0 && (digits[0] < '0' || digits[0] > '9') {
		digits = digits[1:]
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("not a host number: %q", text)
	}
	return n, nil
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

// writeJSON replaces the file in one step, so that no reader sees half of it.
func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
