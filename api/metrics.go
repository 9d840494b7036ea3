package api

import (
	"fmt"
	"net/http"

	"github.com/VictoriaMetrics/metrics"
)

// counters are what the server counts about itself.
type counters struct{ set *metrics.Set }

func newCounters() *counters { return &counters{set: metrics.NewSet()} }

func (c *counters) request(operation string, status int) {
	c.set.GetOrCreateCounter(fmt.Sprintf(`loquet_http_requests_total{operation=%q,code="%d"}`, operation, status)).Inc()
}

// getMetrics writes Prometheus text. Gauges of devices are made afresh each time, so that a device
// that was removed leaves nothing behind.
func (s *Server) getMetrics(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	set := metrics.NewSet()
	gauge := func(value float64, format string, args ...any) {
		set.GetOrCreateGauge(fmt.Sprintf(format, args...), nil).Set(value)
	}
	for _, d := range s.house.Devices() {
		gauge(number(d.Available), "loquet_device_available{device=%q}", d.ID)
		if state := d.State.Position + d.State.Bolt + d.State.Open; state != "" {
			gauge(1, "loquet_device_state{device=%q,kind=%q,state=%q}", d.ID, d.Kind, state)
		}
	}
	for _, p := range s.house.Problems() {
		gauge(1, "loquet_problem{code=%q,severity=%q,subject=%q}", p.Code, p.Severity, p.Subject)
	}
	clients, dropped := s.stream.counts()
	gauge(float64(clients), "loquet_stream_clients")
	set.GetOrCreateCounter("loquet_stream_dropped_total").Set(dropped)
	gauge(1, "loquet_build_info{version=%q,go=%q}", s.opts.Version.Version, s.opts.Version.Go)
	set.WritePrometheus(w)
	s.metrics.set.WritePrometheus(w)
	metrics.WriteProcessMetrics(w)
	if s.opts.Metrics != nil {
		s.opts.Metrics(w)
	}
	return nil
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
