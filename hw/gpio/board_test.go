package gpio

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
)

func TestBoard(t *testing.T) {
	hwtest.TestBoard(t, func(t *testing.T) hwtest.BoardRig {
		k := machine()
		c := k.plug("/dev/gpiochip0", "pinctrl-bcm2711", 58, nil)
		b := newBoard(k, defaults(), zerolog.Nop())
		return hwtest.BoardRig{
			Board: b, Out: "17", In: "27",
			High:   func() bool { return c.level(17) },
			Clicks: func() int { _, rises := c.tally(); return rises },
			Drive:  func(high bool) { c.drive(27, high, false) },
			Close:  b.Close,
		}
	})
}

func TestFind(t *testing.T) {
	pi := machine()
	pi.plug("/dev/gpiochip0", "pinctrl-bcm2711", 58, map[int]string{17: "GPIO17", 0: "ID_SDA"})
	pi.plug("/dev/gpiochip1", "raspberrypi-exp-gpio", 8, map[int]string{0: "BT_ON"})
	twins := machine()
	twins.plug("/dev/gpiochip0", "mcp23017", 16, map[int]string{1: "GATE"})
	twins.plug("/dev/gpiochip1", "mcp23017", 16, map[int]string{2: "DOOR"})
	for _, tt := range []struct {
		k          *fakeKernel
		chip, line string
		want       string
		is         error
		says       string
	}{
		{pi, "", "17", "pinctrl-bcm2711/17", nil, ""},
		{pi, "", "5", "pinctrl-bcm2711/5", nil, ""}, // both chips have a line 5
		{pi, "", "GPIO17", "pinctrl-bcm2711/17", nil, ""},
		{pi, "", "pinctrl-bcm2711/GPIO17", "pinctrl-bcm2711/17", nil, ""},
		{pi, "", "BT_ON", "raspberrypi-exp-gpio/0", nil, ""},
		{pi, "", "gpiochip1/3", "raspberrypi-exp-gpio/3", nil, ""},
		{pi, "raspberrypi-exp-gpio", "3", "raspberrypi-exp-gpio/3", nil, ""},
		{pi, "", "58", "", hw.ErrNoLine, "pinctrl-bcm2711 (58 lines)"},
		{pi, "", "4294967296", "", hw.ErrNoLine, ""},
		{pi, "", "GPIO18", "", hw.ErrNoLine, ""},
		{pi, "", "pinctrl-rp1/17", "", hw.ErrNoLine, `no chip "pinctrl-rp1"`},
		{twins, "", "3", "", hw.ErrRef, "more than one chip"},
		{twins, "", "mcp23017/3", "", hw.ErrRef, "more than one chip"},
		{twins, "", "gpiochip1/3", "gpiochip1/3", nil, ""},
		{twins, "", "mcp23017/DOOR", "gpiochip1/2", nil, ""},
		{machine(), "", "17", "", hw.ErrNoLine, "no GPIO chip"},
	} {
		got, err := tt.k.board(t, Config{Chip: tt.chip, Bias: biasAuto}).Canonical(tt.line)
		if tt.is == nil && (err != nil || got != tt.want) {
			t.Errorf("%s %s: %q, %v; want %q", tt.chip, tt.line, got, err, tt.want)
		}
		if tt.is != nil {
			wantRemedy(t, err, tt.is, tt.says)
		}
	}
}

func wantRemedy(t *testing.T, err, is error, says string) {
	t.Helper()
	var op *hw.OpError
	if !errors.As(err, &op) || op.Hint == "" || !errors.Is(err, is) || !strings.Contains(err.Error()+" "+op.Hint, says) {
		t.Errorf("error %v, want %v with a remedy, and %q", err, is, says)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	k := machine()
	c := k.plug("/dev/gpiochip0", "pinctrl-bcm2711", 28, nil)
	b := k.board(t, defaults())
	ask := func() error { _, err := b.Output(t.Context(), "17", hw.OutputOptions{}); return err }
	c.others[17] = "w1"
	wantRemedy(t, ask(), hw.ErrInUse, `pinctrl-bcm2711/17 is held by "w1"`)
	c.others[17] = "loquet: garage"
	wantRemedy(t, ask(), hw.ErrInUse, "only one loquet")
	delete(c.others, 17)
	c.refuse = syscall.ENOTTY
	wantRemedy(t, ask(), syscall.ENOTTY, "Linux 5.10")
	c.refuse = syscall.ENODEV
	wantRemedy(t, ask(), device.ErrUnavailable, "connect")
	c.refuse = nil
	k.denied = true
	wantRemedy(t, ask(), syscall.EACCES, "usermod -aG gpio")
}

func TestRequests(t *testing.T) {
	k := machine()
	c := k.plug("/dev/gpiochip0", "pinctrl-bcm2711", 28, nil)
	b := k.board(t, defaults())
	for _, o := range []hw.OutputOptions{{}, {ActiveLow: true}, {Rest: true}, {Rest: true, ActiveLow: true}} {
		o.Consumer = "loquet: a-device-with-a-rather-long-name"
		out, err := b.Output(t.Context(), "17", o)
		if err != nil {
			t.Fatal(err)
		}
		r := c.asked()
		a := r.Config.Attrs[0]
		low := r.Config.Flags&flagActiveLow != 0
		if r.NumLines != 1 || r.Offsets[0] != 17 || r.Config.Flags&^flagActiveLow != flagOutput || low != o.ActiveLow ||
			r.Config.NumAttrs != 1 || a.Attr.ID != attrValues || a.Mask != 1 || (a.Attr.Value == 1) != o.Rest {
			t.Errorf("%+v is requested as %+v", o, r)
		}
		if text(r.Consumer) != o.Consumer[:31] {
			t.Errorf("the consumer is %q", text(r.Consumer))
		}
		if sets, _ := c.tally(); sets != 0 {
			t.Error("the line was set after the request")
		}
		out.Close()
		c.sets = 0
	}
	for low, bias := range map[bool]uint64{true: flagPullUp | flagActiveLow, false: flagPullDown} {
		in, err := b.Input(t.Context(), "27", hw.InputOptions{ActiveLow: low})
		if err != nil {
			t.Fatal(err)
		}
		r := c.asked()
		if r.Config.Flags != flagInput|flagEdges|bias || r.EventBuffer != 256 || r.Config.Attrs[0].Attr != (lineAttr{ID: attrDebounce, Value: 5000}) {
			t.Errorf("an input is requested as %+v", r)
		}
		in.Close()
	}
	e, err := b.Edges(t.Context(), []string{"12", "13"}, hw.InputOptions{ActiveLow: true})
	if err != nil {
		t.Fatal(err)
	}
	r := c.asked()
	if r.Config.Flags != flagInput|flagEdges|flagPullUp|flagActiveLow || r.NumLines != 2 || r.EventBuffer != 256 || r.Config.NumAttrs != 0 {
		t.Errorf("two wires are requested as %+v", r)
	}
	e.Close()
	for low, bias := range map[bool]uint64{true: flagPullDown | flagActiveLow, false: flagPullUp} { // readers pull a wire down
		e, err := b.Edges(t.Context(), []string{"12", "13"}, hw.InputOptions{ActiveLow: low, Falling: true})
		if err != nil {
			t.Fatal(err)
		}
		if r := c.asked(); r.Config.Flags != flagInput|flagFalling|bias || r.EventBuffer != 256 {
			t.Errorf("wires that fall are requested as %+v", r)
		}
		e.Close()
	}
}

// Whatever the chip does, its output comes back at rest, and only on the same line.
func TestUnpluggedAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := machine()
		c := k.plug("/dev/gpiochip0", "usb-relays", 4, map[int]string{1: "GATE"})
		b := newBoard(k, defaults(), zerolog.Nop())
		defer b.Close()
		out, err := b.Output(t.Context(), "1", hw.OutputOptions{ActiveLow: true})
		if err != nil {
			t.Fatal(err)
		}
		in, err := b.Input(t.Context(), "2", hw.InputOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := out.Set(t.Context(), true, 0); err != nil {
			t.Fatal(err)
		}
		outs, ins := out.Watch(t.Context()), in.Watch(t.Context())
		began := time.Now()
		k.unplug(c)
		for range outs { // ends
		}
		for range ins { // ends
		}
		if took := time.Since(began); took > 2*probe {
			t.Errorf("it was noticed after %v", took)
		}
		if err := out.Set(t.Context(), true, 0); !errors.Is(err, device.ErrUnavailable) {
			t.Errorf("an order: %v", err)
		}
		if _, err := in.Read(t.Context()); !errors.Is(err, device.ErrUnavailable) {
			t.Errorf("read: %v", err)
		}
		strangers := []*fakeChip{
			k.plug("/dev/gpiochip1", "other-relays", 4, map[int]string{1: "GATE"}),
			k.plug("/dev/gpiochip2", "usb-relays", 4, map[int]string{1: "DOOR"}),
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		for _, s := range strangers {
			if slices.ContainsFunc(s.requests, func(r lineRequest) bool { return r.Config.Flags&flagOutput != 0 }) {
				t.Errorf("%s was taken for the chip that went", s.label)
			}
			k.unplug(s)
		}
		c.path = "/dev/gpiochip7"
		outs = out.Watch(t.Context())
		k.replug(c)
		if level := <-outs; level.Active {
			t.Error("it came back energised")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if _, rises := c.tally(); rises != 1 || !c.level(1) {
			t.Errorf("%d clicks, want only the first; at rest %v", rises, c.level(1))
		}
		if err := out.Set(t.Context(), true, 0); err != nil || c.level(1) {
			t.Errorf("it cannot be energised again: %v", err)
		}
		if level, err := in.Read(t.Context()); err != nil || level.Active {
			t.Errorf("read %+v, %v", level, err)
		}
	})
}

func TestInputFindsWhatEdgesMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := machine()
		c := k.plug("/dev/gpiochip0", "pinctrl-bcm2711", 28, nil)
		b := newBoard(k, defaults(), zerolog.Nop())
		defer b.Close()
		in, err := b.Input(t.Context(), "27", hw.InputOptions{})
		if err != nil {
			t.Fatal(err)
		}
		watch := in.Watch(t.Context())
		first := <-watch
		c.drive(27, true, true) // nobody is told
		if level := <-watch; !level.Active {
			t.Errorf("got %+v after %+v", level, first)
		}
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		began := time.Now()
		c.drive(27, false, true)
		c.drive(27, true, true)
		c.drive(27, false, false)
		level := <-watch
		if level.Active || level.Seq != first.Seq+4 {
			t.Errorf("three of four edges were lost, and the count went from %d to %+v", first.Seq, level)
		}
		if !level.At.Equal(began) {
			t.Errorf("the edge of %v is said to be of %v", began, level.At)
		}
	})
}

func TestChipWithoutEdgesIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := machine()
		c := k.plug("/dev/gpiochip0", "pcf8574", 8, nil)
		c.mute = true
		b := newBoard(k, defaults(), zerolog.Nop())
		defer b.Close()
		in, err := b.Input(t.Context(), "3", hw.InputOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if r := c.asked(); r.Config.Flags&flagEdges != 0 || r.Config.NumAttrs != 0 || r.EventBuffer != 0 {
			t.Errorf("it is requested as %+v", r)
		}
		watch := in.Watch(t.Context())
		<-watch
		began := time.Now()
		c.drive(3, true, true)
		if level := <-watch; !level.Active || time.Since(began) > pollEvery {
			t.Errorf("got %+v after %v", level, time.Since(began))
		}
		_, err = b.Edges(t.Context(), []string{"4", "5"}, hw.InputOptions{})
		wantRemedy(t, err, syscall.ENXIO, "edges")
	})
}

// The second timer stands behind hw.Bounded: here that one is left out.
func TestSecondTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := machine()
		c := k.plug("/dev/gpiochip0", "pinctrl-bcm2711", 28, nil)
		b := newBoard(k, defaults(), zerolog.Nop())
		defer b.Close()
		lent, err := b.Output(t.Context(), "17", hw.OutputOptions{Cap: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		out := lent.(*output)
		if err := out.drive(t.Context(), true, time.Second); err != nil {
			t.Fatal(err)
		}
		c.breaks(syscall.EIO) // the first tries fail
		time.Sleep(time.Second + grace + again/2)
		if !c.level(17) {
			t.Error("a chip that does not answer went to rest")
		}
		c.breaks(nil)
		time.Sleep(again)
		if c.level(17) {
			t.Error("it is energised after its time")
		}
	})
}

func TestLostAnswer(t *testing.T) {
	k := machine()
	c := k.plug("/dev/gpiochip0", "mcp23017", 16, nil)
	b := k.board(t, defaults())
	out, err := b.Output(t.Context(), "3", hw.OutputOptions{Cap: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	c.breaks(syscall.EIO)
	if err := out.Set(context.Background(), true, time.Second); !errors.Is(err, device.ErrUnsure) {
		t.Errorf("an error on the bus is %v: the chip may have heard the order", err)
	}
	c.breaks(nil)
}

func TestKernelThatKeepsOutputs(t *testing.T) {
	var log bytes.Buffer
	k := machine()
	k.plug("/dev/gpiochip0", "pinctrl-bcm2711", 28, nil)
	k.keeps = true
	b := newBoard(k, defaults(), zerolog.New(&log))
	defer b.Close()
	for _, line := range []string{"17", "18"} {
		if _, err := b.Output(t.Context(), line, hw.OutputOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Count(log.String(), "strict_gpiod") != 1 {
		t.Errorf("the log says %q", log.String())
	}
}

func TestClosedBoard(t *testing.T) {
	k := machine()
	c := k.plug("/dev/gpiochip0", "pinctrl-bcm2711", 28, nil)
	b := newBoard(k, defaults(), zerolog.Nop())
	out, err := b.Output(t.Context(), "17", hw.OutputOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Set(t.Context(), true, 0); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil || c.level(17) {
		t.Errorf("after Close: %v, energised %v", err, c.level(17))
	}
	if _, err := b.Output(t.Context(), "18", hw.OutputOptions{}); !errors.Is(err, hw.ErrClosed) || c.users[18] != nil {
		t.Errorf("a closed board lends: %v", err)
	}
}

func TestConfig(t *testing.T) {
	for _, tt := range []struct {
		c    Config
		want string
	}{
		{defaults(), ""},
		{Config{Bias: "up"}, "bias"},
		{Config{Bias: biasOff, Debounce: -1}, "debounce"},
		{Config{Bias: biasOff, Debounce: time.Minute}, "debounce"},
	} {
		fields := hw.FieldErrors(tt.c.Check())
		if tt.want == "" && len(fields) != 0 || tt.want != "" && (len(fields) != 1 || fields[0].Field != tt.want || fields[0].Remedy == "") {
			t.Errorf("%+v: %v, want %q", tt.c, fields, tt.want)
		}
	}
}
