package main

import (
	"strings"
	"testing"
)

const printed = `goos: linux
BenchmarkAThousandStays-2   	       1	 730000000 ns/op	         4.2 MiB	        20.00 clears/lock	         0.10 s-off	         0.63 s-on	        20.00 writes/lock
BenchmarkAThousandStays-2   	       1	 930000000 ns/op	         4.4 MiB	        20.00 clears/lock	         0.12 s-off	         0.83 s-on	        20.00 writes/lock
PASS
`

func TestStaysOf(t *testing.T) {
	records := results(staysOf(printed))
	if len(records) != 10 {
		t.Fatalf("%d records: %+v", len(records), records)
	}
	var b strings.Builder
	records.staysTable(&b)
	for _, want := range []string{"writes to the lock that gets most, writes | 20.0 | 20.0 to 20.0", "until every code is on its lock, s | 0.730 | 0.630 to 0.830"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	if staysOf("PASS\n") != nil {
		t.Error("figures out of nothing")
	}
}
