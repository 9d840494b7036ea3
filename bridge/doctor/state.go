package doctor

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/store"
)

// TellDegraded says on the board that the disk takes nothing, and why; with an empty reason, that it
// does again.
func TellDegraded(board *health.Board, s *store.Store, reason string) {
	code := health.DiskFailed
	if p := s.Problem(); p != nil {
		code = problemCode(p)
	}
	for _, c := range []health.Code{health.DiskFull, health.DiskReadOnly, health.DiskFailed, health.DatabaseLost} {
		if c == code && reason != "" {
			board.Raise(c, "", reason)
		} else {
			board.Clear(c, "")
		}
	}
}

func problemCode(p error) health.Code {
	switch {
	case errors.Is(p, store.ErrDiskFull):
		return health.DiskFull
	case errors.Is(p, store.ErrDatabaseLost):
		return health.DatabaseLost
	case errors.Is(p, store.ErrUnwritable), errors.Is(p, store.ErrReadOnly):
		return health.DiskReadOnly
	}
	return health.DiskFailed
}

// TellNotes says on the board what was found and put right in the state folder.
func TellNotes(board *health.Board, notes []*store.Problem) {
	for _, n := range notes {
		code := health.IdentityRebuilt
		if strings.HasPrefix(filepath.Base(n.Path), "journal") {
			code = health.JournalGap
		}
		board.Raise(code, "", n.Error())
	}
}
