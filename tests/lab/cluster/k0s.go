// The k0s stand-in: what k0s does on a controller as far as quorate can see it.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

type controller struct {
	Host
	log        *journal
	children   *supervisor
	kube       *kubeClient
	etcd       *etcdClient
	invocation string
	memberID   string

	mu     sync.Mutex
	leader bool
}

func k0sMain(dir string) (int, error) {
	os.Unsetenv(k0sEnv)
	c := &controller{}
	if err := readJSON(filepath.Join(dir, "host.json"), &c.Host); err != nil {
		return 1, err
	}
	file, err := os.OpenFile(journalPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return 1, err
	}
	c.log = &journal{file: file}
	random := make([]byte, 16)
	rand.Read(random)
	c.invocation = hex.EncodeToString(random)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	endLeftovers()
	c.children = newSupervisor(c.Host, c.log)
	if err := c.serveStatus(); err != nil {
		return 1, err
	}
	c.log.write("info", "k0s", "starting k0s "+k0sVersion+" (stand-in of the quorate lab)")
	go c.run()
	<-signals
	c.log.write("info", "k0s", "shutting down")
	c.releaseLeases()
	c.children.end()
	return 0, nil
}

// endLeftovers ends children of an earlier k0s that was killed without them.
func endLeftovers() {
	for name, pid := range components() {
		if name != "k0s" {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// run starts the components in k0s's order and then does k0s's own work for ever.
func (c *controller) run() {
	var err error
	if c.etcd, err = newEtcdClient(); err != nil {
		c.fail("etcd client", err)
	}
	if c.kube, err = newKubeClient(pkiDir + "/admin.conf"); err != nil {
		c.fail("kube client", err)
	}
	if err := c.serveJoin(); err != nil {
		c.fail("join API", err)
	}
	if err := c.serveRelay(); err != nil {
		c.fail("etcd relay", err)
	}
	c.children.keep("etcd", etcdArgs(c.Host, c.initialCluster()))
	for !c.etcdListens() {
		time.Sleep(50 * time.Millisecond)
	}
	c.children.keep("kube-apiserver", apiserverArgs(c.Host))
	c.until("kube-apiserver is ready", c.kube.ready)
	c.children.keep("kube-controller-manager", controllerManagerArgs(c.Host))
	c.children.keep("kube-scheduler", schedulerArgs())
	go c.lead()
	go c.renewLeases()
	c.until("node is registered", c.registerNode)
	if err := os.WriteFile(filepath.Join(c.Dir, "stages.yaml"), stages, 0o644); err != nil {
		c.fail("kubelet stages", err)
	}
	c.children.keep("kubelet", kubeletArgs(c.Host))
	c.until("EtcdMember and ControlNode are written", c.announce)
	c.log.write("info", "k0s", "all components started")
	c.reconcile()
}

func (c *controller) fail(what string, err error) {
	c.log.write("fatal", "k0s", fmt.Sprintf("%s: %v", what, err))
	os.Exit(1)
}

// until tries again until it works, and says once a minute why it does not.
func (c *controller) until(what string, try func() error) {
	for n := 0; ; n++ {
		err := try()
		if err == nil {
			c.log.write("info", "k0s", what)
			return
		}
		if n%100 == 20 {
			c.log.write("warning", "k0s", fmt.Sprintf("waiting until %s: %v", what, err))
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// initialCluster names the members: all controllers of a new cluster, or what the join API of a survivor answers.
func (c *controller) initialCluster() []string {
	var members []string
	if !c.Join {
		for n := 1; n <= c.Controllers; n++ {
			members = append(members, fmt.Sprintf("%s=https://%s:2380", hostName(n), hostIP(n)))
		}
		return members
	}
	if _, err := os.Stat(k0sDir + "/etcd/member"); err == nil {
		return []string{fmt.Sprintf("%s=https://%s:2380", c.name(), c.ip())}
	}
	c.until("etcd membership is granted", func() (err error) {
		members, err = c.askToJoin()
		return err
	})
	return members
}

// serveStatus answers on k0s's status socket.
func (c *controller) serveStatus() error {
	const socket = "/run/k0s/status.sock"
	os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		writeReply(w, statusDocument(c.Host, os.Getpid(), c.invocation))
	})
	mux.HandleFunc("GET /components", func(w http.ResponseWriter, _ *http.Request) {
		writeReply(w, c.componentHealth())
	})
	go http.Serve(listener, mux)
	return writeRuntimeConfig(c.Host)
}

func writeReply(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "   ")
	encoder.Encode(value)
}

// writeRuntimeConfig leaves the file from which k0s's command line learns the data directory.
func writeRuntimeConfig(h Host) error {
	vars := statusDocument(h, os.Getpid(), "")["K0sVars"]
	text := yamlText(object{"apiVersion": "k0s.k0sproject.io/v1beta1", "kind": "RuntimeConfig",
		"spec": object{"k0sVars": vars, "nodeConfig": clusterConfig(h), "pid": os.Getpid()}})
	return os.WriteFile("/run/k0s/k0s.yaml", []byte(text), 0o600)
}

func (c *controller) componentHealth() object {
	c.children.mu.Lock()
	defer c.children.mu.Unlock()
	health := object{}
	for _, name := range componentNames {
		health[name] = object{"Healthy": c.children.running[name] != nil, "Errors": list{}}
	}
	return object{"HealthProbes": health, "Events": object{}}
}
