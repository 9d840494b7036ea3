package usbrelay

import (
	"context"
	"regexp"
	"strconv"
	"sync"
)

// lcusOrder is A0, the channel from 1, the state, and the sum of the three.
func lcusOrder(channel int, on bool) []byte {
	state := byte(0)
	if on {
		state = 1
	}
	return []byte{0xA0, byte(channel), state, 0xA0 + byte(channel) + state}
}

// lcusStatus asks the boards that answer for the state of all relays.
const lcusStatus = 0xFF

// lcus is a board of the LCUS kind.
type lcus struct {
	*cable
	channels int
	readback bool
}

// set implements relays. Without readback, an order is believed when it has left the machine.
func (l lcus) set(ctx context.Context, channel int, on bool) error {
	order := lcusOrder(channel, on)
	if !l.readback {
		if err := l.write(ctx, order); err != nil {
			return err
		}
		return l.drain(ctx)
	}
	var states map[int]bool
	err := l.ask(ctx, append(order, lcusStatus), func(got []byte) bool {
		states = lcusStates(got)
		return len(states) >= l.channels
	})
	if err != nil {
		return err
	}
	return disobeyed(on, states[channel])
}

var lcusLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`CH([0-9]{1,2}): ?(ON|OFF)\s*\r?\n`) })

// lcusStates reads "CH1: ON\r\nCH2: OFF\r\n". Lines that are not whole are left out.
func lcusStates(answer []byte) map[int]bool {
	states := make(map[int]bool)
	for _, m := range lcusLine().FindAllSubmatch(answer, -1) {
		channel, err := strconv.Atoi(string(m[1]))
		if err == nil && channel > 0 {
			states[channel] = string(m[2]) == "ON"
		}
	}
	return states
}
