package broker

import (
	"fmt"
	"testing"

	"github.com/loquet/loquet/hw"
)

func (e *ear) heard() (all []hw.MQTTEvent) {
	for event, ok := e.take(); ok; event, ok = e.take() {
		if event.Topic != "" {
			all = append(all, event)
		}
	}
	return all
}

// A word of a device that says little is heard among those that shout, however many messages or bytes
// those have.
func TestWhoTalksMuchDoesNotTalkOthersDown(t *testing.T) {
	for _, c := range []struct {
		name    string
		loud    int // topics
		payload int
	}{{"one", 1, 10}, {"many", 60, 10}, {"large", 3, 200 << 10}} {
		t.Run(c.name, func(t *testing.T) {
			e := newEar([]string{"#"})
			e.up()
			say := func(topic string, size int) {
				e.put(hw.MQTTEvent{Up: true, Topic: topic, Payload: make([]byte, size)})
			}
			said := 0
			for i := range 20 * maxUnread {
				say(fmt.Sprint("loud/", i%c.loud), c.payload)
				if i%(4*maxUnread) == 100 {
					say("board/status", 5)
					said++
				}
			}
			board, lost, unread := 0, false, e.heard()
			for _, event := range unread {
				lost = lost || event.Lost
				if event.Topic == "board/status" {
					board++
				}
			}
			if board != said || !lost || len(unread) > maxUnread {
				t.Errorf("%d of %d words of the board, told of the loss %v, %d unread", board, said, lost, len(unread))
			}
			if e.bytes != 0 || len(e.topics) != 0 {
				t.Errorf("%d bytes and %d topics are counted, and nothing is there", e.bytes, len(e.topics))
			}
			say("a", 1)
			e.down()
			if e.up(); len(e.heard()) != 1 || e.bytes != 0 || len(e.topics) != 0 {
				t.Errorf("%d bytes, %d topics after a loss", e.bytes, len(e.topics))
			}
		})
	}
}
