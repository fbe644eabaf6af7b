// The lab's network: one bridge in the daemon's namespace, one cable (veth pair) per host.
package main

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

const bridge = "br0"

func port(n int) string { return fmt.Sprintf("port%d", n) }

func makeBridge() error {
	for _, argv := range [][]string{
		{"ip", "link", "set", "lo", "up"},
		{"ip", "link", "add", bridge, "type", "bridge"},
		{"ip", "link", "set", bridge, "up"},
	} {
		if err := runTool(argv...); err != nil {
			return err
		}
	}
	return nil
}

// plug lays a cable from the bridge into the namespace of a process.
func plug(n, pid int) error {
	if err := runTool("ip", "link", "add", port(n), "type", "veth", "peer", "name", "eth0", "netns", strconv.Itoa(pid)); err != nil {
		return err
	}
	return runTool("ip", "link", "set", port(n), "master", bridge, "up")
}

// cable sets whether the host's link is up and whether its port is on the bridge.
func cable(n int, up, onBridge bool) error {
	state, master := "up", []string{"master", bridge}
	if !up {
		state = "down"
	}
	if !onBridge {
		master = []string{"nomaster"}
	}
	if err := runTool(append([]string{"ip", "link", "set", port(n)}, master...)...); err != nil {
		return err
	}
	return runTool("ip", "link", "set", port(n), state)
}

// slow makes a round trip to the host take `ms` longer: with netem where the kernel has it, else with a relay.
func slow(n int, ms float64) error {
	stopRelay(n)
	runTool("tc", "qdisc", "del", "dev", port(n), "root")
	if ms == 0 {
		return nil
	}
	if runTool("tc", "qdisc", "replace", "dev", port(n), "root", "netem", "delay", fmt.Sprintf("%gms", ms)) == nil {
		return nil
	}
	return startRelay(n, time.Duration(ms*float64(time.Millisecond)))
}

// configureNetwork runs inside the host: waits for its cable and sets its address.
func configureNetwork(ip string) error {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		if _, err := os.Stat("/sys/class/net/eth0"); err == nil {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("no eth0 after 10 s")
		}
	}
	os.WriteFile("/proc/sys/net/ipv6/conf/all/disable_ipv6", []byte("1"), 0o644)
	os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0o644)
	for _, argv := range [][]string{
		{"ip", "link", "set", "lo", "up"},
		{"ip", "addr", "add", ip + "/24", "dev", "eth0"},
		{"ip", "link", "set", "eth0", "up"},
	} {
		if err := runTool(argv...); err != nil {
			return err
		}
	}
	return plainFrames("eth0")
}

// pollReadable blocks until the file descriptor is readable; a pidfd is when its process has ended.
func pollReadable(fd int) {
	entry := struct {
		fd              int32
		events, revents int16
	}{int32(fd), 1, 0}
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&entry)), 1, 0, 0, 0, 0)
		if errno != syscall.EINTR {
			return
		}
	}
}
