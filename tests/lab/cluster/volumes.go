// Volumes that can live on one host only, as OpenEBS makes them: the first ones by hand, later ones on demand.
package main

import "fmt"

const claimsPath = "/api/v1/persistentvolumeclaims"

// volumes makes a StatefulSet's claims, each bound to a volume on another host.
func volumes(h Host, w workload) []object {
	var all []object
	for i := 0; i < min(w.replicas, h.Controllers); i++ {
		claim := fmt.Sprintf("%s-%s-%d", w.name, w.name, i)
		volume := fmt.Sprintf("pvc-00000000-0000-4000-8000-%012d", i+1)
		node := hostName(i + 1)
		all = append(all, localVolume(volume, node, object{"apiVersion": "v1", "kind": "PersistentVolumeClaim",
			"namespace": w.namespace, "name": claim}), object{
			"apiVersion": "v1", "kind": "PersistentVolumeClaim",
			"metadata": object{"name": claim, "namespace": w.namespace, "labels": object{"app": w.name}, "annotations": object{
				"volume.kubernetes.io/selected-node": node, "volume.kubernetes.io/storage-provisioner": "openebs.io/local",
				"volume.beta.kubernetes.io/storage-provisioner": "openebs.io/local"}},
			"spec": claimSpec(volume),
		})
	}
	return all
}

func localVolume(name, node string, claim object) object {
	return object{
		"apiVersion": "v1", "kind": "PersistentVolume",
		"metadata": object{"name": name, "labels": object{"openebs.io/cas-type": "local-hostpath"},
			"annotations": object{"pv.kubernetes.io/provisioned-by": "openebs.io/local"}},
		"spec": object{
			"capacity": object{"storage": "1Gi"}, "accessModes": list{"ReadWriteOnce"}, "volumeMode": "Filesystem",
			"persistentVolumeReclaimPolicy": "Delete", "storageClassName": "openebs-hostpath",
			"local": object{"path": dataDir + "/openebs-local/" + name, "fsType": ""}, "claimRef": claim,
			"nodeAffinity": object{"required": object{"nodeSelectorTerms": list{object{"matchExpressions": list{object{
				"key": "kubernetes.io/hostname", "operator": "In", "values": list{node}}}}}}},
		},
	}
}

func claimSpec(volume string) object {
	spec := object{"accessModes": list{"ReadWriteOnce"}, "storageClassName": "openebs-hostpath",
		"resources": object{"requests": object{"storage": "1Gi"}}}
	if volume != "" {
		spec["volumeName"] = volume
	}
	return spec
}

// provision makes a volume for every claim whose pod the scheduler has placed, as OpenEBS's provisioner does.
func (c *controller) provision() error {
	claims, err := c.kube.items(claimsPath)
	if err != nil {
		return err
	}
	for _, claim := range claims {
		node := textAt(claim, "metadata", "annotations", "volume.kubernetes.io/selected-node")
		if node == "" || textAt(claim, "spec", "volumeName") != "" || textAt(claim, "status", "phase") != "Pending" {
			continue
		}
		reference := object{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": textAt(claim, "metadata", "namespace"),
			"name": textAt(claim, "metadata", "name"), "uid": textAt(claim, "metadata", "uid")}
		volume := localVolume("pvc-"+textAt(claim, "metadata", "uid"), node, reference)
		if err := c.kube.create("/api/v1/persistentvolumes", volume); err != nil {
			return err
		}
	}
	return nil
}
