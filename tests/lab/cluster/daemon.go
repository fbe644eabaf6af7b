// The daemon of one lab: PID 1 of the lab's own network, mount and PID namespaces.
// When it ends, however it ends, the kernel ends every process of the lab and drops its mounts and links.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// machine is the daemon's view of one host.
type machine struct {
	Host    `json:"-"`
	Name    string
	Address string
	Running bool     // its k0s was started and not killed
	Member  bool     // it was started as a controller
	Faults  []string // what stands against it now
	pid     int      // of the host's init, in the daemon's PID namespace
}

type daemon struct {
	sync.Mutex
	config   Config
	store    *pkiStore
	machines []*machine
}

func daemonMain(_ string, args []string) (int, error) {
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	var d daemon
	if err := readJSON(filepath.Join(args[1], "config.json"), &d.config); err != nil {
		return 1, err
	}
	d.endWithParent(len(args) > 2)
	d.endAfter(time.Duration(d.config.MaxMinutes) * time.Minute)
	d.endOnSignal()
	if err := d.prepare(); err != nil {
		return 1, err
	}
	return 1, d.serve()
}

// endWithParent ends the lab when the process behind the inherited pidfd is gone.
func (d *daemon) endWithParent(watched bool) {
	if !watched {
		return
	}
	go func() {
		pollReadable(3)
		d.end("the process that asked for this lab is gone")
	}()
}

func (d *daemon) endAfter(limit time.Duration) {
	time.AfterFunc(limit, func() { d.end("its time is over") })
}

func (d *daemon) endOnSignal() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	signal.Ignore(syscall.SIGHUP)
	go func() { d.end((<-signals).String()) }()
}

// end kills everything and removes the state directory, as nobody may come to do it.
func (d *daemon) end(why string) {
	log.Print(why)
	for end := time.Now().Add(10 * time.Second); syscall.Kill(-1, syscall.SIGKILL) == nil && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if err := removeState(d.config.State); err != nil {
		log.Print(err)
	}
	os.Exit(0)
}

func (d *daemon) prepare() error {
	if err := mountOwnProc(); err != nil {
		return err
	}
	if err := makeBridge(); err != nil {
		return err
	}
	for _, sub := range []string{"audit", "hosts"} {
		if err := os.MkdirAll(filepath.Join(d.config.State, sub), 0o755); err != nil {
			return err
		}
	}
	store, err := newPKIStore(d.config.Hosts)
	if err != nil {
		return err
	}
	d.store = store
	if err := writeAuditPolicy(d.config.State); err != nil {
		return err
	}
	for n := 1; n <= d.config.Hosts; n++ {
		m := &machine{Host: d.config.host(n), Name: hostName(n), Address: hostIP(n)}
		d.machines = append(d.machines, m)
		if err := d.boot(m); err != nil {
			return fmt.Errorf("host %d: %w", n, err)
		}
	}
	for _, m := range d.machines[:d.config.Controllers] {
		if err := d.startK0s(m); err != nil {
			return fmt.Errorf("host %d: %w", m.N, err)
		}
	}
	return nil
}

// boot starts the host's PID 1 in its namespaces, plugs it into the bridge and waits for its answer.
func (d *daemon) boot(m *machine) error {
	if err := makeHostDirs(m.Host); err != nil {
		return err
	}
	console, err := os.Create(filepath.Join(m.Dir, "console.log"))
	if err != nil {
		return err
	}
	defer console.Close()
	cmd := exec.Command(d.config.Self, "init", m.Dir)
	cmd.Args[0] = "/sbin/init"
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
	cmd.Stdout, cmd.Stderr = console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET |
		syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC}
	if err := cmd.Start(); err != nil {
		return err
	}
	go cmd.Wait()
	m.pid = cmd.Process.Pid
	if err := plug(m.N, m.pid); err != nil {
		return err
	}
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err = askInit(m.Dir, initRequest{Op: "pids"}); err == nil {
			return nil
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(filepath.Join(m.Dir, "console.log"))
			return fmt.Errorf("its init does not answer: %w\n%s", err, text)
		}
	}
}

// startK0s lays the host's files out if it has none and starts the k0s stand-in.
func (d *daemon) startK0s(m *machine) error {
	if _, err := os.Stat(m.fs(pkiDir)); err != nil {
		if err := d.store.layOut(m.Host); err != nil {
			return err
		}
	}
	if err := writeJSON(filepath.Join(m.Dir, "host.json"), m.Host); err != nil {
		return err
	}
	if _, err := askInit(m.Dir, initRequest{Op: "start"}); err != nil {
		return err
	}
	m.Running, m.Member = true, true
	return nil
}

func (d *daemon) serve() error {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(d.config.State, "lab.sock"), Net: "unix"})
	if err != nil {
		return err
	}
	for {
		conn, err := listener.AcceptUnix()
		if err != nil {
			return err
		}
		go d.answer(conn)
	}
}

// answer serves one request of the command line: a line of JSON in, one out (with namespaces attached for exec).
func (d *daemon) answer(conn *net.UnixConn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(60 * time.Second))
	var req request
	if err := json.NewDecoder(conn).Decode(&req); err != nil {
		return
	}
	var rights []byte
	var files []*os.File
	resp := d.handle(req)
	if req.Op == "enter" && resp.Error == "" {
		var err error
		if files, rights, err = d.namespaces(req.Host); err != nil {
			resp.Error = err.Error()
		}
	}
	data, _ := json.Marshal(resp)
	conn.WriteMsgUnix(append(data, '\n'), rights, nil)
	for _, f := range files {
		f.Close()
	}
}

// namespaces opens the namespaces of a host for sending them to the command line.
func (d *daemon) namespaces(n int) ([]*os.File, []byte, error) {
	var files []*os.File
	var fds []int
	for _, kind := range namespaceKinds {
		f, err := os.Open(fmt.Sprintf("/proc/%d/ns/%s", d.machines[n-1].pid, kind))
		if err != nil {
			return files, nil, err
		}
		files, fds = append(files, f), append(fds, int(f.Fd()))
	}
	return files, syscall.UnixRights(fds...), nil
}

// runTool runs a command of the machine and puts what it said into the error.
func runTool(argv ...string) error {
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
