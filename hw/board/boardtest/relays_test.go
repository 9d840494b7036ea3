package boardtest

import (
	"testing"
	"testing/synctest"
	"time"
)

// A relay's own timer that comes due in the same moment as an order does not move it after that order.
func TestAnOrderOvertakesTheTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Relays
		r.Order(1, true, time.Second)
		r.mu.Lock()
		time.Sleep(time.Second) // the timer is due, and waits for its turn
		r.obey(1, true, 0)
		r.mu.Unlock()
		synctest.Wait()
		if !r.High(1) || r.Orders() != "1 true 1s,1 true" {
			t.Errorf("high %v after %s", r.High(1), r.Orders())
		}
	})
}
