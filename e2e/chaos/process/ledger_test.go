package process

import (
	"fmt"
	"sync"
	"testing"

	"github.com/loquet/loquet/e2e"
)

// account is what is known of one device from four sides. In this order none may be greater than the
// next, in any one life of the bridge: a relay moves at most once for a command, and never without a record.
type account struct {
	acknowledged int // answered with an intent
	started      int // STARTED in the journal
	pulses       int // rest to active, counted by the world
	intents      int // INTENT in the journal
	warnings     int // WARNING in the journal: nothing has moved yet
	sent         int // commands that this test has sent
}

func (a account) wrong() string {
	switch {
	case a.acknowledged > a.started:
		return "a command was acknowledged that is not recorded as started"
	case a.started > a.pulses:
		return "a start is recorded for which no relay moved"
	case a.pulses > a.intents:
		return "a relay moved without an intent, or twice for one"
	case max(a.intents, a.warnings) > a.sent:
		return "an intent or a warning is recorded that nobody asked for"
	}
	return ""
}

func (a *account) add(b account) {
	a.acknowledged += b.acknowledged
	a.started += b.started
	a.pulses += b.pulses
	a.intents += b.intents
	a.warnings += b.warnings
	a.sent += b.sent
}

// ledger keeps the accounts of all devices: those of the life that is going on or has just ended, and all
// before together.
type ledger struct {
	mu       sync.Mutex
	accounts map[string]*account // of this life
	before   account             // of all lives that were audited
	pulses   map[string]int      // what the world had counted at the last audit
	promised map[int64]string    // intents that were acknowledged, and whose row STARTED was not yet found
	last     int64               // seq of the last row that was booked
	rows     map[string][]e2e.Row
	said     map[string][]string // what was answered, for a report
}

func newLedger() *ledger {
	return &ledger{accounts: map[string]*account{}, pulses: map[string]int{}, promised: map[int64]string{},
		rows: map[string][]e2e.Row{}, said: map[string][]string{}}
}

func (l *ledger) of(id string) *account {
	a, ok := l.accounts[id]
	if !ok {
		a = &account{}
		l.accounts[id] = a
	}
	return a
}

// send books a command before it is sent.
func (l *ledger) send(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of(id).sent++
}

// answer books what a command was answered with; intent is 0 where the answer does not tell it.
func (l *ledger) answer(id string, acknowledged bool, intent int64, said string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if acknowledged {
		l.of(id).acknowledged++
		if intent != 0 {
			l.promised[intent] = id
		}
	}
	l.said[id] = keep(append(l.said[id], said))
}

// keep bounds what is remembered for a report.
func keep[T any](all []T) []T { return all[max(0, len(all)-12):] }

// audit books what the journal and the world say after a restart, and compares.
func (l *ledger) audit(t *testing.T, q *e2e.Loquet, world *world, devices []e2e.Device) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, row := range q.Since(t, l.last) {
		if row.Seq <= l.last {
			t.Fatalf("seq %d came after %d", row.Seq, l.last)
		}
		l.last = row.Seq
		l.book(row)
	}
	for _, d := range devices {
		a := l.of(d.ID)
		total := world.status(t, d.ID).PulsesTotal
		a.pulses, l.pulses[d.ID] = total-l.pulses[d.ID], total
		if wrong := a.wrong(); wrong != "" {
			t.Fatalf("%s: %s: %+v\nanswers: %q\nrows: %s", d.ID, wrong, *a, l.said[d.ID], lastRows(l.rows[d.ID]))
		}
		l.before.add(*a)
		*a = account{}
	}
	for intent, id := range l.promised {
		t.Fatalf("%s: the intent %d was acknowledged, and the journal does not know that it was started\nanswers: %q\nrows: %s",
			id, intent, l.said[id], lastRows(l.rows[id]))
	}
}

func (l *ledger) book(row e2e.Row) {
	l.rows[row.Device] = keep(append(l.rows[row.Device], row))
	switch row.Kind {
	case "intent":
		l.of(row.Device).intents++
	case "started":
		l.of(row.Device).started++
		delete(l.promised, row.Intent)
	case "warning":
		l.of(row.Device).warnings++
	}
}

func lastRows(rows []e2e.Row) string {
	var s string
	for _, row := range rows {
		s += fmt.Sprintf("\n  %d %s %s intent %d %s %s", row.Seq, row.Kind, row.Action, row.Intent, row.Outcome, row.Code)
	}
	return s
}

// sum is all accounts of all lives together.
func (l *ledger) sum() account {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.before
}
