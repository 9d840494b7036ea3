package gpiolab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Chip is a chip of gpio-sim (Linux, Documentation/admin-guide/gpio/gpio-sim.rst): what the outside
// of its lines sees and does is in sysfs.
type Chip struct {
	t      *testing.T
	config string
	dir    string // where its pins are

	mu    sync.Mutex
	pulls map[int]*os.File // kept open: opening one takes longer than a pulse
}

// Plug makes a chip and plugs it in.
func Plug(t *testing.T, label string, lines int, names map[int]string) *Chip {
	t.Helper()
	c := &Chip{t: t, config: filepath.Join("/sys/kernel/config/gpio-sim", label)}
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
	c.Live(true)
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

// Live plugs the chip in or out.
func (c *Chip) Live(in bool) {
	c.t.Helper()
	c.mu.Lock()
	for _, f := range c.pulls {
		_ = f.Close()
	}
	c.pulls = map[int]*os.File{}
	c.mu.Unlock()
	if !in {
		c.write(filepath.Join(c.config, "live"), "0")
		return
	}
	c.write(filepath.Join(c.config, "live"), "1")
	c.dir = filepath.Join("/sys/devices/platform", c.read(filepath.Join(c.config, "dev_name")), c.read(filepath.Join(c.config, "bank0", "chip_name")))
}

func (c *Chip) mkdir(path string) {
	c.t.Helper()
	if err := os.Mkdir(path, 0o755); err != nil {
		c.t.Fatal(err)
	}
}

func (c *Chip) write(path, s string) {
	c.t.Helper()
	if err := os.WriteFile(path, []byte(s), 0); err != nil {
		c.t.Fatal(err)
	}
}

func (c *Chip) read(path string) string {
	c.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// Path is the character device of the chip.
func (c *Chip) Path() string {
	return filepath.Join("/dev", c.read(filepath.Join(c.config, "bank0", "chip_name")))
}

// Label is its label.
func (c *Chip) Label() string { return filepath.Base(c.config) }

// Voltage is the voltage of a pin, of a chip that may be away.
func (c *Chip) Voltage(offset int) (bool, error) {
	b, err := os.ReadFile(filepath.Join(c.dir, fmt.Sprintf("sim_gpio%d", offset), "value"))
	return strings.TrimSpace(string(b)) == "1", err
}

// High is Voltage of a chip that is there.
func (c *Chip) High(offset int) bool {
	c.t.Helper()
	high, err := c.Voltage(offset)
	if err != nil {
		c.t.Fatal(err)
	}
	return high
}

// Drive pulls a pin. A request with a bias pulls it, too: what is wired to an input is driven after it.
func (c *Chip) Drive(offset int, high bool) {
	c.t.Helper()
	if err := c.Pull(offset, high); err != nil {
		c.t.Fatal(err)
	}
}

// Pull is Drive for other goroutines than the test's own, one a pin. It takes some 20 µs.
func (c *Chip) Pull(offset int, high bool) error {
	c.mu.Lock()
	f := c.pulls[offset]
	if f == nil {
		var err error
		if f, err = os.OpenFile(filepath.Join(c.dir, fmt.Sprintf("sim_gpio%d", offset), "pull"), os.O_WRONLY, 0); err != nil {
			c.mu.Unlock()
			return err
		}
		c.pulls[offset] = f
	}
	c.mu.Unlock()
	pull := "pull-down"
	if high {
		pull = "pull-up"
	}
	_, err := f.WriteAt([]byte(pull), 0)
	return err
}
