package network

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sample is what a process weighs at one moment.
type sample struct {
	at         time.Time
	rss        float64 // MiB
	heap       float64 // MiB in use, garbage included
	files      int
	goroutines int
}

// weigh looks at the bridge from outside, and asks it for what only it knows.
func (h *home) weigh() (s sample, err error) {
	s.at = time.Now()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.PID()))
	if err != nil {
		return s, err
	}
	for line := range strings.Lines(string(text)) {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			_, err = fmt.Sscan(kb, &s.rss)
			s.rss /= 1024
		}
	}
	files, ferr := os.ReadDir(fmt.Sprintf("/proc/%d/fd", h.PID()))
	if err := errors.Join(err, ferr); err != nil {
		return s, err
	}
	s.files = len(files)
	answer, err := h.ask("/metrics")
	if err != nil {
		return s, err
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, number, _ := strings.Cut(lines.Text(), " ")
		v, _ := strconv.ParseFloat(number, 64)
		switch name {
		case "go_goroutines":
			s.goroutines = int(v)
		case "go_memstats_heap_inuse_bytes":
			s.heap = v / (1 << 20)
		}
	}
	return s, nil
}

// watch weighs the bridge every so often until ctx ends.
func (h *home) watch(ctx context.Context, t *testing.T, every time.Duration) func() []sample {
	var all []sample
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			s, err := h.weigh()
			if err != nil {
				t.Errorf("weigh the bridge: %v", err)
				return
			}
			if all = append(all, s); len(all)%20 == 0 { // a soak is long, and somebody may look at it
				t.Logf("%.1f MiB, heap %.1f MiB, %d files, %d goroutines", s.rss, s.heap, s.files, s.goroutines)
			}
			pause(ctx, every)
		}
	}()
	return func() []sample {
		<-done
		return all
	}
}

// between is the samples of a span of time.
func between(all []sample, from, to time.Time) (some []sample) {
	for _, s := range all {
		if !s.at.Before(from) && s.at.Before(to) {
			some = append(some, s)
		}
	}
	return some
}

// least is the least of every measure: what garbage and visitors add on top comes and goes.
func least(all []sample) sample {
	if len(all) == 0 {
		return sample{}
	}
	m := all[0]
	for _, s := range all[1:] {
		m.rss, m.heap = min(m.rss, s.rss), min(m.heap, s.heap)
		m.files, m.goroutines = min(m.files, s.files), min(m.goroutines, s.goroutines)
	}
	return m
}

// most is the most of every measure.
func most(all []sample) (m sample) {
	for _, s := range all {
		m.rss, m.heap = max(m.rss, s.rss), max(m.heap, s.heap)
		m.files, m.goroutines = max(m.files, s.files), max(m.goroutines, s.goroutines)
	}
	return m
}
