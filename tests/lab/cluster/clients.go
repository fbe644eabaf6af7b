// Small clients of the stand-in: the Kubernetes API and etcd's JSON gateway, both on this host.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"time"
)

type kubeClient struct {
	http *http.Client
	base string
}

// apiError is an answer of an API server that is not a success.
type apiError struct {
	Code int
	Body string
}

func (e *apiError) Error() string { return fmt.Sprintf("HTTP %d: %.300s", e.Code, e.Body) }

func isCode(err error, code int) bool {
	var e *apiError
	return errors.As(err, &e) && e.Code == code
}

var kubeconfigFields = regexp.MustCompile(`(server|certificate-authority-data|client-certificate-data|client-key-data): (\S+)`)

func newKubeClient(path string) (*kubeClient, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for _, match := range kubeconfigFields.FindAllStringSubmatch(string(text), -1) {
		fields[match[1]] = match[2]
	}
	decoded := func(name string) []byte {
		data, _ := base64.StdEncoding.DecodeString(fields[name])
		return data
	}
	pair, err := tls.X509KeyPair(decoded("client-certificate-data"), decoded("client-key-data"))
	if err != nil {
		return nil, err
	}
	return &kubeClient{tlsClient(decoded("certificate-authority-data"), pair), fields["server"]}, nil
}

func tlsClient(ca []byte, pair tls.Certificate) *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return &http.Client{Timeout: 8 * time.Second, Transport: &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}},
		MaxIdleConnsPerHost: 4,
	}}
}

// send makes one request; `body` is JSON data, or bytes of YAML.
func (k *kubeClient) send(method, path string, body any) (object, error) {
	contentType := "application/json"
	data, isYAML := body.([]byte)
	switch {
	case isYAML:
		contentType = "application/yaml"
	case body != nil:
		data, _ = json.Marshal(body)
	}
	if method == http.MethodPatch {
		contentType = "application/merge-patch+json"
	}
	return exchange(k.http, method, k.base+path, contentType, data)
}

func exchange(client *http.Client, method, url, contentType string, data []byte) (object, error) {
	req, err := http.NewRequest(method, url, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "k0s/"+k0sVersion)
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 {
		return nil, &apiError{resp.StatusCode, string(text)}
	}
	reply := object{}
	json.Unmarshal(text, &reply)
	return reply, nil
}

func (k *kubeClient) ready() error {
	_, err := k.send("GET", "/readyz", nil)
	return err
}

// create makes an object; that it exists already is fine.
func (k *kubeClient) create(path string, body any) error {
	_, err := k.send("POST", path, body)
	if isCode(err, http.StatusConflict) {
		return nil
	}
	return err
}

// put creates the object or replaces what a merge patch replaces.
func (k *kubeClient) put(path, name string, body object) error {
	_, err := k.send("POST", path, body)
	if isCode(err, http.StatusConflict) {
		_, err = k.send("PATCH", path+"/"+name, body)
	}
	return err
}

// items lists a collection.
func (k *kubeClient) items(path string) ([]object, error) {
	reply, err := k.send("GET", path, nil)
	if err != nil {
		return nil, err
	}
	var found []object
	for _, item := range listAt(reply, "items") {
		if o, ok := item.(object); ok {
			found = append(found, o)
		}
	}
	return found, nil
}

// at walks into nested objects; nil where there is nothing.
func at(o object, path ...string) any {
	var value any = o
	for _, key := range path {
		inner, ok := value.(object)
		if !ok {
			return nil
		}
		value = inner[key]
	}
	return value
}

func textAt(o object, path ...string) string {
	text, _ := at(o, path...).(string)
	return text
}

func listAt(o object, path ...string) list {
	found, _ := at(o, path...).(list)
	return found
}

// etcdClient speaks etcd's JSON gateway on 127.0.0.1, with 64-bit ids as decimal strings.
type etcdClient struct{ http *http.Client }

type etcdMember struct {
	ID        string   `json:"ID"`
	Name      string   `json:"name"`
	PeerURLs  []string `json:"peerURLs"`
	IsLearner bool     `json:"isLearner"`
}

func newEtcdClient() (*etcdClient, error) {
	ca, err := os.ReadFile(pkiDir + "/etcd/ca.crt")
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(pkiDir+"/apiserver-etcd-client.crt", pkiDir+"/apiserver-etcd-client.key")
	return &etcdClient{tlsClient(ca, pair)}, err
}

func (c *controller) etcdListens() bool {
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", c.etcdPort()), time.Second)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

func (e *etcdClient) call(method string, body any, into any) error {
	data, _ := json.Marshal(body)
	reply, err := exchange(e.http, "POST", "https://127.0.0.1:2379/v3/"+method, "application/json", data)
	if err != nil || into == nil {
		return err
	}
	text, _ := json.Marshal(reply)
	return json.Unmarshal(text, into)
}

// members asks with quorum: the answer is the membership, or there is none.
func (e *etcdClient) members() ([]etcdMember, error) {
	var reply struct{ Members []etcdMember }
	err := e.call("cluster/member/list", object{"linearizable": true}, &reply)
	return reply.Members, err
}

func (e *etcdClient) add(peerURL string) ([]etcdMember, error) {
	var reply struct{ Members []etcdMember }
	err := e.call("cluster/member/add", object{"peerURLs": list{peerURL}, "isLearner": true}, &reply)
	return reply.Members, err
}

func (e *etcdClient) promote(id string) error {
	return e.call("cluster/member/promote", object{"ID": id}, nil)
}

func (e *etcdClient) remove(id string) error {
	return e.call("cluster/member/remove", object{"ID": id}, nil)
}
