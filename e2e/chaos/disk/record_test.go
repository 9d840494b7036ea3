package disk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/chaos/disk/forgetful"
	"github.com/loquet/loquet/store"
)

// load is how much a house does in one life.
type load struct {
	commands, changes, rows, guests int
	later                           time.Duration // on the calendar, than the life before
}

// record lets a house live on a disk and returns the disk's log. A volume that holds something is a house
// that comes back from a power cut.
func record(t *testing.T, v *forgetful.Volume, p *phone, lives ...load) (*forgetful.Log, *phone) {
	t.Helper()
	ctx := t.Context()
	for i, l := range lives {
		o := store.Options{RuntimeDir: e2e.TempDir(t), Version: "1.0", Retention: 30 * 24 * time.Hour,
			Now: func() (time.Time, string) { return time.Now().Add(l.later), "trusted" }}
		if err := marker(v)(promise{What: "start"}); err != nil {
			t.Fatal(err)
		}
		h, err := openHouse(ctx, v.Path, o)
		if err != nil {
			t.Fatal(err)
		}
		h.lives = fmt.Sprintf("%s-%d", filepath.Base(v.Path), i)
		h.mark = marker(v)
		if err := h.start(ctx); err != nil {
			t.Fatal(err)
		}
		if err := h.promised(); err != nil {
			t.Fatal(err)
		}
		if p == nil {
			if p, err = h.pair(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.work(ctx, p, l); err != nil {
			t.Fatal(err)
		}
		if reason, bad := h.store.Degraded(); bad {
			t.Fatalf("degraded on a disk that is well: %s", reason)
		}
		if err := h.close(ctx); err != nil {
			t.Fatal(err)
		}
	}
	log, err := v.Log()
	if err != nil {
		t.Fatal(err)
	}
	return log, p
}

// marker writes promises into the log of a disk.
func marker(v *forgetful.Volume) func(promise) error {
	return func(p promise) error {
		text, err := encoded(p)
		if err != nil {
			return err
		}
		return v.Mark(text)
	}
}

// work does everything at once, as a house does.
func (h *house) work(ctx context.Context, p *phone, l load) error {
	session, err := h.session(ctx, p)
	if err != nil {
		return err
	}
	defer session.Close()
	admin, err := h.session(ctx, p)
	if err != nil {
		return err
	}
	defer admin.Close()
	parts := []func() error{
		func() error { return times(l.commands, func(i int) error { return unlock(session, i%2) }) },
		func() error { return times(l.guests, func(int) error { return h.guest(ctx, admin) }) },
		func() error {
			return times(l.changes, func(int) error { return h.apply(spaceSettings, someChanges()) })
		},
		func() error {
			return times(l.changes/2, func(int) error { return h.apply(spaceNumbers, someChanges()) })
		},
		func() error {
			return times(l.rows, func(int) error {
				_, err := h.row(ctx, device.Entry{Kind: device.EntryObserved, State: "open",
					Cause: device.Cause{Kind: device.CauseOutside}, Detail: "by the wall button"})
				return err
			})
		},
	}
	errs := make([]error, len(parts))
	var all sync.WaitGroup
	for i, part := range parts {
		all.Go(func() { errs[i] = part() })
	}
	all.Wait()
	return errors.Join(errs...)
}

// guest comes, and every other one goes again.
func (h *house) guest(_ context.Context, admin client) error {
	guest, err := h.invite(admin)
	if err != nil || mathrand.IntN(2) == 0 {
		return err
	}
	return h.dismiss(admin, guest.ID)
}

func times(n int, do func(int) error) error {
	for i := range n {
		if err := do(i); err != nil {
			return err
		}
	}
	return nil
}

// someChanges writes one to three keys of a few, and sometimes takes one away.
func someChanges() map[string][]byte {
	changes := map[string][]byte{}
	for range 1 + mathrand.IntN(3) {
		key := fmt.Sprintf("person/%d", mathrand.IntN(12))
		value := make([]byte, 1+mathrand.IntN(2500))
		_, _ = rand.Read(value)
		changes[key] = value
		if mathrand.IntN(6) == 0 {
			changes[key] = nil
		}
	}
	return changes
}

// put lays an image out on a volume, durably.
func put(image *forgetful.Image, folder string) error {
	if err := image.Write(folder); err != nil {
		return err
	}
	for path := range image.Files() {
		f, err := os.Open(filepath.Join(folder, path))
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
