package apitest

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/loquet/loquet/api"
)

// Keeper is an api.Keeper whose backups anybody can read.
type Keeper struct {
	Text  []byte // the configuration; nil: there is none
	Seen  api.Facts
	Break error                         // what every backup fails with
	After int                           // but only after so many bytes
	Seal  func(io.Writer, string) error // writes the backup; nil: plain text

	mu    sync.Mutex
	asked []string
}

var _ api.Keeper = (*Keeper)(nil)

// Backup writes a text that names the passphrase.
func (k *Keeper) Backup(_ context.Context, passphrase string, out io.Writer) error {
	k.mu.Lock()
	k.asked = append(k.asked, passphrase)
	k.mu.Unlock()
	if k.Break != nil && k.After == 0 {
		return k.Break
	}
	if k.Seal != nil {
		return k.Seal(out, passphrase)
	}
	text := "a backup under " + passphrase
	if k.Break != nil {
		text = text[:k.After]
	}
	if _, err := io.WriteString(out, text); err != nil {
		return err
	}
	return k.Break
}

// Passphrases lists those that backups were asked for with.
func (k *Keeper) Passphrases() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string(nil), k.asked...)
}

// Configuration is the text.
func (k *Keeper) Configuration() ([]byte, error) {
	if k.Text == nil {
		return nil, fmt.Errorf("configuration: %w", api.ErrNotFound)
	}
	return k.Text, nil
}

// Facts are those that were put in.
func (k *Keeper) Facts(context.Context) (api.Facts, error) {
	f := k.Seen
	if f.At.IsZero() {
		f.At = time.Now()
	}
	return f, nil
}
