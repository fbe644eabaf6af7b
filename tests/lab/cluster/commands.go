// The small subcommands of the command line.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// hostArgument reads the host number that follows a subcommand.
func hostArgument(args []string) (int, []string, error) {
	if len(args) < 2 {
		return 0, nil, fmt.Errorf("wanted: lab %s N", args[0])
	}
	n, err := parseHost(args[1])
	return n, args[2:], err
}

func faultCommand(state string, args []string) (int, error) {
	n, rest, err := hostArgument(args)
	if err != nil {
		return 2, err
	}
	resp, err := ask(state, request{Op: args[0], Host: n, Args: rest})
	return resp.Code, err
}

// live lists the hosts that can be expected to answer, the lowest number first.
func live(state string, except int) ([]*machine, error) {
	resp, err := ask(state, request{Op: "status"})
	if err != nil {
		return nil, err
	}
	var found []*machine
	for i, m := range resp.Machines {
		m.N = i + 1
		if m.Running && len(m.Faults) == 0 && m.N != except {
			found = append(found, m)
		}
	}
	if len(found) == 0 {
		return nil, errors.New("no live host")
	}
	return found, nil
}

func onLiveHost(state string, argv ...string) (int, error) {
	hosts, err := live(state, 0)
	if err != nil {
		return 1, err
	}
	return runOnHost(state, hosts[0].N, argv)
}

func kubectlCommand(state string, args []string) (int, error) {
	return onLiveHost(state, append([]string{"kubectl"}, args[1:]...)...)
}

func membersCommand(state string, _ []string) (int, error) {
	return onLiveHost(state, "etcdctl", "member", "list", "-w", "table")
}

func labelCommand(state string, args []string) (int, error) {
	n, rest, err := hostArgument(args)
	if err != nil || len(rest) != 1 {
		return 2, errors.Join(err, errors.New("wanted: lab label N ZONE"))
	}
	return onLiveHost(state, "kubectl", "label", "--overwrite", "node", hostName(n), "topology.kubernetes.io/zone="+rest[0])
}

// removeCommand removes host N's member through a survivor, as `k0s etcd leave` there does.
func removeCommand(state string, args []string) (int, error) {
	n, _, err := hostArgument(args)
	if err != nil {
		return 2, err
	}
	hosts, err := live(state, n)
	if err != nil {
		return 1, err
	}
	return runOnHost(state, hosts[0].N, []string{"k0s", "etcd", "leave", "--peer-address", hostIP(n)})
}

// joinCommand starts host N afresh and waits until it is a voter.
func joinCommand(state string, args []string) (int, error) {
	n, rest, err := hostArgument(args)
	if err != nil {
		return 2, err
	}
	if code, err := faultCommand(state, args[:2]); err != nil {
		return code, err
	}
	if slices.Contains(rest, "--no-wait") {
		return 0, nil
	}
	hosts, err := live(state, n)
	if err != nil {
		return 1, err
	}
	var config Config
	if err := readJSON(filepath.Join(state, "config.json"), &config); err != nil {
		return 1, err
	}
	return runOnHost(state, hosts[0].N, []string{config.Self, "host", hosts[0].dirIn(state), "wait-voter", hostName(n)})
}

func (m *machine) dirIn(state string) string {
	return filepath.Join(state, "hosts", fmt.Sprint(m.N))
}

func statusCommand(state string, _ []string) (int, error) {
	resp, err := ask(state, request{Op: "status"})
	if err != nil {
		return 1, err
	}
	for i, m := range resp.Machines {
		what := "spare"
		if m.Member {
			what = "controller"
		}
		faults := strings.Join(m.Faults, ", ")
		if faults == "" {
			faults = "-"
		}
		fmt.Printf("%d  %s  %s  %-10s  running=%-5t  %s\n", i+1, m.Name, m.Address, what, m.Running, faults)
	}
	return 0, nil
}

func pidsCommand(state string, args []string) (int, error) {
	n, _, err := hostArgument(args)
	if err != nil {
		return 2, err
	}
	resp, err := ask(state, request{Op: "pids", Host: n})
	if err != nil {
		return resp.Code, err
	}
	if resp.Pids == nil {
		resp.Pids = map[string]int{}
	}
	return 0, json.NewEncoder(os.Stdout).Encode(resp.Pids)
}
