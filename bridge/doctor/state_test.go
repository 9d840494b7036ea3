package doctor

import (
	"errors"
	"testing"

	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/store"
)

func TestProblemCode(t *testing.T) {
	for kind, want := range map[error]health.Code{
		store.ErrDiskFull: health.DiskFull, store.ErrReadOnly: health.DiskReadOnly, store.ErrUnwritable: health.DiskReadOnly,
		store.ErrDatabaseLost: health.DatabaseLost, store.ErrDisk: health.DiskFailed, errors.New("else"): health.DiskFailed,
	} {
		if got := problemCode(&store.Problem{Kind: kind}); got != want {
			t.Errorf("%v: %s", kind, got)
		}
	}
}

func TestTellNotes(t *testing.T) {
	board := health.NewBoard()
	TellNotes(board, []*store.Problem{{Kind: store.ErrDamaged, Path: "/x/journal.db"}, {Kind: store.ErrDamaged, Path: "/x/identity.a"}})
	for code, want := range map[health.Code]bool{health.JournalGap: true, health.IdentityRebuilt: true, health.DiskFull: false} {
		has := false
		for _, p := range board.Active() {
			has = has || p.Code == code
		}
		if has != want {
			t.Errorf("%s: %t", code, has)
		}
	}
	s, err := store.Open(t.Context(), t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	before := len(board.Active())
	TellDegraded(board, s, "it does not take anything")
	if now := board.Active(); len(now) != before+1 || now[0].Code != health.DiskFailed {
		t.Errorf("%+v", now)
	}
	TellDegraded(board, s, "")
	if len(board.Active()) != before {
		t.Errorf("%+v", board.Active())
	}
}
