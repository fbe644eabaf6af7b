// The daemon's side of the commands: what each fault does to a host, and how it is undone.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// request is one question of the command line to the daemon.
type request struct {
	Op   string
	Host int
	Args []string
}

type response struct {
	Error    string
	Code     int `json:",omitempty"`
	Userns   bool
	Machines []*machine     `json:",omitempty"`
	Pids     map[string]int `json:",omitempty"`
}

// faults maps a command to what it does to a host. The daemon's lock is held.
var faults = map[string]func(d *daemon, m *machine, args []string) error{
	"kill":      kill,
	"freeze":    freeze,
	"stop":      stopComponent,
	"unplug":    unplug,
	"blackhole": blackhole,
	"delay":     delay,
	"revive":    revive,
	"expire":    expire,
	"join":      join,
}

func (d *daemon) handle(req request) response {
	d.Lock()
	defer d.Unlock()
	resp := response{Userns: d.config.Userns}
	if req.Op == "status" {
		resp.Machines = d.machines
		return resp
	}
	if req.Host < 1 || req.Host > len(d.machines) {
		resp.Error, resp.Code = fmt.Sprintf("there is no host %d (1 to %d)", req.Host, len(d.machines)), 2
		return resp
	}
	m := d.machines[req.Host-1]
	var err error
	switch fault := faults[req.Op]; {
	case fault != nil:
		err = fault(d, m, req.Args)
	case req.Op == "pids":
		var answer initResponse
		answer, err = askInit(m.Dir, initRequest{Op: "pids"})
		resp.Pids = answer.Pids
	case req.Op != "enter":
		err = fmt.Errorf("no such operation: %s", req.Op)
	}
	if err != nil {
		resp.Error, resp.Code = err.Error(), 1
		if errors.Is(err, errUnsupported) {
			resp.Code = 3
		}
	}
	return resp
}

var errUnsupported = errors.New("this kernel cannot do it")

func (m *machine) note(fault string) {
	if !slices.Contains(m.Faults, fault) {
		m.Faults = append(m.Faults, fault)
	}
}

func kill(_ *daemon, m *machine, _ []string) error {
	m.note("killed")
	m.Running = false
	_, err := askInit(m.Dir, initRequest{Op: "signal", Signal: syscall.SIGKILL})
	return err
}

func freeze(_ *daemon, m *machine, args []string) error {
	component, err := componentName(args, true)
	if err != nil {
		return err
	}
	m.note(strings.TrimSpace("frozen " + component))
	_, err = askInit(m.Dir, initRequest{Op: "signal", Signal: syscall.SIGSTOP, Component: component})
	return err
}

// stopComponent kills one component; the file in hold/ keeps the stand-in from starting it again.
func stopComponent(_ *daemon, m *machine, args []string) error {
	component, err := componentName(args, false)
	if err != nil {
		return err
	}
	if component == "k0s" {
		return errors.New("to stop k0s use `kill N`, or `exec N -- systemctl stop k0scontroller`")
	}
	m.note("stopped " + component)
	if err := os.WriteFile(filepath.Join(m.Dir, "hold", component), nil, 0o644); err != nil {
		return err
	}
	_, err = askInit(m.Dir, initRequest{Op: "signal", Signal: syscall.SIGKILL, Component: component})
	return err
}

func componentName(args []string, optional bool) (string, error) {
	if len(args) == 0 && optional {
		return "", nil
	}
	if len(args) == 1 {
		name := args[0]
		switch name {
		case "kwok":
			name = "kubelet"
		case "apiserver", "controller-manager", "scheduler":
			name = "kube-" + name
		}
		if slices.Contains(componentNames, name) || name == "k0s" {
			return name, nil
		}
	}
	return "", fmt.Errorf("wanted one component of: %s", strings.Join(componentNames, ", "))
}

func unplug(_ *daemon, m *machine, _ []string) error {
	m.note("unplugged")
	stopRelay(m.N)
	return cable(m.N, false, true)
}

func blackhole(_ *daemon, m *machine, _ []string) error {
	m.note("black hole")
	stopRelay(m.N)
	return cable(m.N, true, false)
}

func delay(_ *daemon, m *machine, args []string) error {
	if len(args) != 1 {
		return errors.New("wanted: delay N MILLISECONDS")
	}
	ms, err := strconv.ParseFloat(args[0], 64)
	if err != nil || ms < 0 {
		return fmt.Errorf("not a number of milliseconds: %s", args[0])
	}
	if err := cable(m.N, true, true); err != nil {
		return err
	}
	if err := slow(m.N, ms); err != nil {
		return fmt.Errorf("%w (neither netem nor a relay): %w", errUnsupported, err)
	}
	m.Faults = slices.DeleteFunc(m.Faults, func(fault string) bool { return strings.HasPrefix(fault, "delayed ") })
	if ms > 0 {
		m.note("delayed " + args[0] + " ms")
	}
	return nil
}

// revive undoes every fault; a host that was a controller and was killed is started again with its data.
func revive(d *daemon, m *machine, _ []string) error {
	holds, _ := filepath.Glob(filepath.Join(m.Dir, "hold", "*"))
	for _, hold := range holds {
		os.Remove(hold)
	}
	slow(m.N, 0)
	if err := cable(m.N, true, true); err != nil {
		return err
	}
	for _, fault := range m.Faults {
		if name, ok := strings.CutPrefix(fault, "expired "); ok {
			if err := d.store.reissue(m.Host, name, year); err != nil {
				return err
			}
		}
	}
	m.Faults = nil
	if _, err := askInit(m.Dir, initRequest{Op: "signal", Signal: syscall.SIGCONT}); err != nil {
		return err
	}
	if !m.Member {
		return nil
	}
	return d.startK0s(m)
}

// expire reissues a certificate as expired yesterday; who holds it open goes on until it is restarted.
func expire(d *daemon, m *machine, args []string) error {
	name := "etcd/peer"
	if len(args) > 0 {
		name = args[0]
	}
	m.note("expired " + name)
	return d.store.reissue(m.Host, name, -24*time.Hour)
}

// join wipes the host and starts it as a controller that joins the cluster the others form.
func join(d *daemon, m *machine, _ []string) error {
	if err := kill(d, m, nil); err != nil {
		return err
	}
	for _, dir := range ownFolders {
		if err := emptyDir(m.fs(dir)); err != nil {
			return err
		}
	}
	m.Join = true
	return revive(d, asMember(m), nil)
}

func asMember(m *machine) *machine {
	m.Member = true
	return m
}

func emptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
