// Package figures is what benchmarks write down: distributions, the lines of a file of results, and where they came from.
package figures

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Record is one line of results.
type Record struct {
	Part   string `json:"part"`
	Run    int    `json:"run,omitempty"`
	Server string `json:"server,omitempty"`
	Size   int    `json:"size,omitempty"`
	Metric string `json:"metric,omitempty"`
	Unit   string `json:"unit,omitempty"`
	Figure
	Machine *Machine `json:"machine,omitempty"`
	Note    string   `json:"note,omitempty"`
}

// Machine is where and how it was measured.
type Machine struct {
	Tool  string    `json:"tool,omitempty"` // the folder; empty: bench/homekit
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

// Report writes records, one a line.
type Report struct {
	out *json.Encoder
}

// NewReport returns one that writes to w.
func NewReport(w io.Writer) *Report { return &Report{out: json.NewEncoder(w)} }

// Add writes a record.
func (r *Report) Add(v Record) error { return r.out.Encode(v) }

// Machine writes where it is measured, and by which command.
func (r *Report) Machine(tool string) {
	m := &Machine{Tool: tool, Args: os.Args[1:], At: time.Now().UTC().Truncate(time.Second), Cores: runtime.NumCPU(), OS: first("uname", "-sr"),
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
	_ = r.Add(Record{Part: "machine", Machine: m})
}

func first(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
