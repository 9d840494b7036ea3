package keypads

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/health"
)

// KeyFile is the name of the key for PINs: of the credential that systemd hands over, and of the file in the folder of the
// state.
const KeyFile = "codes.key"

const triesPrefix = "tries/"

// space keeps what is written at every wrong try apart from what must never be lost.
type space struct {
	codes, tries ledger.Space
}

func (k *Keypads) space() ledger.Space { return space{k.o.Codes, k.o.Tries} }

func (s space) of(key string) ledger.Space {
	if strings.HasPrefix(key, triesPrefix) {
		return s.tries
	}
	return s.codes
}

func (s space) Get(key string) ([]byte, bool, error) { return s.of(key).Get(key) }

// List leaves tries out of the list of everything: the ledger asks for each of them by its key.
func (s space) List(prefix string) (map[string][]byte, error) { return s.of(prefix).List(prefix) }

func (s space) Apply(changes map[string][]byte) error {
	for key := range changes { // a change is of one kind
		if into := s.of(key); into == s.tries {
			return into.Apply(changes)
		}
	}
	if err := s.room(changes); err != nil {
		return err
	}
	return s.codes.Apply(changes)
}

// mostCodes is how many bytes people and codes may take together: they are mirrored whole in the small file
// that holds the identity, which must stay small enough to be read. It is room for well over 10,000 codes.
const mostCodes = 8 << 20

// room refuses a change after which there would be more than there is room for. What makes less is never
// refused.
func (s space) room(changes map[string][]byte) error {
	have, err := s.codes.List("")
	if err != nil {
		have = nil // whoever changes what is damaged knows better
	}
	total, more := 0, 0
	for key, value := range have {
		total += len(key) + len(value)
	}
	for key, value := range changes {
		if old, ok := have[key]; ok {
			more -= len(key) + len(old)
		}
		if value != nil {
			more += len(key) + len(value)
		}
	}
	if more <= 0 || total+more <= mostCodes {
		return nil
	}
	return &api.Error{Status: http.StatusInsufficientStorage, Code: "too-many-codes", Title: "There is no room for more codes",
		Why: "people and codes would take more than 8 MiB", Remedy: "remove codes that are over: loquet codes list shows them"}
}

// Ledger opens people and codes, at the first call that succeeds. Why they cannot be opened is told on the
// board, too.
func (k *Keypads) Ledger() (*ledger.Ledger, error) {
	k.opening.Lock()
	defer k.opening.Unlock()
	if k.codes != nil {
		return k.codes, nil
	}
	codes, err := k.open()
	if err != nil {
		k.o.Log.Error().Err(err).Msg("people and codes cannot be read")
		k.o.Board.Raise(health.CodesUnreadable, "", err.Error())
		return nil, err
	}
	k.o.Board.Clear(health.CodesUnreadable, "")
	if bad := codes.Damaged(); len(bad) > 0 {
		k.o.Board.Raise(health.RecordDamaged, "codes", strings.Join(slices.Sorted(maps.Keys(bad)), ", "))
	}
	k.codes = codes
	return codes, nil
}

// Known reports whether there may be such a code. While people and codes cannot be read, there may be any.
func (k *Keypads) Known(codeID string) bool {
	k.opening.Lock()
	codes := k.codes
	k.opening.Unlock()
	if codes == nil || len(codes.Damaged()) > 0 {
		return true
	}
	_, ok := codes.Whose(codeID)
	return ok
}

func (k *Keypads) open() (*ledger.Ledger, error) {
	codes, err := k.unseal()
	if err == nil && k.o.Edited != nil {
		codes.Watch(k.o.Edited)
	}
	return codes, err
}
