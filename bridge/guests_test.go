package bridge

import (
	"testing"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
)

// A code that opens once opens once, whatever happens to the process in between: its use is a row of history.
func TestACodeThatOpensOnceOverARestart(t *testing.T) {
	r := newResidence(t, villa+studio+pads)
	r.start()
	r.listens(true)
	gus := r.person("Gus", "guest")
	once := r.code(api.CodeRequest{Person: gus.ID, Windows: []api.Window{{Kind: "count", Uses: 1}}})
	twice := r.code(api.CodeRequest{Person: gus.ID, Windows: []api.Window{{Kind: "count", Uses: 2}}})
	counted := func() { r.await("history is counted", func() bool { return r.uses.Uses("").Known }) }
	secured := func() { r.await("studio locked", func() bool { return r.position("studio") == "secured" }) }
	opened := func(n int) { // and shut again
		t.Helper()
		r.await("the strike", func() bool { return r.strikes() == n })
		r.await("studio open", func() bool { return r.position("studio") == "unsecured" })
		secured()
	}
	counted()
	secured()
	r.types(once.PIN + "#")
	opened(1)
	r.types(once.PIN + "#")
	if got := r.refused(1); got[0] != string(device.RefusedUsedUp) {
		t.Errorf("the second time: %v", got)
	}
	r.types(twice.PIN + "#")
	opened(2)
	r.stop()
	r.start()
	r.listens(true)
	counted()
	secured()
	r.types(once.PIN + "#")
	if got := r.refused(2); got[1] != string(device.RefusedUsedUp) {
		t.Errorf("after a restart: %v", got)
	}
	r.types(twice.PIN + "#")
	opened(3)
	r.types(twice.PIN + "#")
	if got := r.refused(3); got[2] != string(device.RefusedUsedUp) {
		t.Errorf("the third time: %v", got)
	}
}

// The owner is told of a code for duress; the keypad shows what it shows of every other.
func TestDuressIsTold(t *testing.T) {
	r := newResidence(t, villa+studio+pads)
	r.start()
	r.listens(true)
	code := r.code(api.CodeRequest{Person: r.person("Gus", "resident").ID, Duress: true})
	r.await("studio known", func() bool { return r.position("studio") == "secured" })
	r.types(code.PIN + "#")
	r.await("the strike", func() bool { return r.strikes() == 1 })
	r.await("the owner is told", func() bool {
		why, told := r.problem(health.DuressUsed, "studio-pad")
		return told && why == "code "+code.ID
	})
	if got := r.refusals(); len(got) != 0 {
		t.Errorf("%v", got)
	}
}
