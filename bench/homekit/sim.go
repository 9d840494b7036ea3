package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
)

// simulated is the truth about a device: what no bridge can colour.
type simulated struct {
	Edges          int   `json:"edges"`
	LastEdgeUnixNS int64 `json:"last_edge_unix_ns"`
}

var clients sync.Map // of sockets

func (s *server) client() *http.Client {
	c, _ := clients.LoadOrStore(s.api, &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", s.api)
		},
	}})
	return c.(*http.Client)
}

func (s *server) ask(ctx context.Context, method, path string, out any) error {
	request, err := http.NewRequestWithContext(ctx, method, "http://loquet/api/v1/sim/"+path, nil)
	if err != nil {
		return err
	}
	r, err := s.client().Do(request)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s", method, path, r.Status)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(r.Body).Decode(out)
}

func (s *server) happen(ctx context.Context, id, event string) error {
	return s.ask(ctx, http.MethodPost, id+"/"+event, nil)
}

func (s *server) truth(ctx context.Context, id string) (simulated, error) {
	var v simulated
	err := s.ask(ctx, http.MethodGet, id, &v)
	return v, err
}
