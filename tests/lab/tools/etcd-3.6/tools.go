//go:build tools

// This file names the etcd programs of the lab's default line, so that go.mod pins them.
package tools

import (
	_ "go.etcd.io/etcd/etcdctl/v3"
	_ "go.etcd.io/etcd/server/v3"
)
