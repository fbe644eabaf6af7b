// What the stand-in writes into the cluster: its own objects, its leases, and the leader's work.
package main

import (
	_ "embed"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	etcdMembersPath  = "/apis/etcd.k0sproject.io/v1beta1/etcdmembers"
	controlNodesPath = "/apis/autopilot.k0sproject.io/v1beta2/controlnodes"
	leasesPath       = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
	leaderLease      = "k0s-endpoint-reconciler"
	leaseSeconds     = 60
	renewEvery       = 5 * time.Second
)

// registerNode creates the host's Node as its kubelet would, if there is none.
func (c *controller) registerNode() error {
	labels := object{
		"kubernetes.io/hostname": c.name(), "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
		"beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": "amd64",
		"node.k0sproject.io/role": "control-plane", "node-role.kubernetes.io/control-plane": "true",
		"kots.io/embedded-cluster-role": "total-1", "kots.io/embedded-cluster-role-0": "controller",
	}
	if zone := c.zone(); zone != "" {
		labels["topology.kubernetes.io/zone"] = zone
	}
	machine, _ := os.ReadFile("/etc/machine-id")
	capacity := object{"cpu": "8", "memory": "24Gi", "pods": "110", "ephemeral-storage": "100Gi"}
	err := c.kube.create("/api/v1/nodes", object{
		"apiVersion": "v1", "kind": "Node",
		"metadata": object{"name": c.name(), "labels": labels, "annotations": object{"kwok.x-k8s.io/node": c.name(),
			"node.alpha.kubernetes.io/ttl": "0", "volumes.kubernetes.io/controller-managed-attach-detach": "true"}},
		"status": object{
			"capacity": capacity, "allocatable": capacity,
			"addresses": list{object{"type": "InternalIP", "address": c.ip()}, object{"type": "Hostname", "address": c.name()}},
			"nodeInfo": object{"kubeletVersion": k0sVersion, "kubeProxyVersion": "", "architecture": "amd64", "operatingSystem": "linux",
				"osImage": "Debian GNU/Linux 13 (trixie)", "kernelVersion": "6.12.48", "containerRuntimeVersion": "containerd://2.2.1",
				"machineID": strings.TrimSpace(string(machine)), "systemUUID": fmt.Sprintf("00000000-0000-0000-0000-%012d", c.N), "bootID": c.invocation},
		},
	})
	if err != nil || !c.Workloads {
		return err
	}
	return c.mirrorStaticPod()
}

// mirrorStaticPod creates the mirror of the node-local load balancer, which every kubelet runs as a static pod.
func (c *controller) mirrorStaticPod() error {
	node, err := c.kube.send("GET", "/api/v1/nodes/"+c.name(), nil)
	if err != nil {
		return err
	}
	hash := fmt.Sprintf("%032x", c.N)
	return c.kube.create("/api/v1/namespaces/kube-system/pods", object{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": object{"name": "nllb-" + c.name(), "namespace": "kube-system", "labels": object{"app.kubernetes.io/component": "nllb"},
			"annotations": object{"kubernetes.io/config.mirror": hash, "kubernetes.io/config.hash": hash, "kubernetes.io/config.source": "file"},
			"ownerReferences": list{object{"apiVersion": "v1", "kind": "Node", "name": c.name(), "controller": true,
				"uid": textAt(node, "metadata", "uid")}}},
		"spec": object{"nodeName": c.name(), "hostNetwork": true, "automountServiceAccountToken": false,
			"priorityClassName": "system-node-critical", "tolerations": list{object{"operator": "Exists"}},
			"containers": list{object{"name": "nllb", "image": "registry.example/envoy-distroless:1"}}},
	})
}

// announce writes the host's EtcdMember and ControlNode, once per start of k0s.
func (c *controller) announce() error {
	members, err := c.etcd.members()
	if err != nil {
		return err
	}
	own := slices.IndexFunc(members, func(m etcdMember) bool { return m.Name == c.name() })
	if own < 0 {
		return fmt.Errorf("%s is not a member", c.name())
	}
	if members[own].IsLearner {
		return fmt.Errorf("%s is still a learner", c.name())
	}
	c.memberID = hexID(members[own].ID)
	metadata := object{"name": c.name(), "labels": object{
		"k0s.k0sproject.io/controller-lease": "k0s-ctrl-" + c.name(), "k0s.k0sproject.io/shutdown-on-leave": c.invocation}}
	err = c.kube.create(etcdMembersPath, object{"apiVersion": "etcd.k0sproject.io/v1beta1", "kind": "EtcdMember",
		"metadata": metadata, "spec": object{}})
	if err != nil {
		return err
	}
	// An older object: k0s withdraws its own leave request when it starts.
	path := etcdMembersPath + "/" + c.name()
	if _, err = c.kube.send("PATCH", path, object{"metadata": metadata, "spec": object{"leave": nil}}); err != nil {
		return err
	}
	_, err = c.kube.send("PATCH", path+"/status", object{"status": object{
		"memberID": c.memberID, "peerAddress": c.ip(), "message": nil, "reconcileStatus": nil,
		"conditions": list{joinedCondition("True", "Member joined")},
	}})
	if err != nil {
		return err
	}
	return c.announceControlNode()
}

func (c *controller) announceControlNode() error {
	err := c.kube.put(controlNodesPath, c.name(), object{
		"apiVersion": "autopilot.k0sproject.io/v1beta2", "kind": "ControlNode",
		"metadata": object{"name": c.name(), "annotations": object{"autopilot.k0sproject.io/mode": "controller+worker"},
			"labels": object{"kubernetes.io/arch": "amd64", "kubernetes.io/hostname": c.name(), "kubernetes.io/os": "linux"}},
	})
	if err != nil {
		return err
	}
	_, err = c.kube.send("PATCH", controlNodesPath+"/"+c.name()+"/status", object{"status": object{
		"addresses":  list{object{"address": c.ip(), "type": "InternalIP"}, object{"address": c.name(), "type": "Hostname"}},
		"k0sVersion": k0sVersion,
	}})
	return err
}

// renewLeases keeps the lease that says this k0s is alive.
func (c *controller) renewLeases() {
	for {
		if err := c.takeLease("k0s-ctrl-"+c.name(), true); err != nil {
			c.log.write("error", "k0s", "renew lease: "+err.Error())
		}
		time.Sleep(renewEvery)
	}
}

// takeLease creates, renews, or (when expired, released or ours by right) takes over a lease.
func (c *controller) takeLease(name string, ours bool) error {
	lease, err := c.kube.send("GET", leasesPath+"/"+name, nil)
	now := stamp(time.Now())
	if isCode(err, http.StatusNotFound) {
		_, err = c.kube.send("POST", leasesPath, object{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
			"metadata": object{"name": name, "namespace": "kube-node-lease"},
			"spec": object{"holderIdentity": c.invocation, "leaseDurationSeconds": leaseSeconds, "leaseTransitions": 0,
				"acquireTime": now, "renewTime": now}})
		return err
	}
	if err != nil {
		return err
	}
	spec, _ := lease["spec"].(object)
	if holder := textAt(spec, "holderIdentity"); holder != c.invocation {
		if !ours && holder != "" && !expired(spec) {
			return errNotLeader
		}
		transitions, _ := spec["leaseTransitions"].(float64)
		spec["leaseTransitions"], spec["acquireTime"] = transitions+1, now
	}
	spec["holderIdentity"], spec["renewTime"], spec["leaseDurationSeconds"] = c.invocation, now, leaseSeconds
	lease["spec"] = spec
	_, err = c.kube.send("PUT", leasesPath+"/"+name, lease)
	return err
}

var errNotLeader = fmt.Errorf("another k0s holds the lease")

func expired(spec object) bool {
	renewed, err := time.Parse(time.RFC3339Nano, textAt(spec, "renewTime"))
	return err != nil || time.Since(renewed) > leaseSeconds*time.Second
}

// releaseLeases lets the leases go when k0s is stopped in order.
func (c *controller) releaseLeases() {
	if c.kube == nil {
		return
	}
	client := *c.kube.http
	client.Timeout = time.Second
	kube := &kubeClient{&client, c.kube.base}
	for _, name := range []string{"k0s-ctrl-" + c.name(), leaderLease} {
		lease, err := kube.send("GET", leasesPath+"/"+name, nil)
		if err == nil && textAt(lease, "spec", "holderIdentity") == c.invocation {
			kube.send("PATCH", leasesPath+"/"+name, object{"spec": object{"holderIdentity": ""}})
		}
	}
}

// lead competes for the leader lease; the first leader writes the cluster's objects.
func (c *controller) lead() {
	applied := false
	for {
		err := c.takeLease(leaderLease, false)
		c.mu.Lock()
		c.leader = err == nil
		c.mu.Unlock()
		if err == nil && !applied {
			c.until("manifests are applied", c.applyManifests)
			applied = true
		}
		time.Sleep(renewEvery)
	}
}

// reconcile is the leader's standing work: learners become voters, gone members are marked.
func (c *controller) reconcile() {
	for ; ; time.Sleep(2 * time.Second) {
		c.mu.Lock()
		leader := c.leader
		c.mu.Unlock()
		if !leader {
			continue
		}
		members, err := c.etcd.members()
		if err != nil {
			c.log.write("error", "etcd-member-reconciler", err.Error())
			continue
		}
		for _, m := range members {
			if m.IsLearner && m.Name != "" {
				if err := c.etcd.promote(m.ID); err != nil {
					c.log.write("info", "etcd-member-reconciler", "promote "+m.Name+": "+err.Error())
				}
			}
		}
		if err := c.reconcileMembers(members); err != nil {
			c.log.write("error", "etcd-member-reconciler", err.Error())
		}
		if c.Workloads {
			if err := c.provision(); err != nil {
				c.log.write("error", "k0s", "provision volumes: "+err.Error())
			}
			if err := c.operate(); err != nil {
				c.log.write("error", "embedded-cluster-operator", err.Error())
			}
		}
	}
}

func (c *controller) reconcileMembers(members []etcdMember) error {
	objects, err := c.kube.items(etcdMembersPath)
	if err != nil {
		return err
	}
	for _, o := range objects {
		id := textAt(o, "status", "memberID")
		known := slices.ContainsFunc(members, func(m etcdMember) bool { return hexID(m.ID) == id })
		wantsOut, _ := at(o, "spec", "leave").(bool)
		switch {
		case id == "":
		case !known:
			err = setJoined(c.kube, o, "False", "No such member ID", "Success")
		case wantsOut:
			err = c.letGo(o, members)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// letGo honours spec.leave: a dead member is removed five minutes after its last sign of life.
func (c *controller) letGo(o object, members []etcdMember) error {
	name := textAt(o, "metadata", "name")
	lease, err := c.kube.send("GET", leasesPath+"/k0s-ctrl-"+name, nil)
	if isCode(err, http.StatusNotFound) {
		return setJoined(c.kube, o, "True", "No k0s controller lease found", "Failed")
	}
	if err != nil {
		return err
	}
	spec, _ := lease["spec"].(object)
	if textAt(spec, "holderIdentity") != "" && !expired(spec) {
		return setJoined(c.kube, o, "True", "Member is still active; waiting for it to shutdown", "")
	}
	renewed, _ := time.Parse(time.RFC3339Nano, textAt(spec, "renewTime"))
	if time.Since(renewed) < 5*time.Minute {
		return setJoined(c.kube, o, "True", "Member is offline; waiting for it to leave", "")
	}
	for _, m := range members {
		if hexID(m.ID) == textAt(o, "status", "memberID") {
			if err := c.etcd.remove(m.ID); err != nil {
				return err
			}
		}
	}
	return setJoined(c.kube, o, "False", "Member removed from cluster", "Success")
}

//go:embed objects/stages.yaml
var stages []byte

//go:embed objects/crds.yaml
var crdManifests string

//go:embed objects/cluster.yaml
var clusterManifests string
