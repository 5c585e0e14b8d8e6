// SPDX-License-Identifier: Apache-2.0

// The short load of the demonstration.
//
//	load ADDRESS REQUESTS
//
// Makes so many requests to recommendd, some at a time, and says how they ended.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
)

const atOnce = 100

// ask returns whether the answer came in time.
func ask(address string, user int) bool {
	answer, err := http.Get(fmt.Sprintf("http://%s/recommend?user=%d", address, user))
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, answer.Body)
	return answer.StatusCode == http.StatusOK
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: load ADDRESS REQUESTS")
	}
	n, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = atOnce
	var inTime int64
	var clients sync.WaitGroup
	users := make(chan int)
	for i := 0; i < atOnce; i++ {
		clients.Add(1)
		go func() {
			defer clients.Done()
			for user := range users {
				if ask(os.Args[1], user) {
					atomic.AddInt64(&inTime, 1)
				}
			}
		}()
	}
	for user := 0; user < n; user++ {
		users <- user
	}
	close(users)
	clients.Wait()
	fmt.Printf("%d requests: %d answered, %d timed out\n", n, inTime, int64(n)-inTime)
}
