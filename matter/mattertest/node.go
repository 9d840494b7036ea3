package mattertest

import (
	"context"
	"net"
	"testing"

	"github.com/loquet/loquet/matter/message"
	"github.com/loquet/loquet/matter/mrp"
	"github.com/loquet/loquet/matter/securechannel"
	"github.com/loquet/loquet/matter/session"
)

// Node is an endpoint with its session table, served until the test ends.
type Node struct {
	Endpoint *mrp.Endpoint
	Sessions *session.Table
	Addr     net.Addr
}

// NewNode serves the secure channel, and more protocols if any, at a name in the network.
func NewNode(t testing.TB, n *Network, name string, sessions *session.Table, channel securechannel.Handler, more map[uint32]mrp.ProtocolHandler) *Node {
	t.Helper()
	return NewNodeOn(t, n.Listen(name), sessions, channel, more)
}

// NewNodeOn does the same at a socket, which it closes at the end of the test.
func NewNodeOn(t testing.TB, conn net.PacketConn, sessions *session.Table, channel securechannel.Handler, more map[uint32]mrp.ProtocolHandler) *Node {
	t.Helper()
	channel.Sessions = sessions
	handlers := map[uint32]mrp.ProtocolHandler{message.SecureChannel: channel.Handle}
	for id, h := range more {
		handlers[id] = h
	}
	ep, err := mrp.New(mrp.Config{Conns: []net.PacketConn{conn}, Sessions: sessions, Handlers: handlers})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = ep.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return &Node{ep, sessions, conn.LocalAddr()}
}
