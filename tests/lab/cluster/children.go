// The k0s stand-in's children: their command lines, and the supervisor that starts them again.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

var componentNames = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"}

func etcdArgs(h Host, initialCluster []string) []string {
	state := "new"
	if h.Join {
		state = "existing"
	}
	etcdPKI := pkiDir + "/etcd"
	args := []string{
		"--name=" + h.name(), "--data-dir=" + k0sDir + "/etcd",
		fmt.Sprintf("--listen-client-urls=https://127.0.0.1:%d", h.etcdPort()), "--advertise-client-urls=https://127.0.0.1:2379",
		"--listen-peer-urls=https://" + h.ip() + ":2380", "--initial-advertise-peer-urls=https://" + h.ip() + ":2380",
		"--client-cert-auth=true", "--trusted-ca-file=" + etcdPKI + "/ca.crt",
		"--cert-file=" + etcdPKI + "/server.crt", "--key-file=" + etcdPKI + "/server.key",
		"--peer-client-cert-auth=true", "--peer-trusted-ca-file=" + etcdPKI + "/ca.crt",
		"--peer-cert-file=" + etcdPKI + "/peer.crt", "--peer-key-file=" + etcdPKI + "/peer.key",
		"--log-level=info", "--enable-pprof=false", "--unsafe-no-fsync=true",
		"--initial-cluster=" + strings.Join(initialCluster, ","), "--initial-cluster-state=" + state,
	}
	if h.Quota > 0 {
		args = append(args, fmt.Sprintf("--quota-backend-bytes=%d", h.Quota))
	}
	return args
}

func apiserverArgs(h Host) []string {
	return []string{
		"--advertise-address=" + h.ip(), "--bind-address=0.0.0.0", "--secure-port=6443", "--allow-privileged=true",
		"--anonymous-auth=false", "--authorization-mode=Node,RBAC", "--enable-bootstrap-token-auth=true",
		"--enable-admission-plugins=NodeRestriction", "--disable-admission-plugins=ServiceAccount", "--profiling=false",
		"--client-ca-file=" + pkiDir + "/ca.crt", "--tls-cert-file=" + pkiDir + "/server.crt", "--tls-private-key-file=" + pkiDir + "/server.key",
		fmt.Sprintf("--etcd-servers=https://127.0.0.1:%d", h.etcdPort()), "--etcd-cafile=" + pkiDir + "/etcd/ca.crt",
		"--etcd-certfile=" + pkiDir + "/apiserver-etcd-client.crt", "--etcd-keyfile=" + pkiDir + "/apiserver-etcd-client.key",
		"--kubelet-client-certificate=" + pkiDir + "/apiserver-kubelet-client.crt", "--kubelet-client-key=" + pkiDir + "/apiserver-kubelet-client.key",
		"--proxy-client-cert-file=" + pkiDir + "/front-proxy-client.crt", "--proxy-client-key-file=" + pkiDir + "/front-proxy-client.key",
		"--requestheader-client-ca-file=" + pkiDir + "/front-proxy-ca.crt", "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-", "--requestheader-group-headers=X-Remote-Group", "--requestheader-username-headers=X-Remote-User",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=" + pkiDir + "/sa.pub",
		"--service-account-signing-key-file=" + pkiDir + "/sa.key", "--service-cluster-ip-range=10.244.128.0/17", "--service-node-port-range=80-32767",
		fmt.Sprintf("--default-not-ready-toleration-seconds=%d", h.Toleration),
		fmt.Sprintf("--default-unreachable-toleration-seconds=%d", h.Toleration),
		"--audit-policy-file=" + filepath.Join(h.State, "audit-policy.yaml"),
		"--audit-log-path=" + filepath.Join(h.State, "audit", h.name()+".log"), "--audit-log-maxsize=1000", "--v=1",
	}
}

func controllerManagerArgs(h Host) []string {
	conf := pkiDir + "/ccm.conf"
	return []string{
		"--kubeconfig=" + conf, "--authentication-kubeconfig=" + conf, "--authorization-kubeconfig=" + conf,
		"--bind-address=127.0.0.1", "--leader-elect=true", "--controllers=*,bootstrapsigner,tokencleaner", "--profiling=false",
		"--allocate-node-cidrs=true", "--cluster-cidr=10.244.0.0/17", "--service-cluster-ip-range=10.244.128.0/17", "--cluster-name=k0s",
		"--client-ca-file=" + pkiDir + "/ca.crt", "--requestheader-client-ca-file=" + pkiDir + "/front-proxy-ca.crt", "--root-ca-file=" + pkiDir + "/ca.crt",
		"--cluster-signing-cert-file=" + pkiDir + "/ca.crt", "--cluster-signing-key-file=" + pkiDir + "/ca.key",
		"--service-account-private-key-file=" + pkiDir + "/sa.key", "--use-service-account-credentials=true",
		"--terminated-pod-gc-threshold=12500", "--node-monitor-grace-period=" + h.Grace, "--node-monitor-period=" + h.MonitorPeriod, "--v=1",
	}
}

func schedulerArgs() []string {
	conf := pkiDir + "/scheduler.conf"
	return []string{"--kubeconfig=" + conf, "--authentication-kubeconfig=" + conf, "--authorization-kubeconfig=" + conf,
		"--bind-address=127.0.0.1", "--leader-elect=true", "--profiling=false", "--v=1"}
}

// kubeletArgs starts KWOK for this host's node alone: when it dies, only this kubelet is dead.
func kubeletArgs(h Host) []string {
	return []string{
		"--kubeconfig=" + pkiDir + "/admin.conf", "--manage-all-nodes=false", "--manage-single-node=" + h.name(),
		"--node-name=" + h.name(), "--node-ip=" + h.ip(), "--node-port=10250", "--node-lease-duration-seconds=40",
		fmt.Sprintf("--cidr=10.244.%d.0/24", h.N-1), "--server-address=" + h.ip() + ":10250",
		"--tls-cert-file=" + pkiDir + "/kubelet.crt", "--tls-private-key-file=" + pkiDir + "/kubelet.key",
		"--config=" + filepath.Join(h.Dir, "stages.yaml"),
	}
}

// supervisor keeps children running, five seconds after each death, until it is told to end.
type supervisor struct {
	host    Host
	log     *journal
	ending  chan struct{}
	group   sync.WaitGroup
	mu      sync.Mutex
	running map[string]*os.Process
}

func newSupervisor(h Host, log *journal) *supervisor {
	return &supervisor{host: h, log: log, ending: make(chan struct{}), running: map[string]*os.Process{}}
}

func (s *supervisor) keep(name string, args []string) {
	s.group.Add(1)
	go func() {
		defer s.group.Done()
		hold := filepath.Join(s.host.Dir, "hold", name)
		for {
			if _, err := os.Stat(hold); err == nil {
				if !s.pause(100 * time.Millisecond) {
					return
				}
				continue
			}
			err := s.runOnce(name, args)
			s.log.write("error", "k0s", fmt.Sprintf("%s exited: %v; respawning in 5s", name, err))
			if _, held := os.Stat(hold); held == nil {
				continue
			}
			if !s.pause(5 * time.Second) {
				return
			}
		}
	}()
}

// pause waits; false means the supervisor is ending.
func (s *supervisor) pause(d time.Duration) bool {
	select {
	case <-s.ending:
		return false
	case <-time.After(d):
		return true
	}
}

func (s *supervisor) runOnce(name string, args []string) error {
	program := k0sDir + "/bin/" + name
	cmd := exec.Command(program, args...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
	cmd.Dir = k0sDir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = writer, writer
	err = cmd.Start()
	writer.Close()
	if err != nil {
		reader.Close()
		return err
	}
	s.note(name, cmd.Process)
	go s.copyLines(name, reader)
	err = cmd.Wait()
	s.note(name, nil)
	return err
}

func (s *supervisor) note(name string, p *os.Process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pidFile := "/run/k0s/" + name + ".pid"
	if p == nil {
		delete(s.running, name)
		os.Remove(pidFile)
		return
	}
	s.running[name] = p
	os.WriteFile(pidFile, []byte(fmt.Sprintln(p.Pid)), 0o644)
	select {
	case <-s.ending: // started while ending
		p.Signal(syscall.SIGTERM)
	default:
	}
}

func (s *supervisor) copyLines(name string, from io.ReadCloser) {
	defer from.Close()
	reader := bufio.NewReader(from)
	for {
		line, err := reader.ReadString('\n')
		if line = strings.TrimRight(line, "\n"); line != "" {
			s.log.write(levelOf(line), name, line)
		}
		if err != nil {
			return
		}
	}
}

// levelOf reads the level from an etcd or klog line.
func levelOf(line string) string {
	switch {
	case strings.Contains(line, `"level":"warn"`), strings.HasPrefix(line, "W"):
		return "warning"
	case strings.Contains(line, `"level":"error"`), strings.Contains(line, `"level":"fatal"`), strings.HasPrefix(line, "E"), strings.HasPrefix(line, "F"):
		return "error"
	}
	return "info"
}

// end stops the children in order: the kubelet first, etcd last.
func (s *supervisor) end() {
	close(s.ending)
	for i := len(componentNames) - 1; i >= 0; i-- {
		name := componentNames[i]
		for waited := time.Duration(0); ; waited += 20 * time.Millisecond {
			s.mu.Lock()
			p := s.running[name]
			s.mu.Unlock()
			if p == nil {
				break
			}
			if waited == 0 {
				p.Signal(syscall.SIGTERM)
			} else if waited > 4*time.Second {
				p.Kill()
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	s.group.Wait()
}

// journal is the stand-in's log, in k0s's format; the journalctl stand-in reads it.
type journal struct {
	mu   sync.Mutex
	file *os.File
}

const journalPath = "/var/log/k0scontroller.log"

func (j *journal) write(level, component, message string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	fmt.Fprintf(j.file, "time=%q level=%s msg=%q component=%s\n", time.Now().UTC().Format("2006-01-02 15:04:05"), level, message, component)
}
