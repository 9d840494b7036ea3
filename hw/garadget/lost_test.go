package garadget

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// quietBoard is a board at a broker that says where it is when the test wants it to, and who it is at once.
type quietBoard struct {
	events chan hw.MQTTEvent

	mu    sync.Mutex
	heard []string
}

func (q *quietBoard) Listen(context.Context, ...string) <-chan hw.MQTTEvent { return q.events }

func (q *quietBoard) Publish(_ context.Context, _ string, payload []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.heard = append(q.heard, string(payload))
	if string(payload) == getConfig {
		q.say("config", fmt.Sprintf(`{"sys":"2.0.1","ver":"1.20","id":%q,"rdt":1000,"mtt":10000,"rlt":300,"rlp":1000,"srt":25,"nme":"Workshop"}`, boardID), time.Now())
	}
	return nil
}

func (q *quietBoard) say(last, payload string, taken time.Time) {
	q.events <- hw.MQTTEvent{Up: true, Topic: "garadget/Workshop/" + last, Payload: []byte(payload), Taken: taken}
}

// closed is the board's answer to where it is, that came at a moment.
func (q *quietBoard) closed(taken time.Time) {
	q.say("status", `{"status":"closed","time":"9m","sensor":62,"bright":42,"signal":-55}`, taken)
}

func (q *quietBoard) count(word string) (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, h := range q.heard {
		if h == word {
			n++
		}
	}
	return n
}

// The answer to an earlier question may have come before an order went out, and be worked through after it: it counts as that
// question's, and the next one as that of the order. What the board says unasked before the order is nobody's answer.
func TestAnAnswerThatCrossesAnOrder(t *testing.T) {
	for what, asked := range map[string]bool{"an answer": true, "a word of its own": false} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := &quietBoard{events: make(chan hw.MQTTEvent, 100)}
				env := hw.NewEnv(zerolog.Nop())
				env.UseMQTT(q)
				b, err := Open(t.Context(), env.For("workshop"), Config{ID: boardID})
				if err != nil {
					t.Fatal(err)
				}
				q.events <- hw.MQTTEvent{Up: true}
				q.say("LWT", "Online", time.Now())
				q.closed(time.Now()) // whose is it? it is asked
				synctest.Wait()
				time.Sleep(time.Second + time.Millisecond) // nothing is owed any more
				q.closed(time.Now())
				synctest.Wait()
				if asked {
					go func() { _, _ = b.Refresh(t.Context()) }()
					synctest.Wait()
				}
				crossing := time.Now()
				time.Sleep(10 * time.Millisecond)
				done := make(chan error, 1)
				go func() { done <- b.Trigger(t.Context(), device.TargetOpen) }()
				synctest.Wait()
				if n := q.count("open"); n != 1 {
					t.Fatalf("%d orders; it was told %q", n, q.heard)
				}
				q.closed(crossing)
				synctest.Wait()
				select {
				case err := <-done:
					t.Fatalf("the order is said to have arrived before the board was heard after it: %v", err)
				default:
				}
				q.closed(time.Now())
				if err := <-done; err != nil {
					t.Errorf("unsure %v: %v", errors.Is(err, device.ErrUnsure), err)
				}
				if err := env.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
