// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

// GET /livez with Go's standard library, with the same body and headers as the service. dev/bench compares HTTP with
// it.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log"
	"net"
	"net/http"
)

func main() {
	http.HandleFunc("/livez", func(answer http.ResponseWriter, request *http.Request) {
		var id [8]byte
		rand.Read(id[:])
		header := answer.Header()
		header.Set("Content-Type", "application/json")
		header.Set("X-Request-Id", hex.EncodeToString(id[:]))
		header.Set("Server", "rbd-rest-api")
		answer.Write([]byte(`{"status":"ok"}`))
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}
