// SPDX-License-Identifier: Apache-2.0

// A recommendation service with the leak that parkwatch was made for.
//
//	recommendd [--fixed[=select|call]] [--listen ADDRESS]
//
// GET /recommend?user=N answers with scores, or 504 when the remote that has them takes longer than
// a request may. The handler asks the remote in a goroutine of its own and waits for the scores on
// an unbuffered channel, or for its timeout. After a timeout nobody will ever receive: the
// goroutine is parked in its send for good, with its stack and its scores. There is no profiling
// endpoint.
//
// --fixed=select (which --fixed alone means) has the sender give up when the request has ended;
// --fixed=call keeps the timeout inside the call and makes it without a goroutine.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	timeout    = 50 * time.Millisecond
	remoteFast = 5 * time.Millisecond
	remoteSlow = 80 * time.Millisecond
	slowEvery  = 2 // under load, every second call is slow
	nScores    = 512
)

type scores []float64

// repair is the value of --fixed; "" is the incident as it was.
type repair string

func (r *repair) String() string   { return string(*r) }
func (r *repair) IsBoolFlag() bool { return true }

func (r *repair) Set(text string) error {
	switch text {
	case "true":
		text = "select"
	case "select", "call":
	default:
		return fmt.Errorf("not select or call")
	}
	*r = repair(text)
	return nil
}

// remoteScores stands for a call over the network.
func remoteScores(ctx context.Context, user int) (scores, error) {
	takes := remoteFast
	if user%slowEvery == 0 {
		takes = remoteSlow
	}
	timer := time.NewTimer(takes)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	found := make(scores, nScores)
	for i := range found {
		found[i] = float64(user % (i + 1))
	}
	return found, nil
}

// fetchScores sends what the remote knows.
func fetchScores(result chan<- scores, user int) {
	found, err := remoteScores(context.Background(), user)
	if err == nil {
		result <- found
	}
}

func fetchScoresUnlessDone(ctx context.Context, result chan<- scores, user int) {
	found, err := remoteScores(context.Background(), user)
	if err != nil {
		return
	}
	select {
	case result <- found:
	case <-ctx.Done():
	}
}

func (r repair) recommend(ctx context.Context, user int) (scores, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if r == "call" {
		return remoteScores(ctx, user)
	}
	result := make(chan scores)
	if r == "select" {
		go fetchScoresUnlessDone(ctx, result, user)
	} else {
		go fetchScores(result, user)
	}
	select {
	case found := <-result:
		return found, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r repair) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	user, err := strconv.Atoi(request.URL.Query().Get("user"))
	if err != nil || user < 0 {
		http.Error(answer, "user is a number", http.StatusBadRequest)
		return
	}
	found, err := r.recommend(request.Context(), user)
	if err != nil {
		http.Error(answer, "no scores in time", http.StatusGatewayTimeout)
		return
	}
	fmt.Fprintln(answer, len(found))
}

func main() {
	var how repair
	flag.Var(&how, "fixed", "repair the handler: select or call")
	address := flag.String("listen", "127.0.0.1:0", "address to listen on")
	flag.Parse()
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", listener.Addr())
	routes := http.NewServeMux()
	routes.Handle("/recommend", how)
	log.Fatal(http.Serve(listener, routes))
}
