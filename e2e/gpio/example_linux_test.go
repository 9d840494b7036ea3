package gpio

import (
	"os"
	"testing"
	"time"

	"github.com/loquet/loquet/internal/gpiolab"
)

// Pins of examples/garage-pi.yaml.
const (
	pinRelay  = 5
	pinLight  = 6
	pinBeeper = 7
	pinOpen   = 22
	pinWindow = 23
	pinStrike = 24
	pinSide   = 25
	pinExit   = 26
	pinClosed = 27
)

// The example for a Raspberry Pi: nothing clicks when it starts, the door opens with one pulse, closes from
// afar after its warning, is seen when somebody opens it by hand, and the side door's strike lets go.
func TestGuestExampleForAPi(t *testing.T) {
	gpiolab.Needs(t, gpiolab.Network, gpiolab.Sticky)
	gpiolab.KeepOutputs(t) // else a pin that nobody holds reads as its pull
	text, err := os.ReadFile(guestExample)
	if err != nil {
		t.Fatal(err)
	}
	c := gpiolab.Plug(t, "pinctrl-sim", 54, nil)
	gpiolab.Plug(t, "raspberrypi-exp-gpio", 8, nil) // every Pi has a second chip with lines 0 to 7
	q := start(t, string(text), "")
	for _, pin := range []int{pinClosed, pinSide, pinWindow} {
		c.Drive(pin, false) // a contact that is made pulls its pin to ground
	}
	q.Await(t, "garage", "closed", time.Minute)
	q.Await(t, "side", "secured", time.Minute)
	if !c.High(pinRelay) || !c.High(pinLight) || !c.High(pinBeeper) || c.High(pinStrike) {
		t.Error("something is energised by the start")
	}

	q.Must(t, "garage", "open")
	if c.High(pinRelay) {
		t.Error("the opener's relay is not energised")
	}
	if !restsWithin(c, pinRelay, true, time.Minute) {
		t.Error("the pulse does not end")
	}
	c.Drive(pinClosed, true)
	q.Await(t, "garage", "opening", time.Minute)
	c.Drive(pinOpen, false)
	q.Await(t, "garage", "open", time.Minute)

	time.Sleep(2 * time.Second) // between two edges of one relay
	began := time.Now()
	if a := q.Must(t, "garage", "close"); a.Intent != 0 && !a.Warning {
		t.Errorf("%+v: closed without a warning", a)
	}
	if !restsWithin(c, pinLight, false, time.Minute) || c.High(pinBeeper) {
		t.Error("there is no warning")
	}
	if !restsWithin(c, pinRelay, false, time.Minute) {
		t.Fatal("it does not close")
	}
	if warned := time.Since(began); warned < 5*time.Second {
		t.Errorf("it moved %v after the warning began", warned)
	}
	c.Drive(pinOpen, true)
	q.Await(t, "garage", "closing", time.Minute)
	c.Drive(pinClosed, false)
	q.Await(t, "garage", "closed", time.Minute)
	if !restsWithin(c, pinLight, true, time.Minute) || !restsWithin(c, pinBeeper, true, time.Minute) {
		t.Error("the warning goes on")
	}

	c.Drive(pinClosed, true) // somebody lifts it by hand
	c.Drive(pinOpen, false)
	if d := q.Await(t, "garage", "open", time.Minute); d.State.Cause.Kind != "outside" {
		t.Errorf("%+v", d.State.Cause)
	}

	c.Drive(pinExit, false) // somebody presses the exit button
	if !restsWithin(c, pinStrike, true, time.Minute) {
		t.Error("the exit button does not let go")
	}
	c.Drive(pinExit, true)
	if !restsWithin(c, pinStrike, false, time.Minute) {
		t.Error("the strike stays energised")
	}
	if d := q.Await(t, "side", "secured", time.Minute); d.State.Bolt != "secured" {
		t.Errorf("%+v", d.State)
	}
	time.Sleep(2 * time.Second)

	q.Must(t, "side", "unlock")
	if !c.High(pinStrike) {
		t.Error("the strike is not energised")
	}
	q.Await(t, "side", "secured", time.Minute)
	if c.High(pinStrike) {
		t.Error("the strike is energised after its hold")
	}
	c.Drive(pinWindow, true)
	q.Await(t, "window", "yes", time.Minute)
	q.Stop(t)
	if !c.High(pinRelay) || !c.High(pinLight) || !c.High(pinBeeper) || c.High(pinStrike) {
		t.Error("something is energised after the stop")
	}
}
