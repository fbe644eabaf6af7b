// A relay before etcd's client port, for `lab up --etcd-relay`: it passes everything on, and can be told to lose the reply of
// a removal, to hold it back for ever, or to ask etcd for the removal of another member than was asked for, so that etcd itself refuses.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	removal     = "/etcdserverpb.Cluster/MemberRemove"
	behindRelay = 12379
)

// etcdPort is where etcd itself listens for clients.
func (h Host) etcdPort() int {
	if h.EtcdRelay {
		return behindRelay
	}
	return 2379
}

// serveRelay stands on etcd's usual port.
func (c *controller) serveRelay() error {
	if !c.EtcdRelay {
		return nil
	}
	ca, err := os.ReadFile(pkiDir + "/etcd/ca.crt")
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	own, err := tls.LoadX509KeyPair(pkiDir+"/etcd/server.crt", pkiDir+"/etcd/server.key")
	if err != nil {
		return err
	}
	client, err := tls.LoadX509KeyPair(pkiDir+"/apiserver-etcd-client.crt", pkiDir+"/apiserver-etcd-client.key")
	if err != nil {
		return err
	}
	onward := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{client}}}
	etcd := &url.URL{Scheme: "https", Host: fmt.Sprintf("127.0.0.1:%d", c.etcdPort())}
	quiet := log.New(io.Discard, "", 0)
	proxy := &httputil.ReverseProxy{Transport: onward, FlushInterval: -1, ErrorLog: quiet,
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(etcd) }}
	server := &http.Server{Addr: "127.0.0.1:2379", ErrorLog: quiet,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{own}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == removal {
				c.relayRemoval(w, r, proxy)
				return
			}
			proxy.ServeHTTP(w, r)
		})}
	go server.ListenAndServeTLS("", "")
	return nil
}

// relayRemoval does what the file `relay` of the host says, and writes down in `relay.log` what was asked of etcd.
func (c *controller) relayRemoval(w http.ResponseWriter, r *http.Request, proxy *httputil.ReverseProxy) {
	order, _ := os.ReadFile(filepath.Join(c.Dir, "relay"))
	words := strings.Fields(string(order))
	asked, err := io.ReadAll(io.LimitReader(r.Body, 1<<10))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	body := asked
	if len(words) == 2 && words[0] == "misdirect" {
		body = removalOf(words[1])
	}
	c.note(fmt.Sprintf("%x passed on as %x: %s", asked, body, strings.Join(words, " ")))
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	switch {
	case len(words) == 1 && words[0] == "lose":
		proxy.ServeHTTP(&lostReply{header: http.Header{}}, r)
		panic(http.ErrAbortHandler)
	case len(words) == 1 && words[0] == "hold":
		proxy.ServeHTTP(&lostReply{header: http.Header{}}, r)
		<-r.Context().Done()
	default:
		proxy.ServeHTTP(w, r)
	}
}

func (c *controller) note(line string) {
	file, err := os.OpenFile(filepath.Join(c.Dir, "relay.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	defer file.Close()
	fmt.Fprintln(file, time.Now().UTC().Format(time.RFC3339), line)
}

// removalOf is a gRPC message that asks for the removal of a member.
func removalOf(hexID string) []byte {
	id, _ := strconv.ParseUint(hexID, 16, 64)
	message := binary.AppendUvarint([]byte{0x08}, id)
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

// lostReply takes an answer that nobody gets.
type lostReply struct{ header http.Header }

func (l *lostReply) Header() http.Header         { return l.header }
func (l *lostReply) Write(p []byte) (int, error) { return len(p), nil }
func (l *lostReply) WriteHeader(int)             {}
