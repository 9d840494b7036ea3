package matter

import (
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/seal"
)

// People keeps who there is.
type People interface {
	People() []access.Person
	SavePerson(p access.Person) (access.Person, error)
	RemovePerson(id string) error
}

// Codes tells which codes there are. The errors of Find wrap access.ErrUnknownCode, which counts as a wrong try, or else
// access.ErrDamaged.
type Codes interface {
	Codes() []access.Code
	Find(group string, secret seal.Secret) (access.Match, error)
	House() access.House
}

// Editor changes codes. The errors of AddCode wrap access.ErrTaken or access.ErrWeak where the PIN is to blame.
type Editor interface {
	AddCode(c access.Code, group string, secret seal.Secret) (access.Code, error)
	ChangeCode(c access.Code) error
	RemoveCode(id string) error
}

// Holidays keeps times in which only owners come in.
type Holidays interface {
	SaveHoliday(h access.Holiday) (access.Holiday, error)
	RemoveHoliday(id string) error
}

// Tries keeps how often a wrong PIN was tried. What SaveTries was given is on the disk when it returns nil.
type Tries interface {
	Tries(place string) (count []byte, ok bool, err error)
	SaveTries(place string, count []byte) error
}

// Ledger is people and codes as the whole house has them.
type Ledger interface {
	People
	Codes
	Editor
	Holidays
	Tries
}

// Register says whose PINs open locks. Where there is none, locks have no users.
type Register struct {
	// Ledger returns the people and codes; an error says why they cannot be read.
	Ledger func() (Ledger, error)
	Group  string // of the keypads that know the codes
	Clock  access.Clock
	Zone   func() *time.Location // of the house
	Notice func(Notice)          // nil: nobody
}

// Guesses is how many places to guess PINs at Matter adds to the keypads of a house, however many locks it has: all share
// one count of wrong tries.
const Guesses = 1

// guessPlace is where that count is kept.
const guessPlace = "matter/remote"

// Notice is something an owner should know of.
type Notice struct {
	Lock string
	Kind NoticeKind
	Wait time.Duration // NoticeClosed: for how long no PIN is taken
	Code string        // NoticeDuress: the id of the code
	Err  error         // NoticeUnsaved, NoticeDamaged: why
}

// NoticeKind is the sort of a notice.
type NoticeKind uint8

// Kinds of notices.
const (
	NoticeNone    NoticeKind = iota
	NoticeClosed             // too many wrong PINs
	NoticeUnsaved            // a wrong PIN is not on the disk: a power cut would forget it
	NoticeDamaged            // the count of wrong PINs could not be read, and an hour is waited
	NoticeDuress             // a PIN was used under duress; nothing shows it
)
