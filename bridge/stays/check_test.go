package stays

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/health"
)

// TestWhatTheOwnerWantsOfTheCheck is what `guests: {battery, clock}` of a configuration makes of a battery and of a clock, a
// day before a guest comes: what the owner is told, in the list and as a problem.
func TestWhatTheOwnerWantsOfTheCheck(t *testing.T) {
	const (
		low     = "studio: its battery is low: replace it"
		counted = "the time is only counted on: loquet clock confirm"
		unknown = "nobody knows what time it is: loquet clock confirm"
	)
	percent := func(n uint8) *api.Battery { return &api.Battery{Percent: n} }
	for name, c := range map[string]struct {
		guests  string
		battery *api.Battery
		trust   access.Trust
		want    string
	}{
		"no threshold, nearly empty":            {"{}", percent(3), access.Trusted, ""},
		"no threshold, the device says low":     {"{}", &api.Battery{Percent: 80, Low: true}, access.Trusted, low},
		"20, above":                             {"{battery: 20}", percent(21), access.Trusted, ""},
		"20, at it":                             {"{battery: 20}", percent(20), access.Trusted, low},
		"20, below":                             {"{battery: 20}", percent(1), access.Trusted, low},
		"20, full, and the device says low":     {"{battery: 20}", &api.Battery{Percent: 100, Low: true}, access.Trusted, low},
		"90, no percentage is told":             {"{battery: 90}", percent(0), access.Trusted, ""},
		"90, no battery":                        {"{battery: 90}", nil, access.Trusted, ""},
		"nothing said of the clock, known":      {"{}", nil, access.Trusted, ""},
		"nothing said of the clock, counted on": {"{}", nil, access.TrustHoldover, ""},
		"nothing said of the clock, unknown":    {"{}", nil, access.TrustFloor, unknown},
		"counted, counted on":                   {"{clock: counted}", nil, access.TrustHoldover, ""},
		"counted, unknown":                      {"{clock: counted}", nil, access.TrustFloor, unknown},
		"trusted, known":                        {"{clock: trusted}", nil, access.Trusted, ""},
		"trusted, counted on":                   {"{clock: trusted}", nil, access.TrustHoldover, counted},
		"trusted, unknown":                      {"{clock: trusted}", nil, access.TrustFloor, unknown},
		"both, the battery first":               {"{battery: 30, clock: trusted}", percent(30), access.TrustHoldover, low},
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := config.Parse("loquet.yaml", []byte("home: {name: Flat}\nguests: "+c.guests+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				trust, battery := access.Trusted, c.battery // guarded by h.mu
				h.stays.o.Low = func(door string) bool {
					h.mu.Lock()
					defer h.mu.Unlock()
					return door == "studio" && Low(battery, parsed.Guests) || door == "front" && Low(percent(100), parsed.Guests)
				}
				h.stays.o.Rules = func() Rules { return RulesOf(parsed.Guests) }
				h.stays.o.Clock = clockFunc(func() access.Moment {
					m := h.moment()
					h.set(func() { m.Trust = trust })
					return m
				})
				stop := h.run()
				defer stop()
				k := h.add(func(r *api.CalendarRequest) { r.URL, r.Doors = "", []string{"front", "studio"} })
				if _, err := h.stays.AddStay(t.Context(), api.StayRequest{Calendar: k.ID, From: "2000-01-03", To: "2000-01-05", Name: "Gus"}); err != nil {
					t.Fatal(err)
				}
				told := func() string {
					synctest.Wait()
					for _, p := range h.board.Active() {
						if p.Code == health.StayNotReady && p.Subject == h.guest(0).ID {
							return p.Detail
						}
					}
					return ""
				}
				h.set(func() { trust = c.trust })
				time.Sleep(on("2000-01-02 13:00:00")) // 14:00 in Paris: the code opens in 24 hours and a half
				h.want("before the check", told(), "")
				time.Sleep(time.Hour)
				h.want("a day before", told(), c.want)
				s := h.guest(0)
				h.want("in the list", s.Why, c.want)
				h.want("ready", s.Ready, c.want == "")
				time.Sleep(on("2000-01-03 12:00:00"))
				if want := c.want; want != "" {
					h.want("two hours before", told(), "the guest comes within two hours: "+want)
				}
				h.set(func() { trust, battery = access.Trusted, nil })
				time.Sleep(time.Hour)
				h.want("mended", told(), "")
			})
		})
	}
}
