package serial_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/loquet/loquet/internal/serial"
	"github.com/loquet/loquet/internal/serial/serialtest"
)

// Every byte goes through as it is, both ways, at every speed.
func TestBytesAsTheyAre(t *testing.T) {
	far, near, err := serialtest.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	defer near.Close()
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, baud := range serial.Bauds() {
		for _, parity := range []serial.Parity{serial.None, serial.Even, serial.Odd} {
			p, err := serial.Open(near.Name(), serial.Mode{Baud: baud, Parity: parity})
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(all))
			if _, err := p.Write(all); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(far, got); err != nil || !bytes.Equal(got, all) {
				t.Errorf("%d baud: %v, % x", baud, err, got)
			}
			if err := p.Drain(); err != nil {
				t.Error(err)
			}
			clear(got)
			if _, err := far.Write(all); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(p, got); err != nil || !bytes.Equal(got, all) {
				t.Errorf("%d baud: %v, % x", baud, err, got)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestCloseEndsReads(t *testing.T) {
	far, near, err := serialtest.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	p, err := serial.Open(near.Name(), serial.Mode{Baud: 9600})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := p.Read(make([]byte, 1))
		ended <- err
	}()
	far.Close()
	if err := <-ended; err == nil {
		t.Error("a port that is gone can be read")
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestNoPort(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, file + "-not-there", "/dev/null"} {
		if _, err := serial.Open(path, serial.Mode{Baud: 9600}); err == nil {
			t.Errorf("%s is taken for a serial port", path)
		}
	}
	if _, err := serial.Open("/dev/null", serial.Mode{Baud: 31}); err == nil {
		t.Error("31 baud")
	}
}
