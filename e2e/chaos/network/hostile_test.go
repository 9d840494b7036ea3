package network

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// What a hostile network may cost.
const (
	slowest  = 250 * time.Millisecond // 99 of 100 writes of a paired phone are answered sooner
	heaviest = 16.0                   // MiB above what the bridge weighs with all phones and no stranger
	drift    = 2.0                    // MiB over a soak
)

// figures are what a hostile day came to, as it is printed.
type figures struct {
	Seconds   float64        `json:"seconds"`
	Phones    int            `json:"phones"`
	Devices   int            `json:"devices"`
	Deeds     int64          `json:"deeds"`
	Writes    int            `json:"writes"`
	Refused   map[string]int `json:"refused"`
	Events    int            `json:"events"`
	Lost      int            `json:"sessions_lost"`
	Pulses    int            `json:"pulses"`
	QuietP50  float64        `json:"quiet_p50_ms"`
	QuietP99  float64        `json:"quiet_p99_ms"`
	P50       float64        `json:"p50_ms"`
	P99       float64        `json:"p99_ms"`
	Max       float64        `json:"max_ms"`
	RSSIdle   float64        `json:"rss_idle_mib"`
	RSSMost   float64        `json:"rss_most_mib"`
	RSSBegin  float64        `json:"rss_begin_mib,omitempty"`
	RSSEnd    float64        `json:"rss_end_mib,omitempty"`
	HeapBegin float64        `json:"heap_begin_mib,omitempty"`
	HeapEnd   float64        `json:"heap_end_mib,omitempty"`
	Files     [2]int         `json:"files_begin_end"`
	Routines  [2]int         `json:"goroutines_begin_end"`
	Strangers int64          `json:"strangers_paired"`
}

func ms(d time.Duration) float64 { return float64(d.Round(10*time.Microsecond)) / 1e6 }

// TestHostile lets 32 phones use 50 doors and locks while strangers of the same network do all they can.
func TestHostile(t *testing.T) {
	span, soak := 12*time.Second, os.Getenv("LOQUET_SOAK")
	if soak != "" {
		var err error
		if span, err = time.ParseDuration(soak); err != nil || span < time.Minute {
			t.Fatalf("LOQUET_SOAK=%q is not a minute or more", soak)
		}
	}
	lab.NeedNetworks(t)
	h := build(t, "--doors", strconv.Itoa(doors), "--locks", strconv.Itoa(locks))
	ctx, end := context.WithCancel(t.Context())
	defer end()
	o := settle(ctx, t, h)
	strangers := invade(t, h)
	samples := h.watch(ctx, t, max(span/600, 250*time.Millisecond))

	pause(ctx, 6*time.Second) // the phones alone
	quiet, calm := o.collect(), time.Now()
	storm, over := context.WithTimeout(ctx, span)
	defer over()
	slower := 1
	if soak != "" {
		slower = 20
	}
	strangers.storm(storm, slower)
	<-storm.Done()
	strangers.work.Wait()
	ended, took := time.Now(), o.collect()
	pause(ctx, 12*time.Second) // what strangers left half open is closed by now
	end()
	o.lives.Wait()
	all := samples()
	idle, peak := most(between(all, all[0].at, calm)), most(between(all, calm, ended))
	f := figures{
		Seconds: span.Seconds(), Phones: phones, Devices: doors + locks, Deeds: strangers.deeds.Load(),
		Writes: o.writes, Refused: o.refused, Events: o.events, Lost: o.lost, Pulses: h.pulses(t),
		QuietP50: ms(share(quiet, .5)), QuietP99: ms(share(quiet, .99)),
		P50: ms(share(took, .5)), P99: ms(share(took, .99)), Max: ms(share(took, 1)),
		RSSIdle: idle.rss, RSSMost: peak.rss, Strangers: strangers.paired.Load(),
	}
	before, after := least(between(all, all[0].at, calm)), least(between(all, ended.Add(9*time.Second), time.Now()))
	if soak != "" {
		warm := calm.Add(span / 6)
		before, after = least(between(all, warm, warm.Add(span/6))), least(between(all, ended.Add(-span/6), ended))
		f.RSSBegin, f.RSSEnd, f.HeapBegin, f.HeapEnd = before.rss, after.rss, before.heap, after.heap
	}
	f.Files, f.Routines = [2]int{before.files, after.files}, [2]int{before.goroutines, after.goroutines}
	line, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("%s\n", line)
	f.judge(t, soak != "")
	h.nobodyElse(t)
}

// judge holds the figures against what is promised. A machine that is slow without any stranger is not the
// strangers' fault.
func (f *figures) judge(t *testing.T, soak bool) {
	t.Helper()
	if limit := max(ms(slowest), 3*f.QuietP99); f.P99 > limit {
		t.Errorf("99 of 100 writes took up to %v ms, want %v", f.P99, limit)
	}
	if f.RSSMost-f.RSSIdle > heaviest {
		t.Errorf("the bridge grew by %.1f MiB, want %v at most", f.RSSMost-f.RSSIdle, heaviest)
	}
	if f.Lost > 0 || f.Strangers > 0 {
		t.Errorf("%d sessions were lost, %d strangers paired", f.Lost, f.Strangers)
	}
	if f.Writes < phones || f.Pulses < phones/2 {
		t.Errorf("%d writes, %d pulses: this test has tested little", f.Writes, f.Pulses)
	}
	if f.Files[1] > f.Files[0]+2 || f.Routines[1] > f.Routines[0]+4 {
		t.Errorf("files %v, goroutines %v: something is left of the strangers", f.Files, f.Routines)
	}
	if soak && (f.RSSEnd-f.RSSBegin > drift || f.HeapEnd-f.HeapBegin > drift) {
		t.Errorf("memory went from %.1f to %.1f MiB, the heap from %.1f to %.1f", f.RSSBegin, f.RSSEnd, f.HeapBegin, f.HeapEnd)
	}
}

// nobodyElse requires that exactly the household is paired.
func (h *home) nobodyElse(t *testing.T) {
	t.Helper()
	admin := h.session(t, h.first)
	defer admin.Close()
	list, err := admin.ListPairings()
	if err != nil || len(list) != phones {
		t.Errorf("%d controllers are paired, %v, want %d", len(list), err, phones)
	}
	if !h.Bridge(t).Paired {
		t.Error("the bridge says that it can be paired")
	}
}
