//go:build tools

// This file names the kubelet simulator the lab builds, so that go.mod pins it.
package tools

import _ "sigs.k8s.io/kwok/cmd/kwok"
