// Delay without netem: a relay in the daemon carries the host's frames between its port and the bridge, late.
package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// relays are the relays at work, by host. The daemon's lock guards them.
var relays = map[int]*relay{}

type relay struct {
	delay   time.Duration // each way
	stopped atomic.Bool
}

type lateFrame struct {
	due  time.Time
	data []byte
}

func relayPort(n int) string { return fmt.Sprintf("relay%d", n) }

// startRelay takes the host's port off the bridge and puts the relay between them.
func startRelay(n int, roundTrip time.Duration) error {
	stopRelay(n)
	inner, outer := relayPort(n), relayPort(n)+"b"
	for _, argv := range [][]string{
		{"ip", "link", "add", inner, "type", "veth", "peer", "name", outer},
		{"ip", "link", "set", outer, "master", bridge, "up"},
		{"ip", "link", "set", inner, "up"},
		{"ip", "link", "set", port(n), "nomaster"},
	} {
		if err := runTool(argv...); err != nil {
			return err
		}
	}
	near, err := openFrames(port(n))
	if err != nil {
		return err
	}
	far, err := openFrames(inner)
	if err != nil {
		syscall.Close(near)
		return err
	}
	r := &relay{delay: roundTrip / 2}
	relays[n] = r
	go r.carry(near, far)
	go r.carry(far, near)
	return nil
}

// stopRelay removes the relay; the caller puts the port back where it belongs.
func stopRelay(n int) {
	r := relays[n]
	if r == nil {
		return
	}
	delete(relays, n)
	r.stopped.Store(true) // its loops end with their next frame or time-out
	runTool("ip", "link", "del", relayPort(n))
}

func networkOrder(v uint16) uint16 {
	var bytes [2]byte
	binary.BigEndian.PutUint16(bytes[:], v)
	return binary.NativeEndian.Uint16(bytes[:])
}

// openFrames opens a socket for every frame of an interface.
func openFrames(name string) (int, error) {
	link, err := net.InterfaceByName(name)
	if err != nil {
		return 0, err
	}
	all := networkOrder(syscall.ETH_P_ALL)
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, int(all))
	if err != nil {
		return 0, err
	}
	timeout := syscall.Timeval{Usec: 200_000}
	syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &timeout)
	syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<20)
	return fd, syscall.Bind(fd, &syscall.SockaddrLinklayer{Protocol: all, Ifindex: link.Index})
}

// carry moves frames one way, each one `delay` after it came, until the relay is stopped.
func (r *relay) carry(from, to int) {
	late := make(chan lateFrame, 1<<14)
	go func() {
		for frame := range late {
			time.Sleep(time.Until(frame.due))
			if !r.stopped.Load() {
				syscall.Write(to, frame.data)
			}
		}
	}()
	defer syscall.Close(from)
	defer close(late)
	buffer := make([]byte, 1<<16)
	for !r.stopped.Load() {
		n, source, err := syscall.Recvfrom(from, buffer, 0)
		link, ok := source.(*syscall.SockaddrLinklayer)
		if err != nil || !ok || link.Pkttype == syscall.PACKET_OUTGOING {
			continue
		}
		select {
		case late <- lateFrame{time.Now().Add(r.delay), append([]byte(nil), buffer[:n]...)}:
		default: // a full queue drops, as a real one does
		}
	}
}

// plainFrames makes an interface send whole, checksummed frames: what the relay carries must stand by itself.
func plainFrames(name string) error {
	const ethtool, setTxChecksum, setTSO, setGSO = 0x8946, 0x17, 0x1f, 0x24
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	for _, command := range []uint32{setTSO, setGSO, setTxChecksum} {
		value := struct{ command, data uint32 }{command, 0}
		request := struct {
			name [16]byte
			data unsafe.Pointer
			_    [16]byte
		}{data: unsafe.Pointer(&value)}
		copy(request.name[:15], name)
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), ethtool, uintptr(unsafe.Pointer(&request))); errno != 0 {
			return fmt.Errorf("plain frames on %s: %w", name, errno)
		}
	}
	return nil
}
