package gpio

import (
	"os"
	"time"
)

// kernel is what this package asks of Linux; tests have one of their own.
type kernel interface {
	// paths lists the character devices of the chips. Links to them are left out: a chip counts once.
	paths() ([]string, error)
	open(path string) (chip, error)
	// clock is CLOCK_MONOTONIC, by which edges are stamped.
	clock() time.Duration
	// keepsOutputs says that this kernel leaves a line driven after the process that held it has died.
	keepsOutputs() bool
}

// chip is an open chip. What was requested through it outlives it.
type chip interface {
	info() (chipInfo, error)
	line(offset uint32) (lineInfo, error)
	request(lineRequest) (request, error)
	Close() error
}

// request holds lines until it is closed.
type request interface {
	// get and set speak of logical levels, by the lines' index in the request.
	get(mask uint64) (uint64, error)
	set(bits, mask uint64) error
	// events waits for at least one; os.ErrDeadlineExceeded when none comes. Close ends it.
	events(buf []lineEvent, wait time.Duration) (int, error)
	file() *os.File // what another process can be given; nil where there is nothing of the kind
	Close() error
}
