package osdp

import (
	"bufio"
	"io"
	"net"
	"os"
	"strings"
	"testing"
)

// envReader turns this test binary into a simulated reader at address 5, on a unix socket of that path, for
// tests of the whole program. What happens to it comes on standard input: "type 1234#", "open" (its case),
// "reset" (it forgets its key).
const envReader = "LOQUET_OSDP_READER"

func TestMain(m *testing.M) {
	if path := os.Getenv(envReader); path != "" {
		if err := serveReader(path, os.Stdin); err != nil {
			_, _ = io.WriteString(os.Stderr, err.Error()+"\n")
		}
		return
	}
	m.Run()
}

func serveReader(path string, orders io.Reader) error {
	ln, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	r := new(reader)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go r.serve(conn)
		}
	}()
	lines := bufio.NewScanner(orders)
	for lines.Scan() {
		what, keys, _ := strings.Cut(lines.Text(), " ")
		switch what {
		case "type":
			for _, k := range strings.NewReplacer("#", "\r", "*", "\x7f").Replace(keys) {
				r.happen(nil, frame{id: repKeypad, data: []byte{0, 1, byte(k)}})
			}
		case "open":
			r.happen(nil, frame{id: repLocal, data: []byte{1, 0}})
		case "reset":
			r.set(nil)
		}
	}
	return lines.Err()
}
