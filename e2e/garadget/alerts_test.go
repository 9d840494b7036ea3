package garadget

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/homekit"
	"github.com/loquet/loquet/e2e/mqtt"
	"github.com/loquet/loquet/hw/garadget/emulator"
)

// alert is one as it is posted, and published over MQTT.
type alert struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Device string `json:"device"`
	Title  string `json:"title"`
	Times  int    `json:"times"`
	Over   bool   `json:"over"`
	Urgent bool   `json:"urgent"`
}

// word is an alert in a few letters: "left-open 2", "night over".
func (a alert) word() string {
	if a.Over {
		return a.Kind + " over"
	}
	return fmt.Sprint(a.Kind, " ", a.Times)
}

// receiver is what the owner has on the other host: a program for webhooks and a server for ntfy.
type receiver struct {
	base  string
	mu    sync.Mutex
	away  bool // it answers 503
	turns int  // how often it did
	got   map[string][]alert
	at    map[string][]time.Time
	bad   []string
}

func startReceiver(t *testing.T, host *e2e.Host) *receiver {
	t.Helper()
	r := &receiver{got: map[string][]alert{}, at: map[string][]time.Time{}}
	var l net.Listener
	host.Do(t, func() (err error) {
		l, err = net.Listen("tcp", host.Addr.String()+":0")
		return err
	})
	r.base = "http://" + l.Addr().String()
	server := &http.Server{Handler: r, ReadHeaderTimeout: Limit}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(io.LimitReader(q.Body, 1<<16))
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away {
		r.turns++
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var a alert
	switch q.URL.Path {
	case "/hook":
		if err != nil || json.Unmarshal(body, &a) != nil {
			r.bad = append(r.bad, string(body))
		}
		r.take("webhook", a)
	case "/my-doors": // docs.ntfy.sh/publish: the text is the body, the rest headers
		a = alert{Kind: q.Header.Get("X-Tags"), Title: q.Header.Get("X-Title"), Urgent: q.Header.Get("X-Priority") == "5",
			Over: q.Header.Get("X-Priority") == "2"}
		if len(body) == 0 || a.Title == "" {
			r.bad = append(r.bad, fmt.Sprint(q.Header, string(body)))
		}
		a.Times = len(r.got["ntfy"]) + 1
		r.take("ntfy", a)
	default:
		r.bad = append(r.bad, q.URL.Path)
	}
}

// take notes an alert; mu is held.
func (r *receiver) take(by string, a alert) {
	r.got[by] = append(r.got[by], a)
	r.at[by] = append(r.at[by], time.Now())
}

// words are the alerts that came one way, once each.
func (r *receiver) words(by string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out, ids []string
	for _, a := range r.got[by] {
		if a.ID == "" || !slices.Contains(ids, a.ID) {
			out, ids = append(out, a.word()), append(ids, a.ID)
		}
	}
	return strings.Join(out, ", ")
}

func (r *receiver) await(t *testing.T, want string, ways ...string) {
	t.Helper()
	for _, by := range ways {
		e2e.Until(t, Limit, func() string {
			if got := r.words(by); !strings.HasPrefix(got, want) {
				return fmt.Sprintf("by %s: %q, and it is %q", by, want, got)
			}
			return ""
		})
	}
}

// hear subscribes to the alerts at the house's broker.
func (r *receiver) hear(t *testing.T, h *House) {
	t.Helper()
	e2e.NeedCommand(t, "mosquitto_sub", "apt-get install mosquitto-clients")
	user, password := "program", ""
	if h.Mosquitto != nil {
		password = h.Mosquitto.Password(user)
	} else {
		n := h.Adopt(t, lab, "device", "loquet/alerts")
		user, password = n.User, n.Password
	}
	host, port, err := net.SplitHostPort(h.Broker)
	if err != nil {
		t.Fatal(err)
	}
	out, in := io.Pipe()
	sub := e2e.Start(t, e2e.Command{Host: h.Yard, Name: "mosquitto_sub", Stdout: in,
		Args: []string{"-h", host, "-p", port, "-u", user, "-P", password, "-i", "hallway", "-t", "loquet/alerts", "-F", "%r %p"}})
	go func() {
		<-sub.Done()
		_ = in.Close()
	}()
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			kept, text, _ := strings.Cut(lines.Text(), " ")
			var a alert
			r.mu.Lock()
			if json.Unmarshal([]byte(text), &a) != nil || kept != "0" {
				r.bad = append(r.bad, lines.Text())
			}
			r.take("mqtt", a)
			r.mu.Unlock()
		}
	}()
}

func (r *receiver) noMistakes(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.bad) > 0 {
		t.Errorf("these are no alerts: %q", r.bad)
	}
}

// leaveOpen opens the door from Apple Home.
func (h *House) leaveOpen(t *testing.T) (target homekit.ID) {
	t.Helper()
	h.Await(t, "workshop", "closed", Limit)
	a := homekit.Named(t, h.Owner.Accessories(t), "Workshop")
	target = a.Get(t, homekit.ServiceGarage, homekit.TypeTargetDoor).ID
	h.Owner.MustWrite(t, target, homekit.DoorOpen)
	h.Await(t, "workshop", "open", Limit)
	return target
}

// A door that was opened from Apple Home and stays open is told by webhook, ntfy and MQTT, again and again
// until it is closed, and then that it is; a receiver that is away gets it later. Nothing of it needs a way
// out of the house, and nothing of it moves the door.
func TestLeftOpen(t *testing.T) {
	t.Parallel()
	for _, broker := range mqtt.Brokers() {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			h, r := newAlertHouse(t, broker, "left_open: 10s, repeat: 10s")
			b := h.Board(t, emulator.Options{})
			h.Pair(t)
			r.hear(t, h)
			r.mu.Lock()
			r.away = true
			r.mu.Unlock()
			opened := time.Now()
			target := h.leaveOpen(t)
			r.await(t, "left-open 1", "mqtt")
			if took := time.Since(opened); took < 10*time.Second {
				t.Errorf("told after %v", took)
			}
			h.AwaitProblem(t, "alert-undelivered")
			r.mu.Lock()
			turns := r.turns
			r.away = false
			r.mu.Unlock()
			if turns == 0 {
				t.Error("nobody knocked at the receiver")
			}
			r.await(t, "left-open 1, left-open 2, left-open 3", "webhook", "ntfy", "mqtt")
			r.mu.Lock()
			for i, at := range r.at["mqtt"][1:] {
				if pause := at.Sub(r.at["mqtt"][i]); pause < 8*time.Second {
					t.Errorf("told again after %v", pause)
				}
			}
			r.mu.Unlock()
			h.Owner.MustWrite(t, target, homekit.DoorClosed)
			h.Await(t, "workshop", "closed", Limit)
			for _, by := range []string{"webhook", "mqtt"} {
				e2e.Until(t, Limit, func() string {
					if got := r.words(by); !strings.HasSuffix(got, "left-open over") {
						return "by " + by + ", that it is over: " + got
					}
					return ""
				})
			}
			if all := h.Problems(t); slices.Contains(all, "alert-undelivered") {
				t.Errorf("the receivers are back, and: %v", all)
			}
			r.noMistakes(t)
			b.WantClicks(t, 2)
		})
	}
}

func newAlertHouse(t *testing.T, broker, rules string) (*House, *receiver) {
	t.Helper()
	var r *receiver
	h := NewHouse(t, lab, broker, func(h *House, o *e2e.Options) {
		r = startReceiver(t, h.Yard)
		TimeServed(t, o)
		o.Config += fmt.Sprintf("alerts: {%s, webhook: {url: %q}, ntfy: {url: %q}, mqtt: {}}\n", rules, r.base+"/hook", r.base+"/my-doors")
	})
	return h, r
}

// hours are a stretch of the day from an hour ago, on the clock of the house.
func hours(until time.Time) string {
	return time.Now().UTC().Add(-time.Hour).Format("15:04") + "-" + until.UTC().Format("15:04")
}

// In the quiet hours an open door at night is told at once, and again until it is closed; what can wait
// waits. With LOQUET_LONG set, it comes when the quiet hours are over.
func TestNightAndQuiet(t *testing.T) {
	t.Parallel()
	for _, broker := range mqtt.Brokers() {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			quiet := time.Now().Add(time.Hour)
			long := os.Getenv("LOQUET_LONG") != ""
			if long {
				quiet = time.Now().Truncate(time.Minute).Add(2 * time.Minute) // one at least
			}
			h, r := newAlertHouse(t, broker, fmt.Sprintf("left_open: 10s, repeat: 10s, night: %q, quiet: %q", hours(time.Now().Add(time.Hour)), hours(quiet)))
			b := h.Board(t, emulator.Options{})
			h.Pair(t)
			r.hear(t, h)
			began := time.Now()
			target := h.leaveOpen(t)
			r.await(t, "night 1", "webhook", "ntfy", "mqtt")
			if took := time.Since(began); took > 10*time.Second {
				t.Logf("at night it took %v (a busy machine)", took)
			}
			r.await(t, "night 1, night 2, night 3", "webhook", "mqtt") // far beyond the time of left_open
			if time.Now().Before(quiet) && strings.Contains(r.words("mqtt")+r.words("webhook"), "left-open") {
				t.Errorf("told in the quiet hours: %s", r.words("mqtt"))
			}
			if long {
				for _, by := range []string{"webhook", "mqtt"} {
					e2e.Until(t, 3*time.Minute, func() string {
						if got := r.words(by); !strings.Contains(got, "left-open 1") {
							return "by " + by + ", what waited: " + got
						}
						return ""
					})
				}
				if early := time.Until(quiet); early > 0 {
					t.Errorf("told %v before the end of the quiet hours", early)
				}
			}
			h.Owner.MustWrite(t, target, homekit.DoorClosed)
			h.Await(t, "workshop", "closed", Limit)
			for _, by := range []string{"webhook", "mqtt"} {
				e2e.Until(t, Limit, func() string {
					if got := r.words(by); !strings.HasSuffix(got, " over") {
						return "by " + by + ", that it is over: " + got
					}
					return ""
				})
			}
			r.noMistakes(t)
			b.WantClicks(t, 2)
		})
	}
}
