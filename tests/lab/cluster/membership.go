// Joining and leaving: the join API on port 9443, and what `k0s etcd leave` does.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"
)

const joinPath = "/v1beta1/etcd/members"

type joinRequest struct {
	Node        string `json:"node"`
	PeerAddress string `json:"peerAddress"`
}

type joinReply struct {
	InitialCluster []string `json:"initialCluster"`
}

// serveJoin answers joining controllers on this host's address; they prove themselves with a cluster certificate.
func (c *controller) serveJoin() error {
	roots := x509.NewCertPool()
	ca, err := os.ReadFile(pkiDir + "/ca.crt")
	if err != nil {
		return err
	}
	roots.AppendCertsFromPEM(ca)
	pair, err := tls.LoadX509KeyPair(pkiDir+"/k0s-api.crt", pkiDir+"/k0s-api.key")
	if err != nil {
		return err
	}
	listener, err := tls.Listen("tcp", c.ip()+":9443", &tls.Config{Certificates: []tls.Certificate{pair},
		ClientCAs: roots, ClientAuth: tls.VerifyClientCertIfGiven})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+joinPath, func(w http.ResponseWriter, r *http.Request) {
		var req joinRequest
		if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
			http.Error(w, "not authorized", http.StatusUnauthorized)
			return
		}
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		reply, err := c.admit(req)
		if err != nil {
			c.log.write("error", "k0s-control-api", err.Error())
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		writeReply(w, reply)
	})
	go http.Serve(listener, mux)
	return nil
}

// admit adds the host as a learner, unless it is a member that has not started yet.
func (c *controller) admit(req joinRequest) (joinReply, error) {
	url := "https://" + req.PeerAddress + ":2380"
	members, err := c.etcd.members()
	if err != nil {
		return joinReply{}, err
	}
	if !slices.ContainsFunc(members, func(m etcdMember) bool { return slices.Contains(m.PeerURLs, url) }) {
		if members, err = c.etcd.add(url); err != nil {
			return joinReply{}, err
		}
	}
	var reply joinReply
	for _, m := range members {
		name := m.Name
		if slices.Contains(m.PeerURLs, url) {
			name = req.Node
		}
		for _, peer := range m.PeerURLs {
			reply.InitialCluster = append(reply.InitialCluster, name+"="+peer)
		}
	}
	return reply, nil
}

// askToJoin asks the other hosts in turn for membership.
func (c *controller) askToJoin() ([]string, error) {
	client := *c.kube.http
	client.Timeout = 3 * time.Second
	body, _ := json.Marshal(joinRequest{c.name(), c.ip()})
	var failed error
	for n := 1; n <= c.Hosts; n++ {
		if n == c.N {
			continue
		}
		reply, err := exchange(&client, "POST", "https://"+hostIP(n)+":9443"+joinPath, "application/json", body)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", hostName(n), err))
			continue
		}
		var members []string
		for _, entry := range listAt(reply, "initialCluster") {
			members = append(members, fmt.Sprint(entry))
		}
		return members, nil
	}
	return nil, failed
}

// leave removes the member with this peer address from etcd, and marks its EtcdMember as k0s does.
func leave(peerAddress string) error {
	etcd, err := newEtcdClient()
	if err != nil {
		return err
	}
	members, err := etcd.members()
	if err != nil {
		return err
	}
	for _, m := range members {
		if slices.Contains(m.PeerURLs, "https://"+peerAddress+":2380") {
			if err := etcd.remove(m.ID); err != nil {
				return err
			}
			kube, err := newKubeClient(pkiDir + "/admin.conf")
			if err != nil {
				return err
			}
			return markGone(kube, hexID(m.ID))
		}
	}
	return fmt.Errorf("peer %s is not a member of the etcd cluster", peerAddress)
}

// markGone sets Joined=False on the EtcdMember objects of a member that etcd no longer has.
func markGone(kube *kubeClient, id string) error {
	objects, err := kube.items(etcdMembersPath)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if textAt(o, "status", "memberID") == id {
			err = errors.Join(err, setJoined(kube, o, "False", "No such member ID", "Success"))
		}
	}
	return err
}

// setJoined writes an EtcdMember's status unless it already says so.
func setJoined(kube *kubeClient, o object, status, message, reconcile string) error {
	name := textAt(o, "metadata", "name")
	if conditions := listAt(o, "status", "conditions"); len(conditions) > 0 && textAt(o, "status", "message") == message {
		if first, ok := conditions[0].(object); ok && first["status"] == status {
			return nil
		}
	}
	_, err := kube.send("PATCH", etcdMembersPath+"/"+name+"/status", object{"status": object{
		"message": message, "reconcileStatus": reconcile,
		"conditions": list{joinedCondition(status, message)},
	}})
	return err
}

func joinedCondition(status, message string) object {
	return object{"type": "Joined", "status": status, "message": message, "lastTransitionTime": seconds(time.Now())}
}

// hexID turns the gateway's decimal member id into the hexadecimal one people see.
func hexID(decimal string) string {
	n, _ := strconv.ParseUint(decimal, 10, 64)
	return strconv.FormatUint(n, 16)
}
