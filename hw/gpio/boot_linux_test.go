package gpio

import (
	"os"
	"testing"
	"time"

	"github.com/loquet/loquet/internal/gpiolab"
)

// The tests named TestGuest run on a kernel of their own, which TestOnARealKernel boots with this test
// binary as its init.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] { // children that the tests start
		case guardChild:
			if err := Guard(); err != nil {
				println(err.Error())
				os.Exit(1)
			}
			os.Exit(0)
		case pulseChild:
			os.Exit(pulse(os.Args[2:]))
		}
	}
	os.Exit(gpiolab.Main(m, os.Stdout))
}

func TestOnARealKernel(t *testing.T) {
	gpiolab.Host(t)
	lab := gpiolab.New(t, nil)
	t.Run("in real time", func(t *testing.T) { lab.Boot(t, 4*time.Minute, "^TestGuest") })
	t.Run("in virtual time", func(t *testing.T) {
		lab.Boot(t, 4*time.Minute, "^TestGuest(Pulse|Wiegand|GuardBoundsAPulse)$", "time-travel=inf-cpu", "VIRTUAL=1")
	})
}
