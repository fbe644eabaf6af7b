// Waiting for a healthy cluster, from inside host 1, by looking at its API.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// waitMain is `lab wait STATE DEADLINE` on host 1.
func waitMain(_ string, args []string) (int, error) {
	var config Config
	if err := readJSON(filepath.Join(args[1], "config.json"), &config); err != nil {
		return 1, err
	}
	limit, err := time.ParseDuration(args[2])
	if err != nil {
		return 2, err
	}
	missing := []string{"everything"}
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if missing = whatIsMissing(config); len(missing) == 0 {
			return 0, nil
		}
	}
	fmt.Fprintf(os.Stderr, "lab: after %s still missing:\n", limit)
	for _, what := range missing {
		fmt.Fprintln(os.Stderr, "  "+what)
	}
	return 1, errors.New("not healthy")
}

func whatIsMissing(config Config) []string {
	etcd, err := newEtcdClient()
	if err != nil {
		return []string{"etcd client: " + err.Error()}
	}
	members, err := etcd.members()
	if err != nil {
		return []string{"etcd members: " + err.Error()}
	}
	kube, err := newKubeClient(pkiDir + "/admin.conf")
	if err != nil {
		return []string{"kube client: " + err.Error()}
	}
	missing := missingMembers(config, members)
	missing = append(missing, missingNodes(kube, config)...)
	missing = append(missing, missingEtcdMembers(kube, config)...)
	if config.Workloads {
		missing = append(missing, missingPods(kube, config)...)
	}
	return missing
}

func missingMembers(config Config, members []etcdMember) []string {
	var missing []string
	for n := 1; n <= config.Controllers; n++ {
		if !slices.ContainsFunc(members, func(m etcdMember) bool { return m.Name == hostName(n) && !m.IsLearner }) {
			missing = append(missing, "etcd member "+hostName(n))
		}
	}
	return missing
}

// isTrue tells whether an object has a condition that says True.
func isTrue(o object, condition string) bool {
	return slices.ContainsFunc(listAt(o, "status", "conditions"), func(c any) bool {
		found, _ := c.(object)
		return found["type"] == condition && found["status"] == "True"
	})
}

func missingNodes(kube *kubeClient, config Config) []string {
	nodes, err := kube.items("/api/v1/nodes")
	if err != nil {
		return []string{"nodes: " + err.Error()}
	}
	var missing []string
	for n := 1; n <= config.Controllers; n++ {
		ready := slices.ContainsFunc(nodes, func(o object) bool {
			return textAt(o, "metadata", "name") == hostName(n) && isTrue(o, "Ready")
		})
		if !ready {
			missing = append(missing, "node "+hostName(n)+" Ready")
		}
	}
	return missing
}

func missingEtcdMembers(kube *kubeClient, config Config) []string {
	objects, err := kube.items(etcdMembersPath)
	if err != nil {
		return []string{"EtcdMembers: " + err.Error()}
	}
	joined := 0
	for _, o := range objects {
		if isTrue(o, "Joined") {
			joined++
		}
	}
	controlNodes, _ := kube.items(controlNodesPath)
	if joined < config.Controllers || len(controlNodes) < config.Controllers {
		return []string{fmt.Sprintf("EtcdMembers joined %d, ControlNodes %d of %d", joined, len(controlNodes), config.Controllers)}
	}
	return nil
}

// missingPods wants as many running pods as the table of workloads says, and a ready object for each row.
func missingPods(kube *kubeClient, config Config) []string {
	pods, err := kube.items("/api/v1/pods")
	if err != nil {
		return []string{"pods: " + err.Error()}
	}
	var missing []string
	for _, w := range workloadTable {
		wanted, ready := w.replicas, 0
		if w.kind == "DaemonSet" {
			wanted = config.Controllers
		} else if w.kind == "StatefulSet" || w.spread == "hard" {
			wanted = min(wanted, config.Controllers)
		}
		for _, o := range pods {
			if strings.HasPrefix(textAt(o, "metadata", "name"), w.name+"-") && textAt(o, "metadata", "labels", "app") == w.name && isTrue(o, "Ready") {
				ready++
			}
		}
		if ready < wanted {
			missing = append(missing, fmt.Sprintf("%s/%s: %d of %d pods ready", w.namespace, w.name, ready, wanted))
		}
	}
	return missing
}
