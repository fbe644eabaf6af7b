// The workloads of a NetBox Enterprise cluster with external PostgreSQL and Redis, as pods to be scheduled and lost.
package main

// workload is one row of the table below.
type workload struct {
	kind, namespace, name string
	replicas              int
	container             string
	cpu, memory           string
	spread                string // "hard": one per host or Pending; "soft": spread if possible
	owned                 bool   // belongs to the NetBoxEnterprise object
}

var workloadTable = []workload{
	{"Deployment", "kotsadm", "netbox-netbox", 3, "netbox", "500m", "2Gi", "hard", true},
	{"Deployment", "kotsadm", "netbox-worker", 3, "worker", "250m", "1Gi", "soft", true},
	{"Deployment", "kotsadm", "diode-ingester", 3, "ingester", "100m", "128Mi", "soft", true},
	{"Deployment", "kotsadm", "diode-reconciler", 3, "reconciler", "100m", "128Mi", "soft", true},
	{"Deployment", "kotsadm", "diode-auth", 3, "auth", "50m", "64Mi", "soft", true},
	{"Deployment", "kotsadm", "hydra", 3, "hydra", "50m", "128Mi", "soft", true},
	{"Deployment", "kotsadm", "kotsadm", 1, "kotsadm", "100m", "100Mi", "", false},
	{"Deployment", "kotsadm", "kurl-proxy-kotsadm", 1, "proxy", "50m", "50Mi", "", false},
	{"Deployment", "kotsadm", "replicated", 1, "replicated", "100m", "100Mi", "", false},
	{"Deployment", "kotsadm", "nbe-operator", 1, "manager", "100m", "256Mi", "", false},
	{"Deployment", "embedded-cluster", "embedded-cluster-operator", 1, "manager", "100m", "128Mi", "", false},
	{"Deployment", "openebs", "openebs-localpv-provisioner", 1, "openebs-localpv-provisioner", "50m", "64Mi", "", false},
	{"Deployment", "velero", "velero", 1, "velero", "500m", "128Mi", "", false},
	{"Deployment", "kube-system", "calico-kube-controllers", 1, "calico-kube-controllers", "50m", "64Mi", "", false},
	{"Deployment", "kube-system", "metrics-server", 1, "metrics-server", "10m", "30M", "", false},
	{"Deployment", "kube-system", "coredns", 2, "coredns", "100m", "70Mi", "soft", false},
	{"StatefulSet", "kotsadm", "kotsadm-rqlite", 3, "rqlite", "100m", "100Mi", "", false},
	{"DaemonSet", "kube-system", "calico-node", 0, "calico-node", "250m", "128Mi", "", false},
	{"DaemonSet", "kube-system", "kube-proxy", 0, "kube-proxy", "50m", "64Mi", "", false},
	{"DaemonSet", "kotsadm", "traefik", 0, "traefik", "100m", "128Mi", "", false},
	{"DaemonSet", "velero", "node-agent", 0, "node-agent", "100m", "128Mi", "", false},
}

func workloads(h Host) []object {
	var all []object
	for _, w := range workloadTable {
		if w.kind == "StatefulSet" {
			all = append(all, volumes(h, w)...)
		}
		all = append(all, w.object())
	}
	return all
}

func (w workload) object() object {
	labels := object{"app": w.name, "app.kubernetes.io/name": w.name}
	if w.owned {
		labels["app.kubernetes.io/managed-by"] = "nbe-operator"
		labels["app.kubernetes.io/instance"] = "netbox"
		labels["app.kubernetes.io/component"] = w.container
	}
	spec := object{
		"selector": object{"matchLabels": object{"app": w.name}},
		"template": object{"metadata": object{"labels": labels}, "spec": w.podSpec()},
	}
	if w.kind != "DaemonSet" {
		spec["replicas"] = w.replicas
	}
	if w.kind == "StatefulSet" {
		spec["serviceName"] = w.name
		spec["podManagementPolicy"] = "Parallel"
		spec["volumeClaimTemplates"] = list{object{"metadata": object{"name": w.name}, "spec": claimSpec("")}}
	}
	return object{
		"apiVersion": "apps/v1", "kind": w.kind,
		"metadata": object{"name": w.name, "namespace": w.namespace, "labels": labels}, "spec": spec,
	}
}

func (w workload) podSpec() object {
	requests := object{"cpu": w.cpu, "memory": w.memory}
	container := object{"name": w.container, "image": "registry.example/" + w.name + ":1", "resources": object{"requests": requests}}
	spec := object{"containers": list{container}, "automountServiceAccountToken": false}
	switch {
	case w.kind == "DaemonSet" && w.name == "traefik":
		container["ports"] = list{object{"containerPort": 80, "hostPort": 80}, object{"containerPort": 443, "hostPort": 443}}
	case w.kind == "DaemonSet":
		spec["hostNetwork"] = w.name != "node-agent"
		spec["tolerations"] = list{object{"operator": "Exists"}}
	case w.kind == "StatefulSet":
		container["volumeMounts"] = list{object{"name": w.name, "mountPath": "/rqlite/file"}}
		spec["affinity"] = object{"podAntiAffinity": object{"requiredDuringSchedulingIgnoredDuringExecution": list{object{
			"topologyKey": "kubernetes.io/hostname", "labelSelector": object{"matchLabels": object{"app": w.name}}}}}}
	}
	if w.spread != "" {
		spec["topologySpreadConstraints"] = spreadConstraints(w)
	}
	return spec
}

// spreadConstraints asks for different hosts, and softly for different zones.
func spreadConstraints(w workload) list {
	constraint := func(key, otherwise string) object {
		return object{"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": otherwise,
			"labelSelector": object{"matchLabels": object{"app": w.name}}}
	}
	if w.spread == "hard" {
		return list{constraint("kubernetes.io/hostname", "DoNotSchedule"), constraint("topology.kubernetes.io/zone", "ScheduleAnyway")}
	}
	return list{constraint("kubernetes.io/hostname", "ScheduleAnyway")}
}
