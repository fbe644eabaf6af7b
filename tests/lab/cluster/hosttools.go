// What runs on a host beside k0s: its command line, systemctl and journalctl stand-ins, and the lab's own waiting.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// hostTool is `lab host DIR TOOL ARGS...`, called by the scripts in the host's PATH.
func hostTool(_ string, args []string) (int, error) {
	if len(args) < 3 {
		return 2, errors.New("wanted: lab host DIR TOOL ARGS...")
	}
	dir, tool, rest := args[1], args[2], args[3:]
	switch tool {
	case "k0s":
		return k0sCommand(dir, rest)
	case "systemctl":
		return systemctl(dir, rest)
	case "journalctl":
		return journalctl(rest)
	case "wait-voter":
		return waitVoter(rest[0])
	}
	return 2, fmt.Errorf("no such tool: %s", tool)
}

// k0sCommand answers the few k0s commands an operator needs here.
func k0sCommand(dir string, args []string) (int, error) {
	line := strings.Join(args, " ")
	switch {
	case line == "version":
		fmt.Println(k0sVersion)
		return 0, nil
	case strings.HasPrefix(line, "status"):
		return k0sStatus(line)
	case strings.HasPrefix(line, "etcd leave"):
		for i, arg := range args {
			if value, ok := strings.CutPrefix(arg, "--peer-address="); ok {
				return 0, leave(value)
			}
			if arg == "--peer-address" && i+1 < len(args) {
				return 0, leave(args[i+1])
			}
		}
		var h Host
		if err := readJSON(filepath.Join(dir, "host.json"), &h); err != nil {
			return 1, err
		}
		return 0, leave(h.ip())
	case strings.HasPrefix(line, "etcd member-list"):
		return k0sMemberList()
	case strings.HasPrefix(line, "kubectl"):
		program := filepath.Join(dir, "bin", "kubectl")
		return 126, syscall.Exec(program, append([]string{"kubectl"}, args[1:]...), os.Environ())
	}
	return 1, fmt.Errorf("the lab's k0s does not know: k0s %s", line)
}

func k0sStatus(line string) (int, error) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		Dial: func(_, _ string) (net.Conn, error) { return net.Dial("unix", "/run/k0s/status.sock") }}}
	resp, err := client.Get("http://localhost/status")
	if err != nil {
		return 1, fmt.Errorf("status: can't get \"status\" via \"/run/k0s/status.sock\": %w", err)
	}
	defer resp.Body.Close()
	if strings.Contains(line, "json") {
		_, err = io.Copy(os.Stdout, resp.Body)
		return 0, err
	}
	var status object
	if err := json.NewDecoder(resp.Body).Decode(&status); err != nil {
		return 1, err
	}
	fmt.Printf("Version: %v\nProcess ID: %v\nRole: %v\nWorkloads: %v\nSingleNode: %v\n",
		status["Version"], status["Pid"], status["Role"], status["Workloads"], status["SingleNode"])
	return 0, nil
}

func k0sMemberList() (int, error) {
	etcd, err := newEtcdClient()
	if err != nil {
		return 1, err
	}
	members, err := etcd.members()
	if err != nil {
		return 1, err
	}
	named := map[string]string{}
	for _, m := range members {
		named[m.Name] = strings.Join(m.PeerURLs, ",")
	}
	return 0, json.NewEncoder(os.Stdout).Encode(object{"members": named})
}

// waitVoter waits until the named member is a started voter.
func waitVoter(name string) (int, error) {
	etcd, err := newEtcdClient()
	if err != nil {
		return 1, err
	}
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		members, _ := etcd.members()
		if slices.ContainsFunc(members, func(m etcdMember) bool { return m.Name == name && !m.IsLearner }) {
			return 0, nil
		}
	}
	return 1, fmt.Errorf("%s did not become a voter within two minutes", name)
}

// systemctl knows one unit, under both of its names.
func systemctl(dir string, args []string) (int, error) {
	var verb, name string
	var wanted []string
	valueOnly := false
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "-p" || arg == "--property":
			i++
			if i < len(args) {
				wanted = append(wanted, strings.Split(args[i], ",")...)
			}
		case strings.HasPrefix(arg, "--property="):
			wanted = append(wanted, strings.Split(strings.TrimPrefix(arg, "--property="), ",")...)
		case arg == "--value":
			valueOnly = true
		case strings.HasPrefix(arg, "-"):
		case verb == "":
			verb = arg
		case name == "":
			name = strings.TrimSuffix(arg, ".service")
		}
	}
	known := name == "k0scontroller" || name == "netbox-enterprise"
	var u unit
	if err := readJSON(filepath.Join(dir, "unit.json"), &u); err != nil {
		return 1, err
	}
	switch verb {
	case "start", "stop", "restart":
		if !known {
			return 5, fmt.Errorf("Failed to %s %s.service: Unit %s.service not found.", verb, name, name)
		}
		_, err := askInit(dir, initRequest{Op: verb})
		return 0, err
	case "is-active":
		if !known || !u.Active {
			fmt.Println("inactive")
			return 3, nil
		}
		fmt.Println("active")
		return 0, nil
	case "is-enabled":
		fmt.Println("enabled")
		return 0, nil
	case "show":
		showUnit(u, known, wanted, valueOnly)
		return 0, nil
	case "status":
		showUnit(u, known, []string{"Id", "LoadState", "ActiveState", "SubState", "MainPID", "NRestarts"}, false)
		return 0, nil
	}
	return 1, fmt.Errorf("the lab's systemctl does not know: %s", verb)
}

func showUnit(u unit, known bool, wanted []string, valueOnly bool) {
	order := []string{"Id", "Names", "LoadState", "ActiveState", "SubState", "Result", "MainPID", "NRestarts",
		"ActiveEnterTimestamp", "InactiveEnterTimestamp", "ExecMainStartTimestamp", "StateChangeTimestamp", "UnitFileState"}
	when := ""
	if !u.Since.IsZero() {
		when = u.Since.UTC().Format("Mon 2006-01-02 15:04:05 UTC")
	}
	values := map[string]string{"Id": "k0scontroller.service", "Names": "k0scontroller.service netbox-enterprise.service",
		"LoadState": "loaded", "ActiveState": "inactive", "SubState": "dead", "Result": u.Result, "MainPID": strconv.Itoa(u.Pid),
		"NRestarts": strconv.Itoa(u.Restarts), "StateChangeTimestamp": when, "UnitFileState": "enabled"}
	switch {
	case !known:
		values = map[string]string{"LoadState": "not-found", "ActiveState": "inactive", "SubState": "dead", "MainPID": "0", "NRestarts": "0"}
	case u.Active:
		values["ActiveState"], values["SubState"] = "active", "running"
		values["ActiveEnterTimestamp"], values["ExecMainStartTimestamp"] = when, when
	default:
		values["InactiveEnterTimestamp"] = when
		if u.Result != "success" && u.Result != "" {
			values["ActiveState"], values["SubState"] = "failed", "failed"
		}
	}
	if len(wanted) == 0 {
		wanted = order
	}
	for _, property := range wanted {
		if valueOnly {
			fmt.Println(values[property])
		} else {
			fmt.Printf("%s=%s\n", property, values[property])
		}
	}
}

// journalctl prints the last lines of the stand-in's log; -f follows it.
func journalctl(args []string) (int, error) {
	count, plain, asJSON, follow := 1000, false, false, false
	for i, arg := range args {
		value := ""
		if i+1 < len(args) {
			value = args[i+1]
		}
		if name, rest, joined := strings.Cut(arg, "="); joined {
			arg, value = name, rest
		} else if strings.HasPrefix(arg, "-n") && len(arg) > 2 {
			arg, value = "-n", arg[2:]
		}
		switch arg {
		case "-n", "--lines":
			if n, err := strconv.Atoi(value); err == nil {
				count = n
			}
		case "-o", "--output":
			plain, asJSON = value == "cat", value == "json"
		case "-f", "--follow":
			follow = true
		}
	}
	file, err := os.Open(journalPath)
	if errors.Is(err, os.ErrNotExist) {
		fmt.Println("-- No entries --")
		return 0, nil
	}
	if err != nil {
		return 1, err
	}
	reader := bufio.NewReaderSize(file, 1<<20)
	lines := readLines(reader)
	host, _ := os.Hostname()
	for _, line := range lines[max(0, len(lines)-count):] {
		printEntry(line, host, plain, asJSON)
	}
	for ; follow; time.Sleep(200 * time.Millisecond) {
		for _, line := range readLines(reader) {
			printEntry(line, host, plain, asJSON)
		}
	}
	return 0, nil
}

func readLines(reader *bufio.Reader) []string {
	var lines []string
	for {
		line, err := reader.ReadString('\n')
		if line = strings.TrimRight(line, "\n"); line != "" {
			lines = append(lines, line)
		}
		if err != nil {
			return lines
		}
	}
}

func printEntry(line, host string, plain, asJSON bool) {
	when := time.Now()
	if text, _, ok := strings.Cut(strings.TrimPrefix(line, `time="`), `"`); ok {
		if t, err := time.Parse("2006-01-02 15:04:05", text); err == nil {
			when = t
		}
	}
	switch {
	case plain:
		fmt.Println(line)
	case asJSON:
		entry, _ := json.Marshal(map[string]string{"MESSAGE": line, "PRIORITY": "6", "_HOSTNAME": host, "SYSLOG_IDENTIFIER": "k0s",
			"_SYSTEMD_UNIT": "k0scontroller.service", "__REALTIME_TIMESTAMP": strconv.FormatInt(when.UnixMicro(), 10)})
		fmt.Println(string(entry))
	default:
		fmt.Printf("%s %s k0s[2]: %s\n", when.Format("Jan 02 15:04:05"), host, line)
	}
}
