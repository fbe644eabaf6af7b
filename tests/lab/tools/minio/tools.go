//go:build tools

// This file names the object storage of the lab, so that go.mod pins it.
package tools

import _ "github.com/minio/minio/cmd"
