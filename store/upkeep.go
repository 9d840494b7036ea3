package store

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"
)

// upkeep is what is done beside the work, by one goroutine.
type upkeep struct {
	s    *Store
	stop chan struct{}
	done chan struct{}

	mu   sync.Mutex
	idle func() bool

	anchored, retained, probed time.Time
	checked                    bool
}

const (
	upkeepEvery = time.Second
	anchorEvery = 10 * time.Minute
	retainEvery = time.Hour
	probeEvery  = 10 * time.Second
	// logLimit is the size of the journal's log at which it is emptied, when no door is owed anything;
	// at eight times that it is emptied in any case, beside the writer.
	logLimit = 4 << 20
	// indexSteps a turn, so that the log does not grow faster than it is emptied.
	indexSteps = 8
)

func newUpkeep(s *Store) *upkeep {
	return &upkeep{s: s, idle: func() bool { return true }, checked: s.journal.checked}
}

func (u *upkeep) setIdle(idle func() bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.idle = idle
}

func (u *upkeep) isIdle() bool {
	u.mu.Lock()
	idle := u.idle
	u.mu.Unlock()
	return idle()
}

func (u *upkeep) start() {
	u.stop, u.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(u.done)
		tick := time.NewTicker(upkeepEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				u.turn(time.Now())
			case <-u.s.journal.numbers.want:
				u.reserve()
			case <-u.s.state.changed:
				u.report()
			case <-u.stop:
				return
			}
		}
	}()
}

func (u *upkeep) close() {
	if u.stop == nil {
		return
	}
	close(u.stop)
	<-u.done
}

// report tells the owner, and loquet.db if the next start must set the journal aside.
func (u *upkeep) report() {
	if p := u.s.Problem(); p != nil && errors.Is(p, ErrDamaged) && p.Path == u.s.journal.path {
		if err := u.s.tell(map[string]any{keyDamaged: true}); err != nil {
			u.s.log.Error().Err(err).Msg("the damage could not be noted")
		}
	}
	if on := u.s.options.OnDegraded; on != nil {
		reason, _ := u.s.Degraded()
		on(reason)
	}
}

// reserve keeps the numbers of rows ahead of those that are used.
func (u *upkeep) reserve() {
	n := u.s.journal.numbers
	upto := n.more()
	if err := u.s.tell(map[string]any{keyReserved: upto}); err != nil {
		u.s.log.Warn().Err(err).Msg("no more numbers could be reserved")
		return
	}
	n.grant(upto)
}

// turn does what is due.
func (u *upkeep) turn(now time.Time) {
	if reason, passing := u.s.state.get(); reason != nil {
		if passing && now.Sub(u.probed) >= probeEvery {
			u.probed = now
			u.recover()
		}
		return
	}
	j := u.s.journal
	if j.durable.pending() || j.ahead.waiting.Load() {
		signal(j.durable.kick)
	}
	ctx := context.Background()
	idle := u.isIdle()
	if (idle && j.crowded(logLimit)) || j.crowded(8*logLimit) {
		u.emptyLog(ctx)
	}
	if now.Sub(u.anchored) >= anchorEvery {
		u.anchored = now
		u.anchor()
	}
	if !idle {
		return
	}
	u.index(ctx)
	if now.Sub(u.retained) >= retainEvery && u.s.options.Retention > 0 {
		u.retained = now
		u.retain(ctx)
	}
	if !u.checked {
		u.checked = true
		u.check(ctx)
	}
}

// emptyLog moves the log into the database beside the writer, which is not held up by it, and then has
// the writer begin the log anew at once, so that no row pays for that.
func (u *upkeep) emptyLog(ctx context.Context) {
	j := u.s.journal
	if j.readers == nil {
		return
	}
	path := j.path
	db, conn, err := openWriter(ctx, path, "synchronous(NORMAL)", "wal_autocheckpoint(0)")
	if err == nil {
		_, err = checkpoint(ctx, conn, "PASSIVE")
		err = errors.Join(err, conn.Close(), db.Close())
	}
	if err == nil {
		var turned error
		err = errors.Join(j.order(func() { turned = j.turn(ctx, "PASSIVE") }), turned)
	}
	switch {
	case err == nil || errors.Is(err, ErrClosed):
	case syncFailed(err): // the log may have holes: it is left as it is
		p := diskProblem(path, err)
		u.s.state.degradeUntilRestart(p)
		if err := j.order(func() { j.stepAside(p) }); err != nil {
			u.s.log.Error().Err(err).Msg("the journal closed before its rows could go aside")
		}
	default:
		u.s.state.degrade(diskProblem(path, err))
	}
}

func (u *upkeep) anchor() {
	a, ok := u.s.journal.nextAnchor()
	if !ok {
		return
	}
	if err := u.s.tell(map[string]any{keyAnchor: a}); err != nil {
		u.s.log.Warn().Err(err).Msg("the journal could not be anchored")
		return
	}
	u.s.journal.setAnchor(a)
}

// index lets the journal note which rows are a device's. A journal with many that are not noted yet, as
// after an update, is gone through in small steps, so that no door waits long.
func (u *upkeep) index(ctx context.Context) {
	j := u.s.journal
	more := true
	for range indexSteps {
		if !more || !u.isIdle() {
			return
		}
		var err error
		ordered := j.order(func() { more, err = j.index(ctx) })
		if ordered != nil {
			return
		}
		if err != nil {
			u.s.state.degrade(diskProblem(j.path, err))
			return
		}
	}
}

func (u *upkeep) retain(ctx context.Context) {
	j := u.s.journal
	var dropped int64
	var err error
	ordered := j.order(func() { dropped, err = j.retain(ctx, u.s.options.Retention) })
	switch {
	case ordered != nil:
	case err != nil:
		u.s.state.degrade(diskProblem(j.path, err))
	case dropped > 0:
		u.s.log.Info().Int64("rows", dropped).Msg("old days were dropped from the history")
	}
}

// check goes through the pages of a journal that was too large to be checked before the doors worked.
func (u *upkeep) check(ctx context.Context) {
	j := u.s.journal
	if j.readers == nil {
		return
	}
	err := check(ctx, j.readers, j.path)
	if err == nil {
		return
	}
	p := diskProblem(j.path, err)
	u.s.state.degradeUntilRestart(p)
	if err := j.order(func() { j.stepAside(p) }); err != nil {
		u.s.log.Error().Err(err).Msg("the journal closed before its rows could go aside")
	}
}

// recover ends a degraded time when the disk takes things again and has room to keep some back.
func (u *upkeep) recover() {
	s := u.s
	if s.options.disk.probe(s.folder.path) != nil {
		return
	}
	if err := s.reserve.fill(); err != nil {
		return
	}
	if st, err := os.Stat(s.reserve.path); err != nil || st.Size() != s.reserve.size {
		return
	}
	var err error
	if ordered := s.journal.order(func() { err = s.journal.comeBack() }); ordered != nil || err != nil {
		s.log.Warn().Err(errors.Join(ordered, err)).Msg("the journal cannot come back yet")
		return
	}
	if s.state.recovered() {
		s.log.Info().Msg("the disk is back")
	}
}
