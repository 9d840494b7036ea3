package gpio

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// simChip is a chip of gpio-sim (Linux, Documentation/admin-guide/gpio/gpio-sim.rst): what the outside
// of its lines sees and does is in sysfs.
type simChip struct {
	t      *testing.T
	config string
	outside
}

// outside is where the pins are.
type outside struct{ dir string }

// plug makes a chip and plugs it in.
func plug(t *testing.T, label string, lines int, names map[int]string) *simChip {
	t.Helper()
	c := &simChip{t: t, config: filepath.Join("/sys/kernel/config/gpio-sim", label)}
	bank := filepath.Join(c.config, "bank0")
	c.mkdir(c.config)
	c.mkdir(bank)
	c.write(filepath.Join(bank, "num_lines"), strconv.Itoa(lines))
	c.write(filepath.Join(bank, "label"), label)
	var made []string
	for offset, name := range names {
		line := filepath.Join(bank, fmt.Sprintf("line%d", offset))
		c.mkdir(line)
		c.write(filepath.Join(line, "name"), name)
		made = append(made, line)
	}
	c.live(true)
	t.Cleanup(func() {
		c.write(filepath.Join(c.config, "live"), "0")
		for _, dir := range append(made, bank, c.config) {
			if err := os.Remove(dir); err != nil {
				t.Error(err)
			}
		}
	})
	return c
}

// live plugs the chip in or out.
func (c *simChip) live(in bool) {
	c.t.Helper()
	if !in {
		c.write(filepath.Join(c.config, "live"), "0")
		return
	}
	c.write(filepath.Join(c.config, "live"), "1")
	c.dir = filepath.Join("/sys/devices/platform", c.read(filepath.Join(c.config, "dev_name")), c.read(filepath.Join(c.config, "bank0", "chip_name")))
}

func (c *simChip) mkdir(path string) {
	c.t.Helper()
	if err := os.Mkdir(path, 0o755); err != nil {
		c.t.Fatal(err)
	}
}

func (c *simChip) write(path, s string) {
	c.t.Helper()
	if err := os.WriteFile(path, []byte(s), 0); err != nil {
		c.t.Fatal(err)
	}
}

func (c *simChip) read(path string) string {
	c.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// high is the voltage of a pin.
func (o outside) high(offset int) (bool, error) {
	b, err := os.ReadFile(filepath.Join(o.dir, fmt.Sprintf("sim_gpio%d", offset), "value"))
	return strings.TrimSpace(string(b)) == "1", err
}

// High is high of a chip that is there.
func (c *simChip) High(offset int) bool {
	c.t.Helper()
	high, err := c.high(offset)
	if err != nil {
		c.t.Fatal(err)
	}
	return high
}

// Drive pulls a pin.
func (c *simChip) Drive(offset int, high bool) {
	c.t.Helper()
	pull := "pull-down"
	if high {
		pull = "pull-up"
	}
	c.write(filepath.Join(c.dir, fmt.Sprintf("sim_gpio%d", offset), "pull"), pull)
}

// probed is the real kernel with a look at one pin after each call that can change it.
type probed struct {
	linux
	look func() bool

	mu     sync.Mutex
	levels []bool // after each call
	rest   bool   // after the newest request
	clicks int    // how often a call took the pin from there
	was    bool
}

func probe1(c *simChip, offset int) *probed {
	return &probed{look: func() bool { high, _ := c.high(offset); return high }}
}

func (p *probed) open(path string) (chip, error) {
	c, err := p.linux.open(path)
	if err != nil {
		return nil, err
	}
	return probedChip{c, p}, nil
}

func (p *probed) after(request bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	level := p.look()
	p.levels = append(p.levels, level)
	switch {
	case request:
		p.rest = level
	case p.was == p.rest && level != p.rest:
		p.clicks++
	}
	p.was = level
}

// seen is what the pin was after each call, and forgets it.
func (p *probed) seen() []bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	levels := p.levels
	p.levels = nil
	return levels
}

func (p *probed) Clicks() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clicks
}

type probedChip struct {
	chip
	p *probed
}

func (c probedChip) request(r lineRequest) (request, error) {
	req, err := c.chip.request(r)
	if r.Config.Flags&flagOutput == 0 || err != nil {
		return req, err
	}
	c.p.after(true)
	return probedRequest{req, c.p}, nil
}

type probedRequest struct {
	request
	p *probed
}

func (r probedRequest) set(bits, mask uint64) error {
	err := r.request.set(bits, mask)
	r.p.after(false)
	return err
}
