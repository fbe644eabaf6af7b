// Applying manifests: the leader's part of k0s, and of the installer and NetBox Enterprise after it.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// plurals names the collection of every kind the lab creates; a kind with a "!" is cluster-scoped.
var plurals = map[string]string{
	"CustomResourceDefinition": "!customresourcedefinitions", "Namespace": "!namespaces", "Installation": "!installations",
	"StorageClass": "!storageclasses", "PersistentVolume": "!persistentvolumes", "ClusterConfig": "clusterconfigs",
	"NetBoxEnterprise": "netboxenterprises", "Service": "services", "PodDisruptionBudget": "poddisruptionbudgets",
	"PersistentVolumeClaim": "persistentvolumeclaims", "Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets",
}

func collection(apiVersion, kind, namespace string) (string, error) {
	plural, known := plurals[kind]
	if !known {
		return "", fmt.Errorf("no plural for kind %s", kind)
	}
	base := "/apis/" + apiVersion
	if !strings.Contains(apiVersion, "/") {
		base = "/api/" + apiVersion
	}
	if plural, cluster := strings.CutPrefix(plural, "!"); cluster {
		return base + "/" + plural, nil
	}
	return base + "/namespaces/" + namespace + "/" + plural, nil
}

func (c *controller) applyManifests() error {
	if err := c.applyYAML(crdManifests); err != nil {
		return err
	}
	if !c.Workloads {
		return nil
	}
	text := strings.NewReplacer("GRACE", c.Configured, "NOW", seconds(time.Now())).Replace(clusterManifests)
	if err := c.applyYAML(text); err != nil {
		return err
	}
	for _, o := range workloads(c.Host) {
		path, err := collection(textAt(o, "apiVersion"), textAt(o, "kind"), textAt(o, "metadata", "namespace"))
		if err != nil {
			return err
		}
		if err := c.kube.create(path, o); err != nil {
			return fmt.Errorf("%s %s: %w", o["kind"], textAt(o, "metadata", "name"), err)
		}
	}
	return nil
}

var manifestFields = regexp.MustCompile(`(?m)^(apiVersion|kind): (\S+)`)
var manifestName = regexp.MustCompile(`(?s)metadata:\s*\{?\s*name: "?([^\s",}]+)`)
var manifestNamespace = regexp.MustCompile(`namespace: ([^\s,}]+)`)

// applyYAML creates the objects of a file; the API server reads YAML itself.
func (c *controller) applyYAML(text string) error {
	for _, document := range strings.Split(text, "\n---\n") {
		fields := map[string]string{}
		for _, match := range manifestFields.FindAllStringSubmatch(document, -1) {
			fields[match[1]] = match[2]
		}
		namespace := ""
		if match := manifestNamespace.FindStringSubmatch(document); match != nil {
			namespace = match[1]
		}
		path, err := collection(fields["apiVersion"], fields["kind"], namespace)
		if err != nil {
			return err
		}
		if err := c.applyOne(path, []byte(document)); err != nil {
			return fmt.Errorf("%s: %w", fields["kind"], err)
		}
	}
	return nil
}

// applyOne creates an object, and its status where the document has one.
func (c *controller) applyOne(path string, document []byte) error {
	_, err := c.kube.send("POST", path, document)
	var refused *apiError
	if errors.As(err, &refused) && refused.Code == 409 {
		return nil
	}
	at := strings.Index(string(document), "\nstatus:\n")
	if err != nil || at < 0 {
		return err
	}
	name := manifestName.FindStringSubmatch(string(document))[1]
	object, err := c.kube.send("GET", path+"/"+name, nil)
	if err != nil {
		return err
	}
	return c.putStatus(path+"/"+name, object, string(document)[at:])
}

// putStatus adds the status, still YAML, to the stored object, as JSON is YAML as well.
func (c *controller) putStatus(path string, stored object, status string) error {
	metadata, _ := json.Marshal(stored["metadata"])
	spec, _ := json.Marshal(stored["spec"])
	text := fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: %s\nspec: %s%s", stored["apiVersion"], stored["kind"], metadata, spec, status)
	_, err := c.kube.send("PUT", path+"/status", []byte(text))
	return err
}
