package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/loquet/loquet/bench/figures"
)

// results are the records of one file.
type results []figures.Record

func read(path string) (results, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var rs results
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var r figures.Record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		rs = append(rs, r)
	}
	return rs, lines.Err()
}

// target is what loquet shall reach: a ratio to a peer, or a figure of its own.
type target struct {
	metric string
	p99    bool
	peer   string // empty: a figure in milliseconds
	most   float64
	words  string
}

func targets() []target {
	return []target{
		{metricStart, false, "hap-nodejs", 1.0 / 15, "1/15"},
		{metricStart, false, "homebridge", 1.0 / 15, "1/15"},
		{metricMemory, false, "hap-nodejs", 0.25, "1/4"},
		{metricMemory, false, "homebridge", 0.25, "1/4"},
		{metricVerify, false, "hap-nodejs", 1.0 / 8, "1/8"},
		{metricAccessories, false, "hap-nodejs", 0.1, "1/10"},
		{metricPut, false, "hap-nodejs", 0.8, "0.8"},
		{metricPut, true, "hap-nodejs", 0.5, "0.5"},
		{metricEvent, false, "", 2, "2 ms"},
	}
}

// values of a metric, one a run, in the order of the runs. With those of part "peers" go those of part "start": the
// same starts, without what comes after them.
func (rs results) values(part, server, metric string, p99 bool) []float64 {
	vs := rs.alone(part, server, metric, p99)
	if part == "peers" {
		vs = append(vs, rs.alone("start", server, metric, p99)...)
	}
	return vs
}

func (rs results) alone(part, server, metric string, p99 bool) []float64 {
	var vs []float64
	for _, r := range rs {
		switch {
		case r.Part != part || r.Server != server || r.Metric != metric:
		case p99:
			vs = append(vs, r.P99)
		default:
			vs = append(vs, r.P50)
		}
	}
	return vs
}

// ratios of loquet to a peer, within each run of the parts in which both were.
func (rs results) ratios(peer, metric string, p99 bool) []float64 {
	var all []float64
	for _, part := range []string{"peers", "start"} {
		ours, theirs := rs.alone(part, "loquet", metric, p99), rs.alone(part, peer, metric, p99)
		if len(ours) != len(theirs) {
			continue
		}
		for i := range ours {
			all = append(all, ours[i]/theirs[i])
		}
	}
	return all
}

// number prints three digits that count.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

func spread(vs []float64) string {
	return fmt.Sprintf("%s to %s", number(slices.Min(vs)), number(slices.Max(vs)))
}

func verdict(reached bool) string {
	if reached {
		return "reached"
	}
	return "**not reached**"
}

func render(paths []string, w io.Writer) error {
	var rs results
	for _, path := range paths {
		more, err := read(path)
		if err != nil {
			return err
		}
		rs = append(rs, more...)
	}
	var b strings.Builder
	b.WriteString(`# Benchmarks

Written by ` + "`go run ./bench/homekit -render FILE`" + ` from the results of a run; nothing here is typed by hand. A
ratio is loquet's figure divided by the peer's in the same run, then the median over the runs; below 1
loquet is the faster or smaller one. All of it happens on one machine over loopback, in a network
namespace without a way out, with a strict Go client (` + "`homekit/haptest`, `matter/mattertest`" + `), whose own cost is in every figure
of every server.

`)
	rs.page(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (rs results) page(b *strings.Builder) {
	rs.machines(b)
	rs.targetTable(b)
	rs.peerTable(b)
	rs.pulseTable(b)
	rs.scaleTable(b)
	rs.staysTable(b)
	rs.matterPage(b)
}

// machines says where it was measured, and the command of each piece with the load before and after it.
func (rs results) machines(b *strings.Builder) {
	var where, pieces []string
	last := ""
	for _, r := range rs {
		m := r.Machine
		if m == nil {
			continue
		}
		place := fmt.Sprintf("%s, %d cores, %s, %s, Node %s, revision %s", m.CPU, m.Cores, m.OS, m.Go, m.Node, m.Rev)
		if !slices.Contains(where, place) {
			where = append(where, place)
		}
		command := "`go run " + cmp.Or(m.Tool, "./bench/homekit") + " " + strings.Join(m.Args, " ") + "`"
		if command == last {
			pieces[len(pieces)-1] += fmt.Sprintf(", %s at the end (%s)", m.Load, m.At.Format("15:04"))
			last = ""
			continue
		}
		last = command
		pieces = append(pieces, fmt.Sprintf("- %s: %s, load %s", m.At.Format("2006-01-02 15:04 MST"), command, m.Load))
	}
	if len(where) == 0 {
		return
	}
	fmt.Fprintf(b, "Measured on: %s. The load is that of the machine over 1, 5 and 15 minutes: above a little more than 1 somebody else was\nat work too, which makes what is rare and short slower than what is asked for without a pause.\n\n%s\n",
		strings.Join(where, "; "), strings.Join(pieces, "\n"))
}

func (rs results) targetTable(b *strings.Builder) {
	var rows []string
	for _, t := range targets() {
		what := t.metric + ", p50"
		if t.p99 {
			what = t.metric + ", p99"
		}
		vs, to := rs.values("peers", "loquet", t.metric, t.p99), "on its own"
		if t.peer != "" {
			vs, to = rs.ratios(t.peer, t.metric, t.p99), "to "+t.peer
		}
		if len(vs) == 0 {
			continue
		}
		rows = append(rows, fmt.Sprintf("| %s, %s | at most %s | %s | %s | %s |\n", what, to, t.words, number(figures.Median(vs)), spread(vs), verdict(figures.Median(vs) <= t.most)))
	}
	if len(rows) == 0 {
		return
	}
	b.WriteString("\n## Beside its peers\n\n`make bench-homekit`, part `peers`: a bridge with 75 garage doors and 74 locks = 150 accessories each, the servers\none after another in every run. Neither side asks for timed writes.\n\n| | target | median | of the runs | |\n|---|---|---|---|---|\n")
	b.WriteString(strings.Join(rows, ""))
}

func (rs results) peerTable(b *strings.Builder) {
	var servers, metrics []string
	units := map[string]string{}
	for _, r := range rs {
		if r.Part != "peers" {
			continue
		}
		if !slices.Contains(servers, r.Server) {
			servers = append(servers, r.Server)
		}
		if !slices.Contains(metrics, r.Metric) {
			metrics = append(metrics, r.Metric)
		}
		units[r.Metric] = r.Unit
	}
	if len(servers) == 0 {
		return
	}
	slices.Sort(servers)
	fmt.Fprintf(b, "\nThe figures themselves: the median over the runs of each run's p50 / p99 (n in one run). Memory is what the kernel\ncalls VmRSS at the end. In the first pause five seconds after its start loquet gives back once what it mapped of its\nprogram file until then; what is used again, is mapped again.\n\n| | %s |\n|---%s|\n",
		strings.Join(servers, " | "), strings.Repeat("|---", len(servers)))
	for _, m := range metrics {
		fmt.Fprintf(b, "| %s, %s |", m, units[m])
		for _, s := range servers {
			b.WriteString(rs.cell(s, m))
		}
		b.WriteString("\n")
	}
}

func (rs results) cell(server, metric string) string {
	p50 := rs.values("peers", server, metric, false)
	if len(p50) == 0 {
		return " |"
	}
	for _, r := range rs {
		if r.Part == "peers" && r.Server == server && r.Metric == metric && r.N > 1 {
			return fmt.Sprintf(" %s / %s (%d) |", number(figures.Median(p50)), number(figures.Median(rs.values("peers", server, metric, true))), r.N)
		}
	}
	return fmt.Sprintf(" %s |", number(figures.Median(p50)))
}

func (rs results) pulseTable(b *strings.Builder) {
	limits := map[string]map[string][2]float64{
		"pulses": {metricEdge: {0.3, 3}, metricEdgeP: {0.3, 3}},
		"stall":  {metricEdge: {0, 5}, metricEdgeP: {0, 5}},
	}
	titles := map[string]string{
		"pulses": "\n## Writes that owe a pulse\n\nPart `pulses`: 8 controllers that all subscribe to all of 40 motor locks, the journal on. The edge is the moment at which\nthe simulated lock saw its relay close. The median over the runs, and of each run its p50 and p99. Targets of write to relay edge: p50 at most 0.3 ms, p99 at most 3 ms.\nA good part of it is the machine's, which has to wake a sleeping processor: [other machines](adr/0022-an-intent-goes-ahead.md).\n\n",
		"stall":  "\n## The same with a slow disk\n\nPart `stall`: every fsync and fdatasync takes 150 ms (`strace -e inject`). Target: p99 of write to relay edge under 5 ms.\n\n",
	}
	for _, part := range []string{"pulses", "stall"} {
		head := titles[part] + "| ms | n of a run | p50 | p99 | max | |\n|---|---|---|---|---|---|\n"
		var told []string
		for _, r := range rs {
			if r.Part != part || slices.Contains(told, r.Metric) {
				continue
			}
			told = append(told, r.Metric)
			if r.Note != "" {
				b.WriteString(titles[part] + r.Note + "\n")
				continue
			}
			p50, p99 := rs.alone(part, r.Server, r.Metric, false), rs.alone(part, r.Server, r.Metric, true)
			said := ""
			if limit, ok := limits[part][r.Metric]; ok {
				said = verdict((limit[0] == 0 || figures.Median(p50) <= limit[0]) && figures.Median(p99) <= limit[1])
			}
			fmt.Fprintf(b, "%s| %s | %d | %s | %s | %s | %s |\n", head, r.Metric, r.N, ofRuns(p50), ofRuns(p99), number(rs.most(part, r.Metric)), said)
			head = ""
		}
	}
}

// ofRuns is the median over the runs, and between what they lie where there was more than one.
func ofRuns(vs []float64) string {
	if len(vs) == 1 {
		return number(vs[0])
	}
	return fmt.Sprintf("%s (%s)", number(figures.Median(vs)), spread(vs))
}

// most is the largest of all runs.
func (rs results) most(part, metric string) (most float64) {
	for _, r := range rs {
		if r.Part == part && r.Metric == metric {
			most = max(most, r.Max)
		}
	}
	return most
}

func (rs results) scaleTable(b *strings.Builder) {
	metrics := []string{metricStart, metricVerify, metricGet, metricPut, metricEvent, metricEdge, metricMemory}
	var sizes []int
	all := map[int]map[string][]float64{}
	for _, r := range rs {
		if r.Part != "scale" {
			continue
		}
		if all[r.Size] == nil {
			all[r.Size] = map[string][]float64{}
			sizes = append(sizes, r.Size)
		}
		all[r.Size][r.Metric] = append(all[r.Size][r.Metric], r.P50)
	}
	at := func(size int, metric string) float64 { return figures.Median(all[size][metric]) }
	if len(sizes) == 0 {
		return
	}
	b.WriteString("\n## From few doors to many\n\nPart `scale`: loquet alone, half garage doors and half locks; p50, and of several rounds the\nmedian. Target: flat within 1.5x. The memory holds the simulated physics too.\n\n| |")
	for _, n := range sizes {
		fmt.Fprintf(b, " %d |", n)
	}
	b.WriteString(" largest / smallest | |\n|---" + strings.Repeat("|---", len(sizes)+2) + "|\n")
	for _, m := range metrics {
		unit := "ms"
		if m == metricMemory {
			unit = "MB"
		}
		fmt.Fprintf(b, "| %s, %s |", m, unit)
		var vs []float64
		for _, n := range sizes {
			vs = append(vs, at(n, m))
			fmt.Fprintf(b, " %s |", number(at(n, m)))
		}
		ratio, said := slices.Max(vs)/slices.Min(vs), ""
		if m != metricMemory && m != metricStart {
			said = verdict(ratio <= 1.5)
		}
		fmt.Fprintf(b, " %s | %s |\n", number(ratio), said)
	}
	first, last := sizes[0], sizes[len(sizes)-1]
	if last > first {
		per := (at(last, metricMemory) - at(first, metricMemory)) / float64(last-first) * 1000
		fmt.Fprintf(b, "\nMemory for each door or lock: %s kB.\n", number(per))
	}
}
