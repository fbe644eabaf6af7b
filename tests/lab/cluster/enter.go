// The command line's side: asking the daemon, and running a program inside a host's namespaces.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// namespaceKinds is the order in which the daemon sends a host's namespaces.
var namespaceKinds = []string{"user", "mnt", "net", "uts", "ipc", "pid"}

// A program's first thread stays with main: namespaces belong to threads, and so does the parent-death signal.
func init() { runtime.LockOSThread() }

// ask sends the daemon one request.
func ask(state string, req request) (response, error) {
	resp, files, err := askWithFiles(state, req)
	for _, fd := range files {
		syscall.Close(fd)
	}
	return resp, err
}

func askWithFiles(state string, req request) (response, []int, error) {
	var resp response
	if state == "" {
		return resp, nil, errors.New("which lab? give --state or QUORATE_LAB_STATE")
	}
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: filepath.Join(state, "lab.sock"), Net: "unix"})
	if err != nil {
		return resp, nil, fmt.Errorf("no lab is up in %s: %w", state, err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(60 * time.Second))
	if err := json.NewEncoder(conn).Encode(req); err != nil {
		return resp, nil, err
	}
	data, rights := make([]byte, 64<<10), make([]byte, 256)
	n, rn, _, _, err := conn.ReadMsgUnix(data, rights)
	if err != nil {
		return resp, nil, err
	}
	if err := json.Unmarshal(data[:n], &resp); err != nil {
		return resp, nil, err
	}
	var files []int
	if messages, err := syscall.ParseSocketControlMessage(rights[:rn]); err == nil && len(messages) > 0 {
		files, _ = syscall.ParseUnixRights(&messages[0])
	}
	if resp.Error != "" {
		err = errors.New(resp.Error)
	}
	return resp, files, err
}

// execCommand is `lab exec N -- ARGV...`.
func execCommand(state string, args []string) (int, error) {
	args = args[1:]
	if len(args) > 1 && args[1] == "--" {
		args = slices.Delete(slices.Clone(args), 1, 2)
	}
	if len(args) < 2 {
		return 2, errors.New("wanted: lab exec N -- ARGV...")
	}
	n, err := parseHost(args[0])
	if err != nil {
		return 2, err
	}
	return runOnHost(state, n, args[1:])
}

// runOnHost runs a program on a host with our stdio and returns its exit code.
func runOnHost(state string, n int, argv []string) (int, error) {
	resp, files, err := askWithFiles(state, request{Op: "enter", Host: n})
	if err != nil {
		return 125, err
	}
	if len(files) != len(namespaceKinds) {
		return 125, errors.New("the daemon sent no namespaces")
	}
	bin := filepath.Join(state, "hosts", fmt.Sprint(n), "bin")
	if resp.Userns {
		return 125, throughUserNamespace(files, bin, argv)
	}
	return runInside(files, bin, argv)
}

// throughUserNamespace lets nsenter take this process into the user namespace: a program with threads cannot.
func throughUserNamespace(files []int, bin string, argv []string) error {
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		return errors.New("`nsenter` is missing: apt-get install util-linux")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	list := make([]string, len(files))
	for i, fd := range files {
		list[i] = fmt.Sprint(fd)
		syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_SETFD, 0)
	}
	full := append([]string{"nsenter", fmt.Sprintf("--user=/proc/self/fd/%d", files[0]), "--preserve-credentials",
		self, "entered", strings.Join(list, ","), bin}, argv...)
	return syscall.Exec(nsenter, full, os.Environ())
}

// enteredMain goes on inside the user namespace.
func enteredMain(_ string, args []string) (int, error) {
	var files []int
	for _, text := range strings.Split(args[1], ",") {
		var fd int
		fmt.Sscan(text, &fd)
		files = append(files, fd)
	}
	return runInside(files, args[2], args[3:])
}

// runInside joins the other namespaces with this thread and starts the program from it.
func runInside(files []int, bin string, argv []string) (int, error) {
	dir, _ := os.Getwd()
	if err := syscall.Unshare(syscall.CLONE_FS); err != nil {
		return 125, fmt.Errorf("unshare: %w", err)
	}
	for i, fd := range files {
		if namespaceKinds[i] != "user" {
			if _, _, errno := syscall.RawSyscall(setnsNumber(), uintptr(fd), 0, 0); errno != 0 {
				return 125, fmt.Errorf("enter the host's %s namespace: %w", namespaceKinds[i], errno)
			}
		}
		syscall.Close(fd)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		dir = "/"
	}
	os.Setenv("PATH", bin+":"+os.Getenv("PATH")+":/usr/sbin:/sbin")
	cmd := exec.Command("/proc/self/exe", append([]string{"run"}, argv...)...)
	cmd.Dir = dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	if err := cmd.Start(); err != nil {
		return 126, err
	}
	go passOn(signals, cmd.Process)
	err := cmd.Wait()
	return exitCode(cmd.ProcessState), ignoreExit(err)
}

// runMain is the first program in the host's PID namespace: it asks to die with `lab exec`, then becomes the program.
// (Go's own Pdeathsig cannot be used: it compares parent ids, and the parent has none in this namespace.)
func runMain(_ string, args []string) (int, error) {
	const setParentDeathSignal = 1
	syscall.RawSyscall(syscall.SYS_PRCTL, setParentDeathSignal, uintptr(syscall.SIGKILL), 0)
	if os.Getppid() == 1 {
		return 137, nil // it died before we asked
	}
	program, err := exec.LookPath(args[1])
	if err != nil {
		return 127, err
	}
	return 126, syscall.Exec(program, args[1:], os.Environ())
}

// passOn forwards signals, but not those a terminal has already sent to the whole foreground group.
func passOn(signals chan os.Signal, process *os.Process) {
	terminal := false
	if info, err := os.Stdin.Stat(); err == nil {
		terminal = info.Mode()&os.ModeCharDevice != 0
	}
	for s := range signals {
		if terminal && (s == syscall.SIGINT || s == syscall.SIGQUIT) {
			continue
		}
		process.Signal(s)
	}
}

func exitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

func ignoreExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

// setnsNumber is the system call that Go's syscall package does not name.
func setnsNumber() uintptr {
	if runtime.GOARCH == "arm64" {
		return 268
	}
	return 308
}
