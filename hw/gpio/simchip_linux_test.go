package gpio

import (
	"sync"

	"github.com/loquet/loquet/internal/gpiolab"
)

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

func probe1(c *gpiolab.Chip, offset int) *probed {
	return &probed{look: func() bool { high, _ := c.Voltage(offset); return high }}
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
