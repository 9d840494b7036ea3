package sealed

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const secret = "correct horse battery staple"

// quick takes no time and no memory; the usual parameters have a test of their own.
func quick() params {
	return params{KDF: "argon2id", Time: 1, Memory: 8, Threads: 1, Salt: []byte("0123456789abcdef")}
}

func sealedWith(t testing.TB, p params, passphrase string, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := seal(&out, passphrase, p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func openAll(b []byte, passphrase string) ([]byte, error) {
	r, err := Open(bytes.NewReader(b), passphrase)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func TestSealAndOpen(t *testing.T) {
	for _, size := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 2 * chunkSize, 3*chunkSize + 7} {
		plain := bytes.Repeat([]byte("loquet "), size/7+1)[:size]
		got, err := openAll(sealedWith(t, quick(), secret, plain), secret)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: %d back, %v", size, len(got), err)
		}
	}
}

// The pieces in which it is written do not matter.
func TestPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(0, chunkSize+3), 0, 5).Draw(t, "sizes")
		var out, plain bytes.Buffer
		w, err := seal(&out, secret, quick())
		if err != nil {
			t.Fatal(err)
		}
		for i, size := range sizes {
			piece := bytes.Repeat([]byte{byte(i)}, size)
			plain.Write(piece)
			if n, err := w.Write(piece); n != size || err != nil {
				t.Fatalf("%d of %d bytes, %v", n, size, err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("x")); err == nil {
			t.Fatal("written after the end")
		}
		got, err := openAll(out.Bytes(), secret)
		if err != nil || !bytes.Equal(got, plain.Bytes()) {
			t.Fatalf("%d bytes back of %d, %v", len(got), plain.Len(), err)
		}
	})
}

// Whatever happens to the file, it never yields anything but a beginning of what was sealed, and never
// ends as if it were complete.
func TestDamageIsNoticed(t *testing.T) {
	plain := bytes.Repeat([]byte("0123456789"), chunkSize/4)
	whole := sealedWith(t, quick(), secret, plain)
	head := bytes.Index(whole, []byte("}\n")) + 2 + 65
	size := chunkSize + 16
	chunk := func(n int) []byte { return whole[head+n*size : min(head+(n+1)*size, len(whole))] }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	start := whole[:head]
	cases := map[string][]byte{
		"without its last chunk":    join(start, chunk(0), chunk(1)),
		"without a middle chunk":    join(start, chunk(0), chunk(2)),
		"without any chunk":         start,
		"two chunks exchanged":      join(start, chunk(1), chunk(0), chunk(2)),
		"a chunk twice":             join(start, chunk(0), chunk(0), chunk(1), chunk(2)),
		"something behind":          join(whole, []byte{0}),
		"itself behind":             join(whole, chunk(0), chunk(1), chunk(2)),
		"cut in the last chunk":     whole[:len(whole)-1],
		"an empty chunk at the end": join(whole, make([]byte, 16)),
	}
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.IntRange(head, len(whole)-1).Draw(t, "at")
		flipped := bytes.Clone(whole)
		flipped[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		cut := whole[:rapid.IntRange(head, len(whole)-1).Draw(t, "cut")]
		for name, b := range map[string][]byte{"flipped": flipped, "cut": cut} {
			damagedOnly(t, name, b, plain)
		}
	})
	for name, b := range cases {
		damagedOnly(t, name, b, plain)
	}
}

type fataler interface{ Fatalf(string, ...any) }

func damagedOnly(t fataler, name string, b, plain []byte) {
	got, err := openAll(b, secret)
	if !errors.Is(err, ErrDamaged) {
		t.Fatalf("%s: %v", name, err)
	}
	if !bytes.HasPrefix(plain, got) {
		t.Fatalf("%s: yields what was not sealed", name)
	}
}

func TestPassphrase(t *testing.T) {
	b := sealedWith(t, quick(), secret, []byte("keys"))
	for _, wrong := range []string{"", "correct horse battery stapl", secret + " ", strings.ToUpper(secret)} {
		if _, err := openAll(b, wrong); !errors.Is(err, ErrPassphrase) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	other := quick()
	other.Salt = []byte("fedcba9876543210")
	if bytes.Equal(sealedWith(t, other, secret, []byte("keys")), b) {
		t.Error("the salt does not matter")
	}
}

// A header is read before anything proves that it is ours: it may ask for little only.
func TestHeaders(t *testing.T) {
	good := string(sealedWith(t, quick(), secret, nil))
	line := good[len(magic) : strings.Index(good, "}\n")+2]
	with := func(old, new string) string {
		changed := strings.Replace(good, old, new, 1)
		if changed == good {
			t.Fatalf("%s is not in the header", old)
		}
		return changed
	}
	for name, tt := range map[string]struct {
		text string
		want error
	}{
		"nothing":             {"", ErrFormat},
		"another file":        {"SQLite format 3\x00", ErrFormat},
		"a long line":         {strings.Repeat("x", 1<<20) + "\n", ErrFormat},
		"newer":               {with("sealed 1", "sealed 2"), ErrFormat},
		"no parameters":       {with(line, "\n"), ErrFormat},
		"another derivation":  {with("argon2id", "scrypt"), ErrFormat},
		"no work":             {with(`"time":1`, `"time":0`), ErrFormat},
		"work without end":    {with(`"time":1`, `"time":4000000000`), ErrFormat},
		"all the memory":      {with(`"memory":8`, `"memory":4000000000`), ErrFormat},
		"too little memory":   {with(`"memory":8`, `"memory":7`), ErrFormat},
		"no threads":          {with(`"threads":1`, `"threads":0`), ErrFormat},
		"a short salt":        {with(`"salt":"MDEy`, `"salt":"`), ErrFormat},
		"other parameters":    {with(`"time":1`, `"time":2`), ErrPassphrase},
		"another proof":       {good[:len(magic)+len(line)] + strings.Repeat("0", 64) + "\n", ErrPassphrase},
		"no proof":            {good[:len(magic)+len(line)], ErrFormat},
		"a proof of no bytes": {good[:len(magic)+len(line)] + "xyz\n", ErrFormat},
	} {
		if _, err := openAll([]byte(tt.text), secret); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

func TestUsual(t *testing.T) {
	var out bytes.Buffer
	w, err := Seal(&out, secret)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "keys"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"time":3,"memory":65536,"threads":4`) {
		t.Errorf("%q", out.String()[:120])
	}
	if got, err := openAll(out.Bytes(), secret); err != nil || string(got) != "keys" {
		t.Errorf("%q, %v", got, err)
	}
}

// A file that lies in a drawer for years is still read.
func TestGolden(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "golden.hex"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	const plain = "a latch, sealed in 2026\n"
	got, err := openAll(b, secret)
	if err != nil || string(got) != plain {
		t.Errorf("%q, %v", got, err)
	}
	if again := sealedWith(t, quick(), secret, []byte(plain)); !bytes.Equal(again, b) {
		t.Errorf("written otherwise now:\n%x", again)
	}
}

func TestFailingDisk(t *testing.T) {
	for _, room := range []int{0, 200, 70_000} {
		w, err := seal(&bounded{left: room}, secret, quick())
		if err == nil {
			_, err = w.Write(make([]byte, 3*chunkSize))
			err = errors.Join(err, w.Close())
		}
		if !errors.Is(err, errFull) {
			t.Errorf("room for %d bytes: %v", room, err)
		}
	}
}

var errFull = errors.New("full")

type bounded struct{ left int }

func (b *bounded) Write(p []byte) (int, error) {
	if len(p) > b.left {
		return 0, errFull
	}
	b.left -= len(p)
	return len(p), nil
}

func FuzzOpen(f *testing.F) {
	f.Add(sealedWith(f, quick(), secret, []byte("keys")))
	f.Add([]byte(magic))
	f.Add([]byte(fmt.Sprintf("%s{}\n%064d\n", magic, 0)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if bytes.Contains(b, []byte(`"memory":`)) && !bytes.Contains(b, []byte(`"memory":8,`)) {
			t.Skip("only slow")
		}
		if got, err := openAll(b, secret); err == nil && string(got) != "keys" {
			t.Errorf("%q was never sealed", got)
		}
	})
}
