package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/loquet/loquet/bench/figures"
)

// staysMetrics are the units in which BenchmarkAThousandStays of package bridge reports, and what they mean.
func staysMetrics() map[string][2]string {
	return map[string][2]string{
		"writes/lock": {"writes to the lock that gets most", "writes"},
		"clears/lock": {"clears of the lock that gets most", "clears"},
		"s-on":        {"until every code is on its lock", "s"},
		"s-off":       {"from the end of the stays until every lock is empty", "s"},
		"MiB":         {"memory for people, codes, stays and copies", "MiB"},
	}
}

// stays runs the benchmark of package bridge that brings 1,000 stays to 50 locks. It has no peer: nothing else
// that is measured here has guests.
func stays(ctx context.Context, o *options) error {
	fmt.Fprintln(os.Stderr, "stays: 1,000 on 50 locks")
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "none", "-bench", "AThousandStays", "-benchtime", "1x", "-count", strconv.Itoa(o.runs), "./bridge")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	records := staysOf(string(out))
	if len(records) == 0 {
		return fmt.Errorf("no figures in what go test printed: %s", bytes.TrimSpace(out))
	}
	for _, r := range records {
		if err := o.out.Add(r); err != nil {
			return err
		}
	}
	return nil
}

// staysOf reads what `go test -bench` prints: a name, a count, then pairs of a value and its unit.
func staysOf(text string) []figures.Record {
	var all []figures.Record
	metrics := staysMetrics()
	run := 0
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || !strings.HasPrefix(fields[0], "BenchmarkAThousandStays") {
			continue
		}
		run++
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if metric, ok := metrics[fields[i+1]]; ok && err == nil {
				all = append(all, figures.Record{Part: "stays", Run: run, Server: "loquet", Metric: metric[0], Unit: metric[1], Figure: figures.One(value)})
			}
		}
	}
	return all
}

// staysTable is what the guests of a large host cost; nothing where it was not measured.
func (rs results) staysTable(b *strings.Builder) {
	mine := rs.part("stays")
	if len(mine) == 0 {
		return
	}
	b.WriteString("\n## A thousand stays on fifty locks\n\nPart `stays`: 50 calendars with 20 stays each, one lock a calendar, all codes on the locks at the same time and then off\n" +
		"again; without disk and radio. The median of the runs. A lock may get 30 writes and 60 clears an hour, however many stays\nthere are.\n\n| | | of the runs |\n|---|---|---|\n")
	var seen []string
	for _, r := range mine {
		if !slices.Contains(seen, r.Metric) {
			seen = append(seen, r.Metric)
			vs := rs.values("stays", "loquet", r.Metric, false)
			fmt.Fprintf(b, "| %s, %s | %s | %s |\n", r.Metric, r.Unit, number(figures.Median(vs)), spread(vs))
		}
	}
}
