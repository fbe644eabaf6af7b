// PID 1 of a host: sets the host up, starts and stops the k0s stand-in like systemd would, reaps, and signals.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// initRequest is what the daemon and the systemctl stand-in ask of a host's PID 1.
type initRequest struct {
	Op        string // start, stop, restart, signal, pids
	Signal    syscall.Signal
	Component string // "": everything
}

type initResponse struct {
	Pids  map[string]int
	Error string
}

// unit is the state of k0scontroller.service for the systemctl stand-in.
type unit struct {
	Active   bool
	Pid      int
	Restarts int
	Since    time.Time
	Result   string
}

type hostInit struct {
	sync.Mutex
	host   Host
	unit   unit
	wanted bool // systemd would restart it
	exited chan struct{}
}

func initMain(_ string, args []string) (int, error) {
	h := &hostInit{exited: make(chan struct{})}
	if err := readJSON(filepath.Join(args[1], "host.json"), &h.host); err != nil {
		return 1, err
	}
	signal.Ignore(syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
	if err := mountHost(h.host); err != nil {
		return 1, err
	}
	if err := syscall.Sethostname([]byte(h.host.name())); err != nil {
		return 1, err
	}
	if err := configureNetwork(h.host.ip()); err != nil {
		return 1, err
	}
	listener, err := net.Listen("unix", filepath.Join(h.host.Dir, "init.sock"))
	if err != nil {
		return 1, err
	}
	h.save()
	go h.reap()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return 1, err
		}
		go h.answer(conn)
	}
}

func (h *hostInit) answer(conn net.Conn) {
	defer conn.Close()
	var req initRequest
	if json.NewDecoder(conn).Decode(&req) != nil {
		return
	}
	var resp initResponse
	if err := h.handle(req, &resp); err != nil {
		resp.Error = err.Error()
	}
	json.NewEncoder(conn).Encode(resp)
}

func (h *hostInit) handle(req initRequest, resp *initResponse) error {
	switch req.Op {
	case "start":
		return h.start()
	case "stop":
		return h.stop()
	case "restart":
		if err := h.stop(); err != nil {
			return err
		}
		return h.start()
	case "signal":
		return h.signal(req.Signal, req.Component)
	case "pids":
		resp.Pids = components()
		return nil
	}
	return fmt.Errorf("no such operation: %s", req.Op)
}

func (h *hostInit) start() error {
	h.Lock()
	defer h.Unlock()
	h.wanted = true
	if h.unit.Active {
		return nil
	}
	return h.spawn()
}

// spawn starts the stand-in with k0s's own command line. The lock is held.
func (h *hostInit) spawn() error {
	console, err := os.OpenFile(filepath.Join(h.host.Dir, "console.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer console.Close()
	program := filepath.Join(h.host.Dir, "k0s") // a link, so that the kernel shows the name k0s
	os.Remove(program)
	if err := os.Symlink(h.host.Self, program); err != nil {
		return err
	}
	h.unit.Pid, err = syscall.ForkExec(program, k0sArgs, &syscall.ProcAttr{
		Dir:   "/",
		Env:   []string{"PATH=" + os.Getenv("PATH"), "HOME=/root", k0sEnv + "=" + h.host.Dir},
		Files: []uintptr{0, console.Fd(), console.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	h.unit.Active, h.unit.Since, h.unit.Result = err == nil, time.Now(), "success"
	h.save()
	return err
}

// stop ends the stand-in in order: it stops its children and releases its leases.
func (h *hostInit) stop() error {
	h.Lock()
	h.wanted = false
	active, pid, exited := h.unit.Active, h.unit.Pid, h.exited
	h.Unlock()
	if !active {
		return nil
	}
	syscall.Kill(pid, syscall.SIGTERM)
	select {
	case <-exited:
	case <-time.After(20 * time.Second):
		syscall.Kill(pid, syscall.SIGKILL)
		<-exited
	}
	return nil
}

// reap collects every ended process of the host and restarts k0s as its unit file would (RestartSec=10).
func (h *hostInit) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if err != nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		h.Lock()
		if h.unit.Active && pid == h.unit.Pid {
			h.ended(status)
		}
		h.Unlock()
	}
}

func (h *hostInit) ended(status syscall.WaitStatus) {
	h.unit.Active, h.unit.Pid, h.unit.Since = false, 0, time.Now()
	if status.Signaled() {
		h.unit.Result = "signal"
	} else if status.ExitStatus() != 0 {
		h.unit.Result = "exit-code"
	}
	h.save()
	close(h.exited)
	h.exited = make(chan struct{})
	if h.wanted {
		time.AfterFunc(10*time.Second, func() {
			h.Lock()
			defer h.Unlock()
			if h.wanted && !h.unit.Active {
				h.unit.Restarts++
				if err := h.spawn(); err != nil {
					log.Print(err)
				}
			}
		})
	}
}

// signal reaches everything on the host but PID 1, or one component.
func (h *hostInit) signal(sig syscall.Signal, component string) error {
	if component == "" {
		if sig == syscall.SIGKILL {
			h.Lock()
			h.wanted = false
			h.Unlock()
		}
		syscall.Kill(-1, sig) // ESRCH when there is nobody
		if sig == syscall.SIGKILL {
			awaitEnd(-1)
		}
		return nil
	}
	pid := components()[component]
	if pid == 0 {
		return nil
	}
	err := syscall.Kill(pid, sig)
	if sig == syscall.SIGKILL {
		awaitEnd(pid)
	}
	return err
}

// awaitEnd waits until killed processes are gone, so that their ports refuse when the command returns.
func awaitEnd(pid int) {
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if syscall.Kill(pid, 0) != nil {
			return
		}
	}
}

func (h *hostInit) save() {
	if err := writeJSON(filepath.Join(h.host.Dir, "unit.json"), h.unit); err != nil {
		log.Print(err)
	}
}

// components finds k0s and its children by the program their command line names.
func components() map[string]int {
	found := map[string]int{}
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == 1 {
			continue
		}
		line, _ := os.ReadFile("/proc/" + entry.Name() + "/cmdline")
		program, rest, _ := strings.Cut(string(line), "\x00")
		name := filepath.Base(program)
		if strings.HasPrefix(program, k0sDir+"/bin/") || (program == k0sArgs[0] && strings.HasPrefix(rest, "controller\x00")) {
			found[name] = pid
		}
	}
	return found
}

// askInit sends one request to a host's PID 1.
func askInit(dir string, req initRequest) (initResponse, error) {
	var resp initResponse
	conn, err := net.Dial("unix", filepath.Join(dir, "init.sock"))
	if err != nil {
		return resp, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(40 * time.Second))
	if err := json.NewEncoder(conn).Encode(req); err != nil {
		return resp, err
	}
	if err := json.NewDecoder(conn).Decode(&resp); err != nil {
		return resp, err
	}
	if resp.Error != "" {
		err = fmt.Errorf("%s", resp.Error)
	}
	return resp, err
}
