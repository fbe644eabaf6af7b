// The lab: a real Kubernetes control plane on namespaced hosts, with faults on demand.
// This file reads the command line and calls one function per subcommand.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const usage = `usage: lab [--state DIR] COMMAND

  up [options]            start a lab and wait until it is healthy (lab up --help)
  down                    end everything it started and remove its state directory
  exec N -- ARGV...       run a command on host N
  kubectl ARGS...         kubectl on the first live host
  kill N                  SIGKILL everything on host N; its ports then refuse
  freeze N [COMPONENT]    SIGSTOP everything, or one component
  stop N COMPONENT        SIGKILL one component and keep it down
  unplug N                take host N's link down
  blackhole N             the link stays up, packets go nowhere
  delay N MS              a round trip to host N takes MS milliseconds longer (0: no longer)
  revive N                undo every fault on host N
  remove N                remove host N's etcd member through a survivor
  join N                  start host N afresh as a joining controller
  label N ZONE            set node N's topology.kubernetes.io/zone
  expire N [CERT]         reissue a certificate of host N as expired (default etcd/peer)
  members | status        etcd's member list; the hosts and their faults
  pids N                  JSON: component -> pid as seen on host N

Components: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet (also: kwok), k0s.
The state directory comes from --state or QUORATE_LAB_STATE.
`

// commands maps a subcommand to what carries it out; the exit code is its result.
var commands = map[string]func(state string, args []string) (int, error){
	"up":        up,
	"down":      down,
	"exec":      execCommand,
	"kubectl":   kubectlCommand,
	"kill":      faultCommand,
	"freeze":    faultCommand,
	"stop":      faultCommand,
	"unplug":    faultCommand,
	"blackhole": faultCommand,
	"delay":     faultCommand,
	"revive":    faultCommand,
	"expire":    faultCommand,
	"join":      joinCommand,
	"remove":    removeCommand,
	"label":     labelCommand,
	"members":   membersCommand,
	"status":    statusCommand,
	"pids":      pidsCommand,
	// Not for people: what the lab starts itself as.
	"daemon":  daemonMain,
	"init":    initMain,
	"wait":    waitMain,
	"host":    hostTool,
	"entered": enteredMain,
	"run":     runMain,
}

func main() {
	if dir := os.Getenv(k0sEnv); dir != "" {
		finish(k0sMain(dir))
	}
	args := os.Args[1:]
	state := os.Getenv("QUORATE_LAB_STATE")
	for len(args) > 0 && strings.HasPrefix(args[0], "--state") {
		if value, ok := strings.CutPrefix(args[0], "--state="); ok {
			state, args = value, args[1:]
		} else if len(args) > 1 {
			state, args = args[1], args[2:]
		} else {
			break
		}
	}
	if len(args) == 0 || args[0] == "help" || args[0] == "--help" {
		fmt.Print(usage)
		os.Exit(0)
	}
	run, known := commands[args[0]]
	if !known {
		fmt.Fprint(os.Stderr, usage)
		finish(2, fmt.Errorf("no such command: %s", args[0]))
	}
	if state != "" {
		if absolute, err := filepath.Abs(state); err == nil {
			state = absolute
		}
	}
	// The commands see their own name too: the faults share one function.
	finish(run(state, args))
}

// finish ends the program with a code, and a message if there is an error.
func finish(code int, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab: "+err.Error())
		if code == 0 {
			code = 1
		}
	}
	os.Exit(code)
}
