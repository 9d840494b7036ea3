package keypads

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/health"
)

// KeyFile is the file with the key for PINs, in the folder of the state.
const KeyFile = "codes.key"

const triesPrefix = "tries/"

// space keeps what is written at every wrong try apart from what must never be lost.
type space struct{ codes, tries ledger.Space }

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
		return s.of(key).Apply(changes)
	}
	return nil
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

func (k *Keypads) open() (*ledger.Ledger, error) {
	sealer, err := seal.OpenFile(filepath.Join(k.o.Folder, KeyFile), !ledger.Used(k.space()))
	if err != nil {
		return nil, err
	}
	return ledger.Open(k.space(), sealer, k.o.Clock, len(k.all()))
}
