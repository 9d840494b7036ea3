// Command homekit measures loquet and its peers side by side.
//
// It starts each server as its users do, in a network namespace that nobody outside can see, asks all of
// them the same with the same strict client (homekit/haptest), one after another within each run, and
// compares within the run: a ratio is the median over the runs. Every figure goes to standard output as
// a line of JSON; -render makes docs/benchmarks.md of such a file.
//
//	go run ./bench/homekit -part peers,pulses,scale,stall -runs 5 >bench.jsonl
//	go run ./bench/homekit -render bench.jsonl bench-matter.jsonl >docs/benchmarks.md
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/loquet/loquet/bench/figures"
)

// options are the flags.
type options struct {
	parts   []string
	runs    int
	rounds  int
	round   int // of the part scale, the present one
	doors   int
	locks   int
	samples int
	sizes   []int
	events  int
	servers []string
	binary  string
	out     *figures.Report
}

func main() {
	if err := bench(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench() error {
	var o options
	parts := flag.String("part", "peers,pulses,stall,scale,stays", "what to measure; start: cold starts alone")
	servers := flag.String("servers", "loquet,hap-nodejs,homebridge", "of the part peers: who is measured")
	sizes := flag.String("sizes", "10,50,150,500,1500", "of the part scale: how many doors and locks")
	flag.IntVar(&o.runs, "runs", 5, "how often the peers are measured, interleaved, and the part pulses")
	flag.IntVar(&o.rounds, "rounds", 3, "of the part scale: how often each size is measured, one after another")
	flag.IntVar(&o.samples, "samples", 400, "writes that owe a pulse, of each kind")
	flag.IntVar(&o.events, "events", 20, "events of each server in each run")
	flag.StringVar(&o.binary, "loquet", "", "the binary; it is built when none is given")
	rendered := flag.String("render", "", "write the page of these results, and of those in more files after the flags, and measure nothing")
	flag.Parse()
	if *rendered != "" {
		return render(append([]string{*rendered}, flag.Args()...), os.Stdout)
	}
	o.parts, o.servers = strings.Split(*parts, ","), strings.Split(*servers, ",")
	o.doors, o.locks = 75, 74 // with the bridge itself 150 accessories, the most of one bridge
	var err error
	if o.sizes, err = figures.Sizes(*sizes); err != nil {
		return err
	}
	if o.binary, err = figures.Enter(o.binary); err != nil {
		return err
	}
	o.out = figures.NewReport(os.Stdout)
	part := func(name string, run func(context.Context, *options) error) figures.Part {
		return figures.Part{Name: name, Run: func(ctx context.Context) error { return run(ctx, &o) }}
	}
	return o.out.Run("", o.parts, []figures.Part{part("start", starts), part("peers", peers), part("pulses", pulses), part("stall", stall), part("scale", scale), part("stays", stays)})
}
