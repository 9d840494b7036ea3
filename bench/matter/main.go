// Command matter measures loquet's Matter bridge and one of matter.js side by side.
//
// It starts each as its users do, in a network namespace that nobody outside can see, asks both the same with the same
// controller (matter/mattertest), one after another within each run, and compares within the run: a ratio is the median over
// the runs. Every figure goes to standard output as a line of JSON, of which bench/homekit -render makes a part of
// docs/benchmarks.md.
//
//	go run ./bench/matter -runs 5 >bench-matter.jsonl
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
	locks   int
	samples int
	events  int
	sizes   []int
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
	parts := flag.String("part", "peers,scale,both", "what to measure")
	sizes := flag.String("sizes", "5,90", "of the part scale: how many locks")
	flag.IntVar(&o.runs, "runs", 5, "how often the two are measured, interleaved")
	flag.IntVar(&o.locks, "locks", 50, "how many locks each has")
	flag.IntVar(&o.samples, "samples", 1000, "invokes and reads of each in each run")
	flag.IntVar(&o.events, "events", 100, "reports of each in each run")
	flag.StringVar(&o.binary, "loquet", "", "the binary; it is built when none is given")
	flag.Parse()
	o.parts = strings.Split(*parts, ",")
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
	return o.out.Run("./bench/matter", o.parts, []figures.Part{part("peers", peers), part("scale", scale), part("both", both)})
}

// peers measures the two one after another in each run, each time in another order.
func peers(ctx context.Context, o *options) error {
	who := []kind{loquet(o.locks, 0, 0), matterJS(o.locks)}
	for run := 1; run <= o.runs; run++ {
		for i := range who {
			k := who[(i+run)%len(who)]
			fmt.Fprintf(os.Stderr, "peers: run %d of %d: %s\n", run, o.runs, k.name)
			if _, err := o.measure(ctx, k, figures.Record{Part: "matter", Run: run, Server: k.name}); err != nil {
				return fmt.Errorf("run %d: %s: %w", run, k.name, err)
			}
		}
	}
	return nil
}

// scale measures loquet alone from few locks to many.
func scale(ctx context.Context, o *options) error {
	for _, n := range o.sizes {
		fmt.Fprintf(os.Stderr, "scale: %d locks\n", n)
		k := loquet(n, 0, 0)
		if _, err := o.measure(ctx, k, figures.Record{Part: "matter-scale", Server: k.name, Size: n}); err != nil {
			return fmt.Errorf("%d: %w", n, err)
		}
	}
	return nil
}
