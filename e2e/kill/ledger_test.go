package kill

import (
	"fmt"
	"sync"
	"testing"

	"github.com/loquet/loquet/e2e"
)

// account is what is known of one device from four sides. In this order none may be greater than the
// next: a relay moves at most once for a command, and never without a record.
type account struct {
	acknowledged int // answered with an intent
	started      int // STARTED in the journal
	pulses       int // rest to active, counted by the world
	intents      int // INTENT in the journal
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
	case a.intents > a.sent:
		return "an intent is recorded that nobody asked for"
	}
	return ""
}

func (a *account) add(b account) {
	a.acknowledged += b.acknowledged
	a.started += b.started
	a.pulses += b.pulses
	a.intents += b.intents
	a.sent += b.sent
}

// ledger keeps the accounts of all devices over all rounds.
type ledger struct {
	mu       sync.Mutex
	accounts map[string]*account
	last     int64 // seq of the last row that was booked
	rows     map[string][]e2e.Row
	said     map[string][]string // what was answered, for a report
}

func newLedger() *ledger {
	return &ledger{accounts: map[string]*account{}, rows: map[string][]e2e.Row{}, said: map[string][]string{}}
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

// answer books what a command was answered with.
func (l *ledger) answer(id string, acknowledged bool, said string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if acknowledged {
		l.of(id).acknowledged++
	}
	l.said[id] = append(l.said[id], said)
}

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
		l.rows[row.Device] = append(l.rows[row.Device], row)
		switch row.Kind {
		case "intent":
			l.of(row.Device).intents++
		case "started":
			l.of(row.Device).started++
		}
	}
	for _, d := range devices {
		a := l.of(d.ID)
		a.pulses = world.status(t, d.ID).PulsesTotal
		if wrong := a.wrong(); wrong != "" {
			t.Fatalf("%s: %s: %+v\nanswers: %q\nrows: %s", d.ID, wrong, *a, l.said[d.ID], lastRows(l.rows[d.ID]))
		}
	}
}

func lastRows(rows []e2e.Row) string {
	var s string
	for _, row := range rows[max(0, len(rows)-12):] {
		s += fmt.Sprintf("\n  %d %s %s intent %d %s %s", row.Seq, row.Kind, row.Action, row.Intent, row.Outcome, row.Code)
	}
	return s
}

// sum adds all accounts up.
func (l *ledger) sum() account {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all account
	for _, a := range l.accounts {
		all.add(*a)
	}
	return all
}
