// Keys and certificates: the cluster's authorities, and each host's own certificates in k0s's places.
package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

type authority struct {
	cert *x509.Certificate
	key  *rsa.PrivateKey
}

// pkiStore is what all controllers of a cluster share, and one key per host for all its certificates.
type pkiStore struct {
	cluster, etcd, frontProxy authority
	serviceAccount            *rsa.PrivateKey
	hostKeys                  []*rsa.PrivateKey
}

// leaf describes one certificate of a host; its file is <pki>/<path>.crt.
type leaf struct {
	path   string
	signer *authority
	cn     string
	org    string
	names  []string // DNS names and addresses
}

func newPKIStore(hosts int) (*pkiStore, error) {
	keys := make([]*rsa.PrivateKey, hosts+4)
	errs := make([]error, len(keys))
	var group sync.WaitGroup
	for i := range keys {
		group.Add(1)
		go func() {
			defer group.Done()
			keys[i], errs[i] = rsa.GenerateKey(rand.Reader, 2048)
		}()
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	s := &pkiStore{serviceAccount: keys[3], hostKeys: keys[4:]}
	var err error
	for i, a := range []*authority{&s.cluster, &s.etcd, &s.frontProxy} {
		cn := []string{"kubernetes-ca", "etcd-ca", "kubernetes-front-proxy-ca"}[i]
		if *a, err = newAuthority(cn, keys[i]); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func newAuthority(cn string, key *rsa.PrivateKey) (authority, error) {
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: cn},
		NotBefore: time.Now().Add(-5 * time.Minute), NotAfter: time.Now().AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return authority{}, err
	}
	cert, err := x509.ParseCertificate(der)
	return authority{cert, key}, err
}

func serial() *big.Int {
	n, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return n
}

// issue signs a certificate that ends `lifetime` from now (in the past if negative).
func (l leaf) issue(public crypto.PublicKey, lifetime time.Duration) ([]byte, error) {
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: l.cn},
		NotBefore: time.Now().Add(-5*time.Minute + min(0, 2*lifetime)), NotAfter: time.Now().Add(lifetime),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if l.org != "" {
		template.Subject.Organization = []string{l.org}
	}
	for _, name := range l.names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, l.signer.cert, public, l.signer.key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
}

// leaves lists the certificates a k0s controller has.
func (s *pkiStore) leaves(h Host) []leaf {
	local := []string{"127.0.0.1", "localhost"}
	api := append([]string{h.ip(), h.name(), serviceIP, "kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc.cluster", "kubernetes.default.svc.cluster.local"}, local...)
	return []leaf{
		{"admin", &s.cluster, "kubernetes-admin", "system:masters", nil},
		{"ccm", &s.cluster, "system:kube-controller-manager", "system:kube-controller-manager", nil},
		{"scheduler", &s.cluster, "system:kube-scheduler", "system:kube-scheduler", nil},
		{"server", &s.cluster, "kubernetes", "kubernetes", api},
		{"k0s-api", &s.cluster, "k0s-api", "kubernetes", append([]string{h.ip(), h.name()}, local...)},
		{"kubelet", &s.cluster, "system:node:" + h.name(), "system:nodes", append([]string{h.ip(), h.name()}, local...)},
		{"apiserver-kubelet-client", &s.cluster, "apiserver-kubelet-client", "system:masters", nil},
		{"front-proxy-client", &s.frontProxy, "front-proxy-client", "front-proxy-client", nil},
		{"apiserver-etcd-client", &s.etcd, "apiserver-etcd-client", "apiserver-etcd-client", local},
		{"etcd/server", &s.etcd, "etcd-server", "etcd-server", local},
		{"etcd/peer", &s.etcd, h.name(), "etcd-peer", []string{h.ip()}},
	}
}

const year = 365 * 24 * time.Hour

// layPKI writes a host's pki directory with k0s's file modes.
func (s *pkiStore) layPKI(h Host) error {
	dir := h.fs(pkiDir)
	if err := os.MkdirAll(filepath.Join(dir, "etcd"), 0o711); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o751); err != nil {
		return err
	}
	for path, a := range map[string]authority{"ca": s.cluster, "etcd/ca": s.etcd, "front-proxy-ca": s.frontProxy} {
		if err := writePair(dir, path, a.pem(), a.key); err != nil {
			return err
		}
	}
	if err := s.writeServiceAccount(dir); err != nil {
		return err
	}
	for _, l := range s.leaves(h) {
		cert, err := l.issue(s.hostKeys[h.N-1].Public(), year)
		if err != nil {
			return err
		}
		if err := writePair(dir, l.path, cert, s.hostKeys[h.N-1]); err != nil {
			return err
		}
	}
	return s.writeKubeconfigs(dir)
}

func (s *pkiStore) writeServiceAccount(dir string) error {
	public, err := x509.MarshalPKIXPublicKey(s.serviceAccount.Public())
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	if err := os.WriteFile(filepath.Join(dir, "sa.pub"), text, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "sa.key"), keyPEM(s.serviceAccount), 0o640)
}

// writeKubeconfigs makes admin.conf and its like, with the certificates inside.
func (s *pkiStore) writeKubeconfigs(dir string) error {
	users := map[string]string{"admin": "admin.conf", "ccm": "ccm.conf", "scheduler": "scheduler.conf", "kubelet": "../kubelet.conf"}
	for user, file := range users {
		cert, err := os.ReadFile(filepath.Join(dir, user+".crt"))
		if err != nil {
			return err
		}
		key, err := os.ReadFile(filepath.Join(dir, user+".key"))
		if err != nil {
			return err
		}
		encode := base64.StdEncoding.EncodeToString
		text := fmt.Sprintf(kubeconfig, encode(s.cluster.pem()), encode(cert), encode(key))
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

const kubeconfig = `apiVersion: v1
clusters:
- cluster:
    server: https://localhost:6443
    certificate-authority-data: %s
  name: local
contexts:
- context:
    cluster: local
    namespace: default
    user: user
  name: Default
current-context: Default
kind: Config
preferences: {}
users:
- name: user
  user:
    client-certificate-data: %s
    client-key-data: %s
`

// reissue replaces one certificate of a host, for instance with one that has expired.
func (s *pkiStore) reissue(h Host, path string, lifetime time.Duration) error {
	for _, l := range s.leaves(h) {
		if l.path != path {
			continue
		}
		cert, err := l.issue(s.hostKeys[h.N-1].Public(), lifetime)
		if err != nil {
			return err
		}
		if err := writePair(h.fs(pkiDir), path, cert, s.hostKeys[h.N-1]); err != nil {
			return err
		}
		return s.writeKubeconfigs(h.fs(pkiDir))
	}
	return fmt.Errorf("no such certificate: %s", path)
}

func (a authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

func keyPEM(key *rsa.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

func writePair(dir, path string, cert []byte, key *rsa.PrivateKey) error {
	if err := os.WriteFile(filepath.Join(dir, path+".crt"), cert, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, path+".key"), keyPEM(key), 0o640)
}
