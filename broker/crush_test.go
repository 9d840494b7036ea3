package broker

import (
	"testing"
	"testing/synctest"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// When the house does not keep up, a device that says little is heard and those that shout are not, until it
// keeps up again.
func TestACrush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoorman(nil, ServerOptions{})
		house := &mochi.Client{Net: mochi.ClientConnection{Listener: forTheHouse}}
		board, loud := &mochi.Client{ID: "Barn"}, &mochi.Client{ID: "loud"}
		for _, cl := range []*mochi.Client{board, loud} {
			d.visitors[cl] = &visitor{id: cl.ID, rate: newRate(time.Now())}
		}
		heard := func(cl *mochi.Client) int {
			n := 0
			for range map[*mochi.Client]int{board: 2, loud: 150}[cl] { // within one second
				if _, err := d.OnPublish(cl, packets.Packet{TopicName: "garadget/" + cl.ID + "/status"}); err == nil {
					n++
				}
			}
			return n
		}
		for range 20 {
			if heard(board) != 2 || heard(loud) != 150 {
				t.Fatal("the house keeps up, and somebody is not heard")
			}
			time.Sleep(time.Second)
		}
		d.OnPublishDropped(loud, packets.Packet{}) // that is that client's own fault
		if heard(loud) != 150 {
			t.Error("it was not the house that did not keep up")
		}
		for range 20 {
			d.OnPublishDropped(house, packets.Packet{})
			if n := heard(board); n != 2 {
				t.Errorf("the board is heard %d times of 2", n)
			}
			if n := heard(loud); n > littleAtOnce {
				t.Errorf("who shouts is heard %d times", n)
			}
			time.Sleep(time.Second / 2)
		}
		time.Sleep(2 * crushTime)
		if heard(loud) != 150 {
			t.Error("the crush is over, and it is not heard")
		}
	})
}
