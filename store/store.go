package store

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// Options are what a store is opened with. The zero value works.
type Options struct {
	Log zerolog.Logger
	// RuntimeDir is a folder in memory, private to this user ($RUNTIME_DIRECTORY). Rows of the journal
	// go there while the disk takes none. Empty: they are kept in the process and lost with it.
	RuntimeDir string
	// Now returns the calendar time and how far it is trusted: trusted, holdover or floor. nil: the
	// time of the machine, trust unknown.
	Now func() (t time.Time, trust string)
	// Retention is how long history is kept; 0 means for ever. Finish may say it later.
	Retention time.Duration
	// Version is that of the program; it is noted for whoever meets a newer file later.
	Version string
	// OnDegraded is called when the store becomes degraded after it was opened, with the reason, and with
	// an empty one when that ended. It must not close the store. Finish may hand it in later.
	OnDegraded func(reason string)

	disk    *disk  // tests: a disk that fails
	boot    string // tests: another boot of the machine
	reserve int64  // tests: a smaller reserve
	manual  bool   // tests: upkeep only when they say so
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = func() (time.Time, string) { return time.Now(), "unknown" }
	}
	if o.disk == nil {
		d := realDisk()
		newSeeds().spoil(&d)
		o.disk = &d
	}
	if o.boot == "" {
		o.boot = bootID()
	}
	if o.reserve == 0 {
		o.reserve = reserveSize
	}
	return o
}

// Store is the open state folder.
type Store struct {
	log      zerolog.Logger
	options  Options
	folder   *folder
	install  string
	state    *condition
	notes    *notes
	reserve  *reserve
	database *database
	journal  *Journal
	upkeep   *upkeep
	closing  sync.Once
	closed   error

	ready  chan struct{} // closed when the journal is open, or failed for good
	failed error         // of the journal; valid when ready is closed
}

// Open opens the state folder and makes it where it is missing. It fails when the folder is in use
// (ErrLocked), was written by a newer loquet (ErrNewer), holds nothing that could be served
// (ErrIdentityLost), or is empty and cannot be written (ErrUnwritable). In every other case it returns a
// store that serves what it has; Degraded says whether it can be changed, Notes what was put right.
func Open(ctx context.Context, dir string, options Options) (*Store, error) {
	s, err := Begin(ctx, dir, options)
	if err != nil {
		return nil, err
	}
	if err := s.Finish(Later{Retention: options.Retention, OnDegraded: options.OnDegraded}); err != nil {
		return nil, err
	}
	return s, nil
}

// Begin is the first half of Open: it returns when loquet.db is read, and goes on to open the history
// meanwhile. Until Finish has returned only Space, Install and Close may be used: enough to let those in
// who are paired already.
func Begin(ctx context.Context, dir string, options Options) (*Store, error) {
	o := options.withDefaults()
	folder, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{log: o.Log, options: o, folder: folder, notes: &notes{}, state: newCondition(o.Log), ready: make(chan struct{})}
	s.reserve = &reserve{path: folder.file(fileReserve), size: o.reserve, disk: *o.disk}
	s.state.relief = func() {
		if !folder.holdsAnything() {
			return // it may not look as if something had been begun in it
		}
		if err := s.reserve.free(); err != nil {
			s.log.Error().Err(err).Msg("the reserve could not be given back")
		}
	}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, folder.close())
	}
	return s, nil
}

// Later is what Finish may be told that was not known at Begin.
type Later struct {
	Retention  time.Duration
	OnDegraded func(reason string)
}

// Finish waits for the history. When it fails the store is closed.
func (s *Store) Finish(l Later) error {
	<-s.ready
	if s.failed != nil {
		return errors.Join(s.failed, s.Close())
	}
	s.options.Retention, s.options.OnDegraded = l.Retention, l.OnDegraded
	s.upkeep = newUpkeep(s)
	select {
	case <-s.state.changed: // what the caller asks Degraded for; OnDegraded tells what changes from now on
	default:
	}
	if !s.options.manual {
		s.upkeep.start()
	}
	return nil
}

// Holds reports whether there is anything of a store in dir.
func Holds(dir string) bool { return (&folder{path: dir}).holdsAnything() }

func (s *Store) open(ctx context.Context) error {
	o := s.options
	spent := s.reserve.spent()
	still := s.probe() || s.holed(s.folder.file(fileDatabase))
	if !still {
		_ = o.disk.remove(s.folder.file(fileIdentityT)) // half of a generation that never counted
	}
	files := readGenerations(*o.disk, s.folder.path)
	s.database = &database{log: s.log, path: s.folder.file(fileDatabase), by: o.Version, disk: *o.disk,
		files: files, state: s.state, seeds: newSeeds()}
	work := &opening{folder: s.folder, disk: *o.disk, state: s.state, notes: s.notes, runtime: o.RuntimeDir, still: still, files: files}
	if err := work.open(ctx, s.database); err != nil {
		return err
	}
	s.install = s.database.now.install
	s.database.start()
	go func() {
		defer close(s.ready)
		s.failed = s.openRest(ctx, still, spent)
	}()
	return nil
}

// openRest opens what no pairing needs.
func (s *Store) openRest(ctx context.Context, still, spent bool) error {
	if err := s.openJournal(ctx, still, spent); err != nil {
		return err
	}
	if !still && s.state.refuse() == nil {
		if err := s.reserve.fill(); err != nil {
			s.log.Warn().Err(err).Msg("no room could be kept back")
		}
	}
	for _, n := range s.notes.all() {
		s.log.Warn().Err(n).Str("remedy", n.Remedy).Msg("the state folder was put right")
	}
	return nil
}

// probe finds out whether the disk takes and keeps anything, and gives the reserve back if it is full.
// still means that it takes nothing.
func (s *Store) probe() (still bool) {
	d := s.options.disk
	err := d.probe(s.folder.path)
	if err == nil {
		return false
	}
	if p := diskProblem(s.folder.path, err); errors.Is(p, ErrDiskFull) {
		s.state.degrade(p)
		if err = d.probe(s.folder.path); err == nil {
			return false
		}
	}
	s.state.degradeUntilRestart(diskProblem(s.folder.path, err))
	return true
}

// holed makes sure that the disk has the write-ahead log of a database as it is read, before anything follows
// it, and reports whether that failed.
func (s *Store) holed(database string) bool {
	log := database + "-wal"
	err := s.options.disk.again(log)
	if err != nil {
		s.state.degradeUntilRestart(diskProblem(log, err))
	}
	return err != nil
}

func (s *Store) openJournal(ctx context.Context, still, spent bool) error {
	still = still || s.holed(s.folder.file(fileJournal))
	c, lost, err := s.database.content()
	if err != nil {
		return err
	}
	var p prior
	if lost == nil {
		if p, err = decodePrior(c); err != nil {
			s.log.Error().Err(err).Msg("what is known of the journal cannot be read")
		}
	}
	s.journal, err = openJournal(ctx, journalSetup{
		log: s.log, folder: s.folder, disk: *s.options.disk, state: s.state, now: s.options.Now, boot: s.options.boot,
		mono: sinceBoot, runtime: s.options.RuntimeDir, by: s.options.Version, prior: p, still: still, spent: spent, notes: s.notes,
		seal: newSeal(c.install, c.space(spaceStore).rows[keySeed]),
		begin: func(reserved int64) error {
			return s.tell(map[string]any{keyReserved: reserved, keyRun: run{Boot: s.options.boot}, keyDamaged: false})
		},
	})
	if err != nil {
		return err
	}
	s.journal.start()
	return nil
}

// tell notes in loquet.db what it must know of the journal.
func (s *Store) tell(values map[string]any) error {
	changes, err := encode(values)
	if err != nil {
		return err
	}
	return s.database.submit(change{space: spaceJournal, changes: changes, own: true})
}

func encode(values map[string]any) (map[string][]byte, error) {
	changes := map[string][]byte{}
	for key, v := range values {
		data, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		changes[key] = data
	}
	return changes, nil
}

// Journal returns the history.
func (s *Store) Journal() *Journal { return s.journal }

// Memory returns what devices remember.
func (s *Store) Memory() *Memory { return &Memory{space: s.Space(spaceMemory)} }

// Install returns the id of this install. It is made once and never changes.
func (s *Store) Install() string { return s.install }

// Degraded returns why nothing can be changed, and whether that is so.
func (s *Store) Degraded() (reason string, ok bool) {
	p, _ := s.state.get()
	if p == nil {
		return "", false
	}
	return p.Error(), true
}

// Problem returns the same as Degraded for whoever wants the remedy; nil when all is well.
func (s *Store) Problem() *Problem {
	p, _ := s.state.get()
	return p
}

// Notes returns what was found and put right when the store was opened: an owner wants to hear of it.
func (s *Store) Notes() []*Problem { return s.notes.all() }

// Unfinished returns the intents that an earlier process left without an outcome. They are never acted
// on again: whoever opened the store writes their outcome, unknown, and tells the owner.
func (s *Store) Unfinished() []Unfinished { return append([]Unfinished(nil), s.journal.unfinished...) }

// SetIdle hands in the question whether no door is owed anything now. The write-ahead log is emptied and
// old days are dropped only then. Without it, that is assumed.
func (s *Store) SetIdle(idle func() bool) { s.upkeep.setIdle(idle) }

// Close makes everything durable and lets the next process in.
func (s *Store) Close() error {
	s.closing.Do(func() {
		<-s.ready
		var err error
		if s.upkeep != nil {
			s.upkeep.close()
		}
		if s.failed == nil {
			err = s.closeJournal()
		}
		s.closed = errors.Join(err, s.database.close(), s.folder.close())
	})
	return s.closed
}

// closeJournal leaves the journal so that the next start finds nothing to ask about.
func (s *Store) closeJournal() error {
	j := s.journal
	j.end()
	defer j.closeFile()
	if j.conn == nil || j.aside.Load() != nil || s.state.refuse() != nil {
		return nil
	}
	values := map[string]any{keyRun: run{Boot: s.options.boot, Clean: true, Last: j.lastSeq}}
	if a, ok := j.nextAnchor(); ok {
		values[keyAnchor] = a
	}
	return s.tell(values)
}

func bootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown-" + strconv.Itoa(os.Getpid())
	}
	return strings.TrimSpace(string(data))
}

// sinceBoot returns the time since the machine started, sleep included.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
