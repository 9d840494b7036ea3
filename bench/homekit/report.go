package main

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// record is one line of results.
type record struct {
	Part   string `json:"part"`
	Run    int    `json:"run,omitempty"`
	Server string `json:"server,omitempty"`
	Size   int    `json:"size,omitempty"`
	Metric string `json:"metric,omitempty"`
	Unit   string `json:"unit,omitempty"`
	figure
	Machine *machine `json:"machine,omitempty"`
	Note    string   `json:"note,omitempty"`
}

// machine is where and how it was measured.
type machine struct {
	Args  []string  `json:"args"`
	At    time.Time `json:"at"`
	CPU   string    `json:"cpu"`
	Cores int       `json:"cores"`
	OS    string    `json:"os"`
	Go    string    `json:"go"`
	Node  string    `json:"node"`
	Load  string    `json:"load"`
	Rev   string    `json:"revision"`
}

type report struct {
	out *json.Encoder
}

func newReport(w io.Writer) *report { return &report{out: json.NewEncoder(w)} }

func (r *report) add(v record) error { return r.out.Encode(v) }

func (r *report) machine(o *options) {
	m := &machine{Args: os.Args[1:], At: time.Now().UTC().Truncate(time.Second), Cores: runtime.NumCPU(), OS: first("uname", "-sr"),
		Go: runtime.Version(), Node: first("node", "--version"), Rev: first("git", "rev-parse", "--short", "HEAD")}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = strings.Join(strings.Fields(string(text))[:3], " ")
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
			}
		}
	}
	_ = r.add(record{Part: "machine", Machine: m})
}

func first(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
