package keypads

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/health"
)

// unseal opens people and codes with the first key that is theirs: the credential that systemd hands to the service, then
// the file beside the database. A credential that is not theirs is told, and locks nobody out while the file is there.
// A key is made only where nothing is sealed yet, and no credential is to be used.
func (k *Keypads) unseal() (*ledger.Ledger, error) {
	handed, err := k.handed()
	if err == nil && handed != nil {
		var codes *ledger.Ledger
		if codes, err = k.with(handed); err == nil {
			k.tell("", k.lies())
			return codes, nil
		}
	}
	var wrong error // with the credential
	if err != nil {
		wrong = fmt.Errorf("the credential %s: %w", KeyFile, err)
	}
	sealer, err := seal.OpenFile(filepath.Join(k.o.Folder, KeyFile), wrong == nil && !ledger.Used(k.space()))
	if err != nil {
		return nil, errors.Join(wrong, err)
	}
	codes, err := k.with(sealer)
	if err != nil {
		return nil, errors.Join(wrong, fmt.Errorf("the file %s: %w", KeyFile, err))
	}
	k.tell(text(wrong), true)
	return codes, nil
}

func (k *Keypads) with(s *seal.Sealer) (*ledger.Ledger, error) {
	return ledger.Open(k.space(), s, k.o.Clock, len(k.all())+k.o.Places)
}

// handed is the key that systemd hands to the service; nil if it hands none.
func (k *Keypads) handed() (*seal.Sealer, error) {
	if k.o.Credentials == "" {
		return nil, nil
	}
	s, err := seal.ReadFile(filepath.Join(k.o.Credentials, KeyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return s, err
}

// lies reports whether a key lies in a plain file beside the database.
func (k *Keypads) lies() bool {
	_, err := os.Lstat(filepath.Join(k.o.Folder, KeyFile))
	return err == nil
}

// tell says how it is with the key.
func (k *Keypads) tell(wrong string, plain bool) {
	if wrong != "" {
		k.o.Board.Raise(health.CodesKeyOther, "", wrong)
	} else {
		k.o.Board.Clear(health.CodesKeyOther, "")
	}
	switch {
	case !plain:
		k.o.Board.Clear(health.CodesKeyPlain, "")
	case wrong == "" && k.o.Credentials != "" && k.uses():
		k.o.Board.Raise(health.CodesKeyPlain, "", "the credential is used; the file is still there")
	default:
		k.o.Board.Raise(health.CodesKeyPlain, "", "the file is used")
	}
}

// uses reports whether there is a credential.
func (k *Keypads) uses() bool {
	_, err := os.Lstat(filepath.Join(k.o.Credentials, KeyFile))
	return err == nil
}

// HandedKey is the text of the key that systemd handed to the service, if codes are sealed with it: nowhere else is it in
// a backup. nil: there is none, or the file beside the database is used.
func (k *Keypads) HandedKey() []byte {
	s, err := k.handed()
	if err != nil || s == nil {
		return nil
	}
	if _, err := k.with(s); err != nil {
		return nil
	}
	key, err := os.ReadFile(filepath.Join(k.o.Credentials, KeyFile))
	if err != nil {
		return nil
	}
	return key
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
