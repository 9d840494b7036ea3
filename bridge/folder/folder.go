// Package folder opens the state of a house beside the reading of its configuration: those who are paired
// do not wait for one after the other.
package folder

import (
	"context"
	"errors"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/clock"
	"github.com/loquet/loquet/store"
)

// Folder is a state folder that is being opened.
type Folder struct {
	Time *clock.Keeper // dates what is written

	done  chan struct{}
	store *store.Store
	err   error
}

// Open begins to open the state in dir. See store.Begin; nothing else is in use by then.
func Open(ctx context.Context, dir, runtimeDir string, log zerolog.Logger) *Folder {
	f := &Folder{Time: clock.NewKeeper(clock.Options{}), done: make(chan struct{})}
	go func() {
		defer close(f.done)
		f.store, f.err = store.Begin(ctx, dir, store.Options{Log: log, RuntimeDir: runtimeDir, Now: f.Time.Now})
	}()
	return f
}

// Ahead is Open for a folder that has been used before, and nil for one that has not: a configuration
// that is wrong must not make a house.
func Ahead(ctx context.Context, dir, runtimeDir string, log zerolog.Logger) *Folder {
	if !store.Holds(dir) {
		return nil
	}
	return Open(ctx, dir, runtimeDir, log)
}

// Store waits for the store, of which the history may still be on its way.
func (f *Folder) Store() (*store.Store, error) {
	<-f.done
	return f.store, f.err
}

// Drop gives a folder back that nobody uses after all; err is why.
func (f *Folder) Drop(err error) error {
	if f == nil {
		return err
	}
	if s, failed := f.Store(); failed == nil {
		err = errors.Join(err, s.Close())
	}
	return err
}
