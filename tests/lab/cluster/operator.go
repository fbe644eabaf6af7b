// What Embedded Cluster's operator does when a Node is gone: its local volumes are destroyed, and the Installation forgets it.
package main

import (
	"fmt"
	"hash/fnv"
	"slices"
)

const installationsPath = "/apis/embeddedcluster.replicated.com/v1beta1/installations"

// operate does one round of the operator's work, as long as its pod is Ready somewhere.
func (c *controller) operate() error {
	if ready, err := c.operatorIsReady(); err != nil || !ready {
		return err
	}
	nodes, err := c.kube.items("/api/v1/nodes")
	if err != nil {
		return err
	}
	var names []string
	for _, node := range nodes {
		names = append(names, textAt(node, "metadata", "name"))
	}
	if err := c.followNodes(names); err != nil {
		return err
	}
	return c.deleteLostClaims(names)
}

func (c *controller) operatorIsReady() (bool, error) {
	pods, err := c.kube.items("/api/v1/namespaces/embedded-cluster/pods?labelSelector=app%3Dembedded-cluster-operator")
	return slices.ContainsFunc(pods, func(pod object) bool {
		return slices.ContainsFunc(listAt(pod, "status", "conditions"), func(entry any) bool {
			condition, _ := entry.(object)
			return condition["type"] == "Ready" && condition["status"] == "True"
		})
	}), err
}

// followNodes keeps nodesStatus of the newest Installation.
func (c *controller) followNodes(names []string) error {
	installations, err := c.kube.items(installationsPath)
	if err != nil || len(installations) == 0 {
		return err
	}
	newest := installations[len(installations)-1]
	var known []string
	for _, entry := range listAt(newest, "status", "nodesStatus") {
		node, _ := entry.(object)
		known = append(known, textAt(node, "name"))
	}
	if slices.Equal(known, names) {
		return nil
	}
	var status list
	for _, name := range names {
		hash := fnv.New64a()
		hash.Write([]byte(name))
		status = append(status, object{"name": name, "hash": fmt.Sprintf("%064x", hash.Sum64())})
	}
	_, err = c.kube.send("PATCH", installationsPath+"/"+textAt(newest, "metadata", "name")+"/status", object{"status": object{"nodesStatus": status}})
	return err
}

// deleteLostClaims deletes every local claim of a node that is gone, its volume, and the Pending pods that mount it.
func (c *controller) deleteLostClaims(nodes []string) error {
	claims, err := c.kube.items(claimsPath)
	if err != nil {
		return err
	}
	for _, claim := range claims {
		annotations, _ := at(claim, "metadata", "annotations").(object)
		node := textAt(annotations, "volume.kubernetes.io/selected-node")
		isLocal := textAt(annotations, "volume.kubernetes.io/storage-provisioner") == "openebs.io/local"
		if node == "" || !isLocal || slices.Contains(nodes, node) {
			continue
		}
		namespace, name := textAt(claim, "metadata", "namespace"), textAt(claim, "metadata", "name")
		c.log.write("info", "embedded-cluster-operator", "deleting claim "+namespace+"/"+name+" of the lost node "+node)
		if err := c.remove("/api/v1/namespaces/" + namespace + "/persistentvolumeclaims/" + name); err != nil {
			return err
		}
		if volume := textAt(claim, "spec", "volumeName"); volume != "" {
			if err := c.remove("/api/v1/persistentvolumes/" + volume); err != nil {
				return err
			}
		}
		if err := c.deletePendingUsers(namespace, name); err != nil {
			return err
		}
	}
	return nil
}

func (c *controller) deletePendingUsers(namespace, claim string) error {
	pods, err := c.kube.items("/api/v1/namespaces/" + namespace + "/pods?fieldSelector=status.phase%3DPending")
	if err != nil {
		return err
	}
	for _, pod := range pods {
		mounts := func(entry any) bool {
			volume, _ := entry.(object)
			return textAt(volume, "persistentVolumeClaim", "claimName") == claim
		}
		if slices.ContainsFunc(listAt(pod, "spec", "volumes"), mounts) {
			if err := c.remove("/api/v1/namespaces/" + namespace + "/pods/" + textAt(pod, "metadata", "name")); err != nil {
				return err
			}
		}
	}
	return nil
}

// remove deletes an object; that it is gone already is fine.
func (c *controller) remove(path string) error {
	_, err := c.kube.send("DELETE", path, nil)
	if isCode(err, 404) {
		return nil
	}
	return err
}
