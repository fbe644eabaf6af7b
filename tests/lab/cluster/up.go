// `lab up`: starts the daemon in namespaces of its own and waits until the cluster is healthy.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const pidfdOpen = 434 // the same number on every architecture

// daemonRecord names the daemon from outside its PID namespace.
type daemonRecord struct {
	Pid   int
	Start string // start time from /proc, against a reused pid
}

func up(state string, args []string) (int, error) {
	config, parent, deadline, err := parseUp(state, args[1:])
	if err != nil {
		return 2, err
	}
	if err := requirePrograms(config); err != nil {
		os.Remove(config.State)
		return 1, err
	}
	began := time.Now()
	if err := startDaemon(&config, parent); err != nil {
		removeState(config.State)
		return 3, err
	}
	fmt.Printf("lab: state directory %s\n", config.State)
	if err := waitForDaemon(config); err != nil {
		log, _ := os.ReadFile(filepath.Join(config.State, "daemon.log"))
		down(config.State, nil)
		if strings.Contains(string(log), "operation not permitted") {
			return 3, fmt.Errorf("this place does not allow the mounts or links of a host:\n%s", log)
		}
		return 1, fmt.Errorf("%w\n%s", err, log)
	}
	// A child looks from inside host 1: whoever enters a host cannot come back out.
	look := exec.Command(config.Self, "--state", config.State, "exec", "1", "--", config.Self, "wait", config.State, deadline.String())
	look.Stdout, look.Stderr = os.Stdout, os.Stderr
	if err := look.Run(); err != nil {
		if os.Getenv("QUORATE_LAB_KEEP") == "" {
			down(config.State, nil)
		}
		return 1, errors.New("the cluster did not become healthy")
	}
	printHelp(config, time.Since(began))
	return 0, nil
}

func parseUp(state string, args []string) (Config, int, time.Duration, error) {
	var c Config
	flags := flag.NewFlagSet("lab up", flag.ContinueOnError)
	flags.IntVar(&c.Controllers, "controllers", 3, "controllers started at once")
	flags.IntVar(&c.Hosts, "hosts", 4, "hosts there are; the rest may join later")
	flags.StringVar(&c.Etcd, "etcd", "3.6", "etcd line: 3.6 or 3.5")
	flags.StringVar(&c.Grace, "grace", "20s", "node-monitor-grace-period")
	flags.IntVar(&c.Toleration, "toleration", 30, "default not-ready and unreachable toleration, seconds")
	flags.StringVar(&c.MonitorPeriod, "monitor-period", "5s", "node-monitor-period")
	flags.Int64Var(&c.Quota, "quota", 0, "etcd backend quota in bytes (0: etcd's default)")
	flags.BoolVar(&c.EtcdRelay, "etcd-relay", false, "put a relay before etcd's client port that can lose the reply of a removal")
	flags.BoolVar(&c.Zones, "zones", false, "label the first three nodes zone-a, zone-b, zone-c")
	flags.Func("flags", "GRACE,SECONDS: what the next host runs with, in turn, where hosts are not alike", func(text string) error {
		var own HostFlags
		grace, seconds, _ := strings.Cut(text, ",")
		own.Grace = grace
		var err error
		own.Toleration, err = strconv.Atoi(seconds)
		c.Flags = append(c.Flags, own)
		return err
	})
	noWorkloads := flags.Bool("no-workloads", false, "leave NetBox Enterprise's workloads out")
	flags.IntVar(&c.MaxMinutes, "max-minutes", 240, "the lab ends itself after this time")
	parent := flags.Int("parent-pid", 0, "end the lab when this process is gone")
	deadline := flags.Duration("deadline", 3*time.Minute, "how long to wait for a healthy cluster")
	flags.StringVar(&state, "state", state, "state directory")
	bin := flags.String("bin", os.Getenv("QUORATE_LAB_BIN"), "directory of the built programs (default: this program's)")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	} else if err != nil {
		return c, 0, 0, err
	}
	c.Workloads = !*noWorkloads
	if c.Controllers < 1 || c.Hosts < c.Controllers || c.Hosts > 9 {
		return c, 0, 0, errors.New("wanted: 1 <= controllers <= hosts <= 9")
	}
	self, err := os.Executable()
	if err != nil {
		return c, 0, 0, err
	}
	c.Self, c.Bin = self, *bin
	if c.Bin == "" {
		c.Bin = filepath.Dir(self)
	}
	c.State, err = prepareState(state)
	return c, *parent, *deadline, err
}

// prepareState makes the state directory and refuses places where it cannot work.
func prepareState(state string) (string, error) {
	if state == "" {
		return os.MkdirTemp("/tmp", "quorate-lab-")
	}
	state, err := filepath.Abs(state)
	if err != nil {
		return "", err
	}
	for _, top := range []string{"/var/", "/run/", "/etc/", "/usr/"} {
		if strings.HasPrefix(state+"/", top) {
			return "", fmt.Errorf("the state directory cannot lie in %s: the hosts have their own", top)
		}
	}
	if len(state) > 80 {
		return "", fmt.Errorf("the path of the state directory is too long for its sockets (80 bytes): %s", state)
	}
	if entries, err := os.ReadDir(state); err == nil && len(entries) > 0 {
		return "", fmt.Errorf("the state directory is not empty: %s", state)
	}
	return state, os.MkdirAll(state, 0o755)
}

func requirePrograms(c Config) error {
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl",
		"etcdctl", "kwok", "etcd-" + c.Etcd} {
		if _, err := os.Stat(filepath.Join(c.Bin, name)); err != nil {
			return fmt.Errorf("%s is not built in %s; run tests/lab/build", name, c.Bin)
		}
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return errors.New("`ip` is missing: apt-get install iproute2")
	}
	return nil
}

// startDaemon starts the lab in its own namespaces: as root where that is allowed, else in a user namespace.
func startDaemon(c *Config, parent int) error {
	watch, err := openParent(parent)
	if err != nil {
		return err
	}
	var first error
	for _, userns := range []bool{false, true} {
		if !userns && os.Getuid() != 0 {
			continue
		}
		c.Userns = userns
		if err = spawnDaemon(*c, watch); err == nil {
			return nil
		}
		first = errors.Join(first, err)
	}
	return fmt.Errorf("no namespaces here: the lab needs root (CAP_SYS_ADMIN and CAP_NET_ADMIN) or unprivileged user namespaces: %w", first)
}

func openParent(pid int) (*os.File, error) {
	if pid == 0 {
		return nil, nil
	}
	fd, _, errno := syscall.Syscall(pidfdOpen, uintptr(pid), 0, 0)
	if errno != 0 {
		return nil, fmt.Errorf("process %d (--parent-pid): %w", pid, errno)
	}
	return os.NewFile(fd, "parent"), nil
}

func spawnDaemon(c Config, watch *os.File) error {
	if err := writeJSON(filepath.Join(c.State, "config.json"), c); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(c.State, "daemon.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(c.Self, "daemon", c.State)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	if watch != nil {
		cmd.ExtraFiles = []*os.File{watch}
		cmd.Args = append(cmd.Args, "watch")
	}
	attr := &syscall.SysProcAttr{Setsid: true,
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC}
	if c.Userns {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	cmd.SysProcAttr = attr
	if err := cmd.Start(); err != nil {
		return err
	}
	record := daemonRecord{Pid: cmd.Process.Pid, Start: startTime(cmd.Process.Pid)}
	go cmd.Wait() // so that it does not stay behind as a zombie of ours
	return writeJSON(filepath.Join(c.State, "daemon.json"), record)
}

// startTime is a process's start in clock ticks after boot, "" when it is gone or a zombie.
func startTime(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	text := string(data)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fields[19]
}

func waitForDaemon(c Config) error {
	var record daemonRecord
	readJSON(filepath.Join(c.State, "daemon.json"), &record)
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if _, err := ask(c.State, request{Op: "status"}); err == nil {
			return nil
		}
		if startTime(record.Pid) != record.Start {
			return errors.New("the lab's daemon ended early; its log:")
		}
	}
	return errors.New("the lab's daemon does not answer; its log:")
}

func printHelp(c Config, took time.Duration) {
	fmt.Printf(`lab: %d controllers on %d hosts ready after %.1f s (etcd %s, grace %s, toleration %d s)

  export QUORATE_LAB_STATE=%s
  %s exec 1 -- kubectl get nodes      a command on host 1 (10.77.0.11); hosts are 1 to %d
  %s kill|freeze|unplug|blackhole N   break host N; revive N undoes it
  %s stop N COMPONENT                 break one component; remove N, join N change the membership
  %s down                             end it and remove everything

  audit logs of the API servers: %s/audit/nbe-N.log
`, c.Controllers, c.Hosts, took.Seconds(), c.Etcd, c.Grace, c.Toleration, c.State,
		c.Self, c.Hosts, c.Self, c.Self, c.Self, c.State)
}

// down ends the daemon, with which the kernel ends everything in its PID namespace, and removes the state.
func down(state string, _ []string) (int, error) {
	if state == "" {
		return 2, errors.New("which lab? give --state or QUORATE_LAB_STATE")
	}
	if _, err := os.Stat(filepath.Join(state, "config.json")); err != nil {
		return 0, nil // nothing there: already down
	}
	var record daemonRecord
	if readJSON(filepath.Join(state, "daemon.json"), &record) == nil && record.Start != "" {
		if err := endProcess(record); err != nil {
			return 1, err
		}
	}
	return 0, removeState(state)
}

func endProcess(record daemonRecord) error {
	for end := time.Now().Add(20 * time.Second); startTime(record.Pid) == record.Start; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("process %d does not end", record.Pid)
		}
		syscall.Kill(record.Pid, syscall.SIGKILL)
	}
	return nil
}
