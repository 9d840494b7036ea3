package main

import (
	"context"
	"os/exec"

	"github.com/loquet/loquet/bench/figures"
)

// stallTime is how long each sync takes in the part stall, in microseconds.
const stallTime = "150000"

// stall measures the same writes while every sync of the disk takes 150 ms: strace holds each one up when
// it would return. Nothing else is traced.
func stall(ctx context.Context, o *options) error {
	if _, err := exec.LookPath("strace"); err != nil {
		return o.out.Add(figures.Record{Part: "stall", Note: "strace is not installed here: not measured"})
	}
	return o.pulses(ctx, "stall", o.samples/2, "strace", "-f", "--seccomp-bpf", "-qqq", "-o", "/dev/null",
		"-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:delay_exit="+stallTime)
}
