package mdns

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/miekg/dns"
)

func TestNumbered(t *testing.T) {
	long := strings.Repeat("é", 31) // 62 bytes
	for _, c := range []struct {
		base string
		n    int
		want string
	}{
		{"Loquet", 1, "Loquet"},
		{"Loquet", 2, "Loquet (2)"},
		{long, 1, long},
		{long, 2, strings.Repeat("é", 29) + " (2)"},
		{long, 10, strings.Repeat("é", 29) + " (10)"},
	} {
		if got := numbered(c.base, c.n); got != c.want || len(got) > maxLabel {
			t.Errorf("numbered(%q, %d) = %q, want %q", c.base, c.n, got, c.want)
		}
	}
}

func TestBaseOf(t *testing.T) {
	for _, c := range []struct {
		name, base string
		n          int
	}{
		{"Loquet", "Loquet", 1},
		{"Loquet (2)", "Loquet", 2},
		{"Loquet (10)", "Loquet", 10},
		{"Loquet (1)", "Loquet (1)", 1},
		{"Loquet (02)", "Loquet (02)", 1},
		{"Loquet (+2)", "Loquet (+2)", 1},
		{"Loquet ()", "Loquet ()", 1},
		{" (2)", " (2)", 1},
		{"Loquet (99999999999999999999)", "Loquet (99999999999999999999)", 1},
	} {
		if base, n := baseOf(c.name); base != c.base || n != c.n {
			t.Errorf("baseOf(%q) = %q, %d, want %q, %d", c.name, base, n, c.base, c.n)
		}
	}
}

func TestHostLabel(t *testing.T) {
	for machine, want := range map[string]string{
		"raspberrypi":           "raspberrypi",
		"pi.example.org":        "pi",
		"Anna's MacBook":        "Annas-MacBook",
		"":                      "host",
		"---":                   "host",
		"Küche":                 "Kche",
		strings.Repeat("x", 99): strings.Repeat("x", 40),
	} {
		if got := hostLabel(machine); got != want {
			t.Errorf("hostLabel(%q) = %q, want %q", machine, got, want)
		}
	}
	for _, bad := range []string{"a.b", "ä", "-a", strings.Repeat("x", 64)} {
		if _, err := hostname(bad); err == nil {
			t.Errorf("host name %q was taken", bad)
		}
	}
}

func TestServiceCheck(t *testing.T) {
	good := Service{Instance: "Villa. Rosé", Type: "_hap._tcp", Subtypes: []string{"_CM"}, Port: 1, TXT: []string{"a", "b=", "c=\x00"}}
	if err := good.check(); err != nil {
		t.Errorf("good service: %v", err)
	}
	for name, spoil := range map[string]func(*Service){
		"no instance":       func(s *Service) { s.Instance = "" },
		"long instance":     func(s *Service) { s.Instance = strings.Repeat("x", 64) },
		"bad UTF-8":         func(s *Service) { s.Instance = "\xff" },
		"control character": func(s *Service) { s.Instance = "a\nb" },
		"type without _":    func(s *Service) { s.Type = "hap._tcp" },
		"type of another":   func(s *Service) { s.Type = "_hap._sctp" },
		"long type":         func(s *Service) { s.Type = "_0123456789abcdef._tcp" },
		"empty type":        func(s *Service) { s.Type = "_._tcp" },
		"type with domain":  func(s *Service) { s.Type = "_hap._tcp.local" },
		"empty subtype":     func(s *Service) { s.Subtypes = []string{""} },
		"port 0":            func(s *Service) { s.Port = 0 },
		"port too high":     func(s *Service) { s.Port = 65536 },
		"empty string":      func(s *Service) { s.TXT = []string{""} },
		"string too long":   func(s *Service) { s.TXT = []string{"a=" + strings.Repeat("x", 254)} },
		"no key":            func(s *Service) { s.TXT = []string{"=1"} },
		"key not ASCII":     func(s *Service) { s.TXT = []string{"é=1"} },
		"too many strings":  func(s *Service) { s.TXT = slices.Repeat([]string{"a=" + strings.Repeat("x", 200)}, 7) },
	} {
		s := good
		spoil(&s)
		if err := s.check(); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
}

// An instance name survives the way over the wire, whatever it holds.
func FuzzLabel(f *testing.F) {
	for _, s := range []string{"Villa Rose", "Dr. Müller", `a\b`, `\046`, "a.b", "(\"@;')", "\x00\xff", "日本"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, label string) {
		if validLabel(label) == nil && (len(label) > maxLabel || !utf8.ValidString(label)) {
			t.Fatalf("%q passes as a label", label)
		}
		if label == "" || len(label) > maxLabel {
			return
		}
		name := escapeLabel(label) + "._hap._tcp." + domain
		buf := make([]byte, 512)
		end, err := dns.PackDomainName(name, buf, 0, nil, false)
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		if got := string(buf[1 : 1+buf[0]]); got != label {
			t.Fatalf("on the wire %q, want %q", got, label)
		}
		back, _, err := dns.UnpackDomainName(buf[:end], 0)
		if err != nil || back != name {
			t.Fatalf("read back %q, %v, want %q", back, err, name)
		}
		if got, rest := firstLabel(back); got != label || rest != "_hap._tcp.local." {
			t.Fatalf("split into %q and %q, want %q", got, rest, label)
		}
	})
}

// The strings of a TXT record survive the way over the wire.
func FuzzTXT(f *testing.F) {
	f.Add("sf=1", "id=AA:BB")
	f.Add(`a=\"\000`, "b=\x00\xff")
	f.Add("", "a")
	f.Fuzz(func(t *testing.T, a, b string) {
		txt := []string{a, b}
		if validTXT(txt) != nil {
			return
		}
		rr := &dns.TXT{Hdr: header("a.local.", dns.TypeTXT, 1), Txt: encodeTXT(txt)}
		data, err := rdata(rr)
		if err != nil {
			t.Fatal(err)
		}
		want := string([]byte{byte(len(a))}) + a + string([]byte{byte(len(b))}) + b
		if string(data) != want {
			t.Fatalf("on the wire %q, want %q", data, want)
		}
		buf := make([]byte, 2048)
		end, err := dns.PackRR(rr, buf, 0, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		back, _, err := dns.UnpackRR(buf[:end], 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := decodeTXT(back.(*dns.TXT).Txt); !slices.Equal(got, txt) {
			t.Fatalf("read back %q, want %q", got, txt)
		}
	})
}

func TestNoTXT(t *testing.T) {
	data, err := rdata(&dns.TXT{Hdr: header("a.local.", dns.TypeTXT, 1), Txt: encodeTXT(nil)})
	if err != nil || string(data) != "\x00" {
		t.Errorf("empty TXT record is %q, %v, want one empty string (RFC 6763 6.1)", data, err)
	}
}
