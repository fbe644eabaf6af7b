//go:build tools

// This file names the etcd server of the older line, so that go.mod pins it.
package tools

import _ "go.etcd.io/etcd/server/v3"
