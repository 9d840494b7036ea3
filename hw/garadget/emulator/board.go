package emulator

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// Settings are those of the firmware, with its names and limits.
type Settings struct {
	Scan      int    `json:"rdt"` // ms
	Travel    int    `json:"mtt"` // ms
	Pulse     int    `json:"rlt"` // ms
	Gap       int    `json:"rlp"` // ms
	Threshold int    `json:"srt"` // %
	Name      string `json:"nme"`
	Keep      int    `json:"mqto"` // s
}

// Options say which board it is. Broker, ID and Door are required.
type Options struct {
	Broker         string // address and port; the real board takes an IPv4 address only
	ID             string // 24 hexadecimal digits
	User, Password string
	Settings       Settings
	Version        string // "1.26"; before 1.25 there is no last will of use
	Old            bool   // begin with MQTT 3.1
	Door           *Door
	Back           time.Duration // between two tries to connect; 3s in the firmware
	Factor         float64       // for the pulses and scans of short tests; 1 if zero
}

// Board is the board. Run is its power supply.
type Board struct {
	o        Options
	settings Settings
	state    string
	since    time.Time
	timer    time.Time   // end of the move; zero if none runs
	clicks   []time.Time // of the relay, still to come
	relay    time.Time   // until when it pulls
	scanned  time.Time
	link     *link
	try      time.Time // when to connect next
	pinged   time.Time
	pulls    atomic.Bool
	refused  atomic.Int64
	reboots  atomic.Int64
	mute     atomic.Bool
}

// New returns a board without power.
func New(o Options) *Board {
	if o.Back == 0 {
		o.Back = 3 * time.Second
	}
	if o.Factor == 0 {
		o.Factor = 1
	}
	s := &o.Settings
	for _, d := range []struct {
		v    *int
		none int
	}{{&s.Scan, 1000}, {&s.Travel, 10000}, {&s.Pulse, 300}, {&s.Gap, 1000}, {&s.Threshold, 10}, {&s.Keep, 15}} {
		if *d.v == 0 {
			*d.v = d.none
		}
	}
	if s.Name == "" {
		s.Name = o.ID
	}
	if o.Version == "" {
		o.Version = "1.26"
	}
	return &Board{o: o, settings: o.Settings}
}

// Refused is how often a broker did not let the board in.
func (b *Board) Refused() int { return int(b.refused.Load()) }

// Reboots is how often it was told to start anew, and did.
func (b *Board) Reboots() int { return int(b.reboots.Load()) }

// Mute makes the board lose its connection with the next order: it obeys, and nobody hears of it.
func (b *Board) Mute() { b.mute.Store(true) }

// Pulls reports whether the relay pulls.
func (b *Board) Pulls() bool { return b.pulls.Load() }

// tick is how often the firmware's loop comes round.
const tick = 5 * time.Millisecond

// Run is power, until ctx ends: then the connection is not said goodbye to. It boots as the firmware does,
// with an open door until the sensor has been read.
func (b *Board) Run(ctx context.Context) {
	b.state, b.since, b.timer, b.clicks, b.relay = "open", time.Now(), time.Time{}, nil, time.Time{}
	b.try, b.scanned = time.Time{}, time.Time{}
	b.sense()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	defer func() {
		b.pulls.Store(false)
		if b.link != nil {
			b.link.conn.Close()
			b.link = nil
		}
	}()
	for {
		var in <-chan message
		if b.link != nil {
			in = b.link.in
		}
		select {
		case <-ctx.Done():
			return
		case m, ok := <-in:
			if !ok {
				b.lost()
				continue
			}
			b.hear(m)
		case <-ticker.C:
			b.loop(ctx)
		}
	}
}

func (b *Board) ms(n int) time.Duration {
	return time.Duration(float64(n) * b.o.Factor * float64(time.Millisecond))
}

// loop is one round of the firmware's loop.
func (b *Board) loop(ctx context.Context) {
	now := time.Now()
	if !b.relay.IsZero() && !now.Before(b.relay) {
		b.relay = time.Time{}
		b.pulls.Store(false)
	}
	b.pull(now)
	if now.Sub(b.scanned) >= b.ms(b.settings.Scan) {
		b.scanned = now
		b.sense()
	}
	if !b.timer.IsZero() && !now.Before(b.timer) {
		b.timer = time.Time{}
		switch {
		case b.state == "opening":
			b.become("open")
		case b.state == "closing" && b.o.Door.reflects():
			b.become("closed")
		case b.state == "closing":
			b.become("stopped")
		}
	}
	if b.link == nil && !now.Before(b.try) {
		b.connect(ctx)
	}
	if b.link != nil && now.Sub(b.pinged) >= time.Duration(uint8(b.settings.Keep))*time.Second { //nolint:gosec // the firmware has a byte there
		b.pinged = now
		b.link.write([]byte{0xc0, 0})
	}
}

// pull gives the next click when it is due.
func (b *Board) pull(now time.Time) {
	if len(b.clicks) > 0 && !now.Before(b.clicks[0]) {
		b.clicks = b.clicks[1:]
		b.relay = now.Add(b.ms(b.settings.Pulse))
		b.pulls.Store(true)
		b.o.Door.Click()
	}
}

func (b *Board) sense() {
	switch tripped := b.o.Door.reflects(); {
	case tripped && b.state != "closed" && b.state != "closing", tripped && b.state == "closing":
		b.timer = time.Time{}
		b.become("closed")
	case !tripped && b.state == "closed":
		b.move("opening")
	}
}

func (b *Board) become(state string) {
	b.state, b.since = state, time.Now()
	b.tellStatus()
}

// move is become with the timer of a move.
func (b *Board) move(state string) {
	b.timer = time.Now().Add(b.ms(b.settings.Travel))
	b.become(state)
}

func (b *Board) click(n int) {
	at := time.Now()
	for range n {
		b.clicks = append(b.clicks, at)
		at = at.Add(b.ms(b.settings.Pulse + b.settings.Gap))
	}
	b.pull(time.Now())
}

// command follows the table of the firmware: clicks and the next state, by command and state.
func (b *Board) command(c string) {
	switch {
	case c == "get-status":
		b.tellStatus()
	case c == "get-config":
		b.tellConfig()
	case c == "reboot" && b.o.Version >= "1.26":
		b.reboot()
	case c == "open":
		switch b.state {
		case "closed":
			b.click(1) // nothing is told before the sensor clears
		case "closing":
			b.click(1)
			b.move("opening")
		case "stopped":
			b.click(2)
			b.move("opening")
		}
	case strings.HasPrefix(c, "close"):
		switch b.state {
		case "open", "stopped":
			b.click(1)
			b.move("closing")
		case "opening":
			b.click(2)
			b.move("closing")
		}
	case strings.HasPrefix(c, "stop"):
		switch b.state {
		case "opening":
			b.click(1)
		case "closing":
			b.click(2)
		default:
			return
		}
		b.timer = time.Time{}
		b.become("stopped")
	}
}

func (b *Board) reboot() {
	b.reboots.Add(1)
	b.link.conn.Close() // no goodbye: the will is told
	b.link, b.clicks, b.timer, b.relay = nil, nil, time.Time{}, time.Time{}
	b.pulls.Store(false)
	b.state, b.since, b.try = "open", time.Now(), time.Now().Add(b.o.Back)
	b.sense()
}

func (b *Board) tellStatus() {
	if b.link == nil {
		return
	}
	sensor := 5
	if b.o.Door.reflects() {
		sensor = 62
	}
	b.link.publish(true, b.topic("status"), fmt.Sprintf(`{"status":"%s","time":"%s","sensor":%d,"bright":42,"signal":-55}`,
		b.state, age(time.Since(b.since)), sensor))
}

func (b *Board) tellConfig() {
	s := b.settings
	row, err := json.Marshal(map[string]any{"sys": "2.0.1", "ver": b.o.Version, "id": b.o.ID, "ssid": "home", "rdt": s.Scan, "mtt": s.Travel,
		"rlt": s.Pulse, "rlp": s.Gap, "srt": s.Threshold, "nme": s.Name, "mqtt": 2, "mqip": "127.0.0.1", "mqpt": 1883, "mqus": b.o.User, "mqto": s.Keep})
	if err == nil && b.link != nil {
		b.link.publish(true, b.topic("config"), string(row))
	}
}

func (b *Board) topic(last string) string { return "garadget/" + b.settings.Name + "/" + last }

// age is how the firmware tells one.
func age(d time.Duration) string {
	switch s := int(d.Seconds()); {
	case s < 120:
		return fmt.Sprintf("%ds", s)
	case s < 120*60:
		return fmt.Sprintf("%dm", s/60)
	case s < 48*3600:
		return fmt.Sprintf("%dh", s/3600)
	default:
		return fmt.Sprintf("%dd", s/86400)
	}
}

// configure takes settings over within the firmware's limits, and connects anew whatever they are.
func (b *Board) configure(payload []byte) {
	var in map[string]any
	if json.Unmarshal(payload, &in) != nil {
		return
	}
	for _, one := range []struct {
		key       string
		v         *int
		low, high int
	}{{"rdt", &b.settings.Scan, 200, 60000}, {"mtt", &b.settings.Travel, 5000, 60000}, {"rlt", &b.settings.Pulse, 10, 2000},
		{"rlp", &b.settings.Gap, 10, 5000}, {"srt", &b.settings.Threshold, 1, 80}, {"mqto", &b.settings.Keep, 0, 65535}} {
		if n, ok := in[one.key].(float64); ok && int(n) >= one.low && int(n) <= one.high {
			*one.v = int(n)
		}
	}
	for key, v := range map[string]*string{"nme": &b.settings.Name, "mqus": &b.o.User, "mqpw": &b.o.Password} {
		if s, ok := in[key].(string); ok && len(s) <= 31 {
			*v = strings.ReplaceAll(s, "_", " ")
		}
	}
	b.link.write([]byte{0xe0, 0}) // goodbye: the will is not told
	b.link.conn.Close()
	b.link, b.try = nil, time.Now().Add(b.o.Back)
}
