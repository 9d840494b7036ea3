package securechannel

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
	"time"
)

func TestStatus(t *testing.T) {
	tests := map[string]struct {
		s    Status
		hex  string
		want error
	}{
		"established": {Established(), "0000000000000000", nil},
		"no roots":    {Refused(CodeNoSharedRoots), "0100000000000100", ErrRefused},
		"busy":        {Busy(5 * time.Second), "08000000000004008813", ErrRefused},
		"busy long":   {Busy(time.Hour), "080000000000040060ea", ErrRefused},
	}
	for name, tt := range tests {
		if got := hex.EncodeToString(tt.s.Bytes()); got != tt.hex {
			t.Errorf("%s: %s", name, got)
		}
		s, err := ParseStatus(tt.s.Bytes())
		if err != nil || !errors.Is(s.Err(), tt.want) || !bytes.Equal(s.Bytes(), tt.s.Bytes()) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	if _, err := ParseStatus(make([]byte, 7)); !errors.Is(err, ErrStatus) {
		t.Error(err)
	}
}

func FuzzStatus(f *testing.F) {
	f.Add(Busy(time.Second).Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ParseStatus(b); err == nil && !bytes.Equal(s.Bytes(), b) {
			t.Fatalf("%x became %x", b, s.Bytes())
		}
	})
}
