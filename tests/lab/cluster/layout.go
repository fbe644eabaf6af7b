// The files of a k0s controller under Embedded Cluster, as its installer and k0s leave them.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

type object = map[string]any
type list = []any

// k0sArgs is the command line of the stand-in: the same as k0s's under Embedded Cluster.
var k0sArgs = []string{"/usr/local/bin/k0s", "controller", "--enable-worker", "--no-taints", "--enable-dynamic-config",
	"--data-dir=" + k0sDir, "-c", "/etc/k0s/k0s.yaml", "--disable-components=konnectivity-server,update-prober"}

// layOut writes everything a host needs before its k0s is started for the first time.
func (s *pkiStore) layOut(h Host) error {
	for _, dir := range []string{k0sDir, k0sDir + "/bin", dataDir + "/bin", dataDir + "/openebs-local", "/var/log/embedded-cluster"} {
		if err := os.MkdirAll(h.fs(dir), 0o755); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(h.fs(k0sDir+"/etcd"), 0o700); err != nil {
		return err
	}
	if err := s.layPKI(h); err != nil {
		return err
	}
	if err := linkPrograms(h); err != nil {
		return err
	}
	files := map[string]any{
		"/etc/k0s/k0s.yaml":             clusterConfig(h),
		"/etc/embedded-cluster/ec.yaml": installerConfig(),
	}
	for path, content := range files {
		if err := os.WriteFile(h.fs(path), []byte(yamlText(content)), 0o600); err != nil {
			return err
		}
	}
	if h.Join {
		return os.WriteFile(h.fs("/etc/k0s/join-token"), []byte("H4sIAAAAAAAC/lab\n"), 0o600)
	}
	return nil
}

// linkPrograms puts the programs where k0s unpacks them, under the names k0s gives them.
func linkPrograms(h Host) error {
	programs := map[string]string{"etcd": "etcd-" + h.Etcd, "kubelet": "kwok"}
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		programs[name] = name
	}
	for name, built := range programs {
		if err := os.Symlink(filepath.Join(h.Bin, built), h.fs(k0sDir+"/bin/"+name)); err != nil {
			return err
		}
	}
	return os.Symlink(filepath.Join(h.Dir, "bin", "kubectl"), h.fs(dataDir+"/bin/kubectl"))
}

func clusterConfig(h Host) object {
	toleration := fmt.Sprint(h.Toleration)
	ca := func() object { return object{"expiresAfter": "87600h0m0s", "certificatesExpireAfter": "8760h0m0s"} }
	var sans list
	for n := 1; n <= h.Controllers; n++ {
		sans = append(sans, hostIP(n))
	}
	if h.N > h.Controllers {
		sans = append(sans, h.ip())
	}
	return object{
		"apiVersion": "k0s.k0sproject.io/v1beta1", "kind": "ClusterConfig",
		"metadata": object{"name": "k0s", "namespace": "kube-system"},
		"spec": object{
			"api": object{
				"address": h.ip(), "port": 6443, "k0sApiPort": 9443, "sans": sans, "ca": ca(),
				"extraArgs": object{"default-not-ready-toleration-seconds": toleration,
					"default-unreachable-toleration-seconds": toleration},
			},
			"controllerManager": controllerManagerConfig(h),
			"scheduler":         object{},
			"storage":           object{"type": "etcd", "etcd": object{"peerAddress": h.ip(), "ca": ca()}},
			"network": object{"provider": "calico", "podCIDR": "10.244.0.0/17", "serviceCIDR": "10.244.128.0/17", "clusterDomain": "cluster.local",
				"nodeLocalLoadBalancing": object{"enabled": true, "type": "EnvoyProxy"}},
			"telemetry": object{"enabled": false},
		},
	}
}

func controllerManagerConfig(h Host) object {
	args := object{"node-monitor-grace-period": h.Grace}
	if h.MonitorPeriod != "5s" {
		args["node-monitor-period"] = h.MonitorPeriod
	}
	return object{"extraArgs": args}
}

// installerConfig is ec.yaml, the installer's own statement of where things lie.
func installerConfig() object {
	return object{
		"dataDir": dataDir, "adminConsole": object{"port": 30000}, "localArtifactMirror": object{"port": 50000},
		"manager": object{"port": 30080},
		"network": object{"networkInterface": "eth0", "nodePortRange": "80-32767", "podCIDR": "10.244.0.0/17", "serviceCIDR": "10.244.128.0/17"},
	}
}

// yamlText writes plain data as YAML; strings are quoted as in JSON, which YAML accepts.
func yamlText(value any) string {
	var text strings.Builder
	writeYAML(&text, value, 0)
	return text.String()
}

func writeYAML(text *strings.Builder, value any, indent int) {
	pad := strings.Repeat("  ", indent)
	entry := func(prefix string, v any) {
		o, isObject := v.(object)
		l, isList := v.(list)
		if (isObject && len(o) > 0) || (isList && len(l) > 0) {
			text.WriteString(prefix + "\n")
			writeYAML(text, v, indent+1)
			return
		}
		plain, _ := json.Marshal(v)
		text.WriteString(prefix + " " + string(plain) + "\n")
	}
	switch v := value.(type) {
	case object:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		sort.Strings(keys)
		for _, key := range keys {
			entry(pad+key+":", v[key])
		}
	case list:
		for _, item := range v {
			entry(pad+"-", item)
		}
	}
}

// writeAuditPolicy makes every API server record who asked for what, which tests count.
func writeAuditPolicy(state string) error {
	policy := "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n- level: Metadata\n"
	return os.WriteFile(filepath.Join(state, "audit-policy.yaml"), []byte(policy), 0o644)
}

// statusDocument is what k0s answers on its status socket.
func statusDocument(h Host, pid int, invocation string) object {
	return object{
		"Version": k0sVersion, "Pid": pid, "PPid": 1, "Role": "controller", "SysInit": "linux-systemd",
		"StubFile": "/etc/systemd/system/k0scontroller.service", "Output": "", "Workloads": true, "SingleNode": false,
		"Args":                        k0sArgs,
		"WorkerToAPIConnectionStatus": object{"Message": "", "Success": true},
		"ClusterConfig":               clusterConfig(h),
		"K0sVars": object{
			"InvocationID": invocation, "AdminKubeConfigPath": pkiDir + "/admin.conf", "BinDir": k0sDir + "/bin",
			"CertRootDir": pkiDir, "DataDir": k0sDir, "KubeletRootDir": k0sDir + "/kubelet", "EtcdCertDir": pkiDir + "/etcd",
			"EtcdDataDir": k0sDir + "/etcd", "KineSocketPath": "/run/k0s/kine/kine.sock:2379",
			"KonnectivitySocketDir": "/run/k0s/konnectivity-server", "KubeletAuthConfigPath": k0sDir + "/kubelet.conf",
			"ManifestsDir": k0sDir + "/manifests", "RunDir": "/run/k0s", "KonnectivityKubeConfigPath": pkiDir + "/konnectivity.conf",
			"OCIBundleDir": k0sDir + "/images", "DefaultStorageType": "etcd", "RuntimeConfigPath": "/run/k0s/k0s.yaml",
			"StatusSocketPath": "/run/k0s/status.sock", "StartupConfigPath": "/etc/k0s/k0s.yaml", "HelmHome": k0sDir + "/helmhome",
			"HelmRepositoryCache": k0sDir + "/helmhome/cache", "HelmRepositoryConfig": k0sDir + "/helmhome/repositories.yaml",
		},
	}
}

// stamp is a time as Kubernetes writes it in a MicroTime field.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// seconds is a time as Kubernetes writes it in a Time field.
func seconds(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
