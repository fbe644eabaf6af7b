// An S3 server in memory for the tests of external services: it checks signatures, and ends with its standard input.
// Usage: s3 LISTEN KEY SECRET BUCKET; says its address.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/rclone/gofakes3/signature"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: s3 LISTEN KEY SECRET BUCKET")
		os.Exit(64)
	}
	backend := s3mem.New()
	if err := backend.CreateBucket(os.Args[4]); err != nil {
		panic(err)
	}
	signature.StoreKeys(map[string]string{os.Args[2]: os.Args[3]})
	server := gofakes3.New(backend).Server()
	signed := func(w http.ResponseWriter, r *http.Request) {
		if code := signature.V4SignVerify(r); code != signature.ErrNone {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		server.ServeHTTP(w, r)
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	panic(http.Serve(listener, http.HandlerFunc(signed)))
}
