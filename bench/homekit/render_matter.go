package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/loquet/loquet/bench/figures"
)

// matterTarget is what loquet's Matter bridge shall reach beside that of matter.js, in the names of bench/matter.
type matterTarget struct {
	metric string
	most   float64
	words  string
}

func matterTargets() []matterTarget {
	return []matterTarget{
		{"cold start to the first answered CASE session", 1.0 / 50, "1/50"},
		{"memory after the run", 1.0 / 6, "1/6"},
		{"timed invoke that owes nothing", 0.6, "0.6"},
		{"report of what a sensor saw", 0.1, "1/10"},
	}
}

const memoryOfBoth = "memory of both protocols"

// matterPage is what bench/matter measured; nothing where it was not run.
func (rs results) matterPage(b *strings.Builder) {
	ours := rs.part("matter")
	if len(ours) == 0 && len(rs.part("matter-both")) == 0 && len(rs.part("matter-scale")) == 0 {
		return
	}
	b.WriteString("\n## Matter beside matter.js\n\n`make bench-matter`: bridges with 50 locks each, every lock with a user and a PIN that the controller gave it over the\nwire. A cold start is that of a bridge in use. What a sensor saw is an obstruction of a door beside loquet's locks, and the door\ncontact of a lock of matter.js.\n\n")
	rs.matterRatios(b)
	if len(ours) > 0 {
		b.WriteString("\n")
		rs.matterFigures(b, "matter", []string{"matter.js", "loquet"}, func(r figures.Record) string { return r.Server })
	}
	if scale := rs.part("matter-scale"); len(scale) > 0 {
		var sizes []string
		for _, r := range scale {
			if n := fmt.Sprint(r.Size); !slices.Contains(sizes, n) {
				sizes = append(sizes, n)
			}
		}
		b.WriteString("\nFrom few locks to many, loquet alone:\n\n")
		rs.matterFigures(b, "matter-scale", sizes, func(r figures.Record) string { return fmt.Sprint(r.Size) })
	}
}

func (rs results) part(name string) (out results) {
	for _, r := range rs {
		if r.Part == name {
			out = append(out, r)
		}
	}
	return out
}

func (rs results) matterRatios(b *strings.Builder) {
	var rows []string
	row := func(what, words string, vs []float64, most float64) {
		if len(vs) > 0 {
			rows = append(rows, fmt.Sprintf("| %s | at most %s | %s | %s | %s |\n", what, words, number(figures.Median(vs)), spread(vs), verdict(figures.Median(vs) <= most)))
		}
	}
	for _, t := range matterTargets() {
		ours, theirs := rs.values("matter", "loquet", t.metric, false), rs.values("matter", "matter.js", t.metric, false)
		if len(ours) != len(theirs) {
			continue
		}
		for i := range ours {
			ours[i] /= theirs[i]
		}
		row(t.metric+", p50, to matter.js", t.words, ours, t.most)
	}
	one, hap, js := rs.values("matter-both", "loquet", memoryOfBoth, false), rs.values("matter-both", "hap-nodejs", memoryOfBoth, false), rs.values("matter-both", "matter.js", memoryOfBoth, false)
	if len(one) == len(hap) && len(one) == len(js) {
		for i := range one {
			one[i] /= hap[i] + js[i]
		}
		row("memory with 150 accessories of HomeKit and 50 locks of Matter, to hap-nodejs and matter.js together", "1/8", one, 1.0/8)
	}
	if len(rows) > 0 {
		b.WriteString("| | target | median | of the runs | |\n|---|---|---|---|---|\n" + strings.Join(rows, ""))
	}
}

// matterFigures is a table of p50 / p99 with a column for each of the names.
func (rs results) matterFigures(b *strings.Builder, part string, columns []string, column func(figures.Record) string) {
	type cell struct {
		p50, p99 []float64
		n        int
	}
	var metrics []string
	cells := map[string]*cell{}
	for _, r := range rs.part(part) {
		key := r.Metric + ", " + r.Unit
		if !slices.Contains(metrics, key) {
			metrics = append(metrics, key)
		}
		at := key + "/" + column(r)
		if cells[at] == nil {
			cells[at] = &cell{}
		}
		c := cells[at]
		c.p50, c.p99, c.n = append(c.p50, r.P50), append(c.p99, r.P99), r.N
	}
	fmt.Fprintf(b, "| | %s |\n|---%s|\n", strings.Join(columns, " | "), strings.Repeat("|---", len(columns)))
	for _, m := range metrics {
		fmt.Fprintf(b, "| %s |", m)
		for _, name := range columns {
			switch c := cells[m+"/"+name]; {
			case c == nil:
				b.WriteString(" |")
			case c.n > 1:
				fmt.Fprintf(b, " %s / %s (%d) |", number(figures.Median(c.p50)), number(figures.Median(c.p99)), c.n)
			default:
				fmt.Fprintf(b, " %s |", number(figures.Median(c.p50)))
			}
		}
		b.WriteString("\n")
	}
}
