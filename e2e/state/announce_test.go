package state

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/world"
	"github.com/loquet/loquet/hw/sim"
)

// ask5353 asks a network for HomeKit accessories, as a phone that wants to pair does, and returns the texts
// of those that answer.
func ask5353(from *e2e.Host, limit time.Duration, t *testing.T) (texts []map[string]string) {
	t.Helper()
	from.Do(t, func() error {
		conn, err := net.ListenUDP("udp4", nil)
		if err != nil {
			return err
		}
		defer conn.Close()
		query := dnsmessage.Message{Questions: []dnsmessage.Question{{
			Name: dnsmessage.MustNewName("_hap._tcp.local."), Type: dnsmessage.TypePTR, Class: dnsmessage.ClassINET,
		}}}
		packet, err := query.Pack()
		if err != nil {
			return err
		}
		if _, err := conn.WriteToUDP(packet, &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}); err != nil {
			return err
		}
		if err := conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
			return err
		}
		buffer := make([]byte, 9000)
		n, err := conn.Read(buffer)
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			return nil
		}
		if err != nil {
			return err
		}
		var answer dnsmessage.Message
		if err := answer.Unpack(buffer[:n]); err != nil {
			return err
		}
		for _, r := range append(answer.Answers, answer.Additionals...) {
			if txt, ok := r.Body.(*dnsmessage.TXTResource); ok {
				text := map[string]string{}
				for _, pair := range txt.TXT {
					key, value, _ := strings.Cut(pair, "=")
					text[key] = value
				}
				texts = append(texts, text)
			}
		}
		return nil
	})
	return texts
}

// TestNobodyIsInvited: what the network is told of a damaged bridge is that it is paired (sf=0), under the
// id that it had.
func TestNobodyIsInvited(t *testing.T) {
	t.Parallel()
	stopped, killed := goldens.get(t)
	for _, h := range []hurt{
		{golden: stopped, name: "whole", files: stopped.files},
		killed.several("database", gone(), databaseFiles()...),
		killed.several("database and identity.a", overwritten(), "loquet.db", "identity.a"),
		stopped.several("identity", gone(), identityFiles()...),
	} {
		t.Run(strings.ReplaceAll(h.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			home, phone := lab.Pair(t)
			state := filepath.Join(e2e.TempDir(t), "state")
			if err := h.files.write(state); err != nil {
				t.Fatal(err)
			}
			w := world.Start(t, sim.DemoHouse(), fast)
			q := lab.Start(t, e2e.Options{Host: home, State: state, Args: []string{"--world", w.Socket}})
			e2e.Until(t, startLimit, func() string {
				told := ask5353(phone, time.Second, t)
				for _, text := range told {
					if text["id"] != h.golden.deviceID || text["sf"] != "0" {
						t.Fatalf("the network is told %v, want id=%s and sf=0", text, h.golden.deviceID)
					}
				}
				if len(told) == 0 {
					return fmt.Sprintf("an answer from %s", h.golden.deviceID)
				}
				return ""
			})
			q.Stop(t)
		})
	}
}
