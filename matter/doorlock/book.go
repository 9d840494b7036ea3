package doorlock

import (
	"errors"
	"slices"
)

// The errors of a Book, beside model.Status values.
var (
	// ErrDuplicate is returned for a PIN that another credential has, or that cannot be told from one.
	ErrDuplicate = errors.New("matter/doorlock: another credential has that PIN")
	// ErrPIN is returned for a PIN that is none, or too easy to guess.
	ErrPIN = errors.New("matter/doorlock: not a PIN to take")
	// ErrFull is returned when there is no room.
	ErrFull = errors.New("matter/doorlock: no room")
)

// Limits are what a lock can keep. None may be zero.
type Limits struct {
	Users        uint16 // user and credential indexes go from 1 to this
	PerUser      uint8  // credentials of a user
	WeekDays     uint8  // schedules of a user, 253 at most, as YearDays and Holidays
	YearDays     uint8
	Holidays     uint8
	MinPIN       uint8 // digits
	MaxPIN       uint8
	WrongCodes   uint8 // wrong PINs before the lock takes none for a while
	DisabledTime uint8 // seconds
}

// UserStatus says whether a user may (section 5.2.6.14).
type UserStatus uint8

// Statuses of users with their numbers on the wire.
const (
	UserAvailable UserStatus = 0 // nobody
	UserEnabled   UserStatus = 1
	UserDisabled  UserStatus = 3
)

// UserType says when a user may (section 5.2.6.15).
type UserType uint8

// Types of users with their numbers on the wire, those that there are.
const (
	Unrestricted UserType = 0
	YearDayUser  UserType = 1
	WeekDayUser  UserType = 2
	NonAccess    UserType = 4 // is known, and lets nobody in
	Disposable   UserType = 6 // once
	Scheduled    UserType = 8 // within one of the schedules
)

func (t UserType) known() bool {
	return slices.Contains([]UserType{Unrestricted, YearDayUser, WeekDayUser, NonAccess, Disposable, Scheduled}, t)
}

// NoUniqueID stands for a user without an id of its ecosystem.
const NoUniqueID uint32 = 0xFFFFFFFF

// User is somebody who may operate a lock. Fabrics are 0 where nobody knows, or whoever did it was no controller.
type User struct {
	Name        string // 10 octets at most
	UniqueID    uint32
	Status      UserStatus
	Type        UserType
	Creator     uint8
	Modifier    uint8
	Credentials []Credential // PINs, by index
	WeekDays    map[uint8]WeekDay
	YearDays    map[uint8]YearDay
}

// Credential is a PIN without its digits.
type Credential struct {
	Index             uint16
	Creator, Modifier uint8
}

// WeekDay lets a user in on some days of every week, in local time (section 5.2.10.7).
type WeekDay struct {
	Days                                       uint8 // bit 0 is Sunday
	StartHour, StartMinute, EndHour, EndMinute uint8
}

// YearDay lets a user in from a moment to another, in seconds of local time since 2000 (section 5.2.10.10).
type YearDay struct{ Start, End uint32 }

// Holiday changes the mode for a time, in seconds of local time since 2000 (section 5.2.10.13).
type Holiday struct {
	Start, End uint32
	Mode       Mode
}

// Users keeps who may operate a lock. The users that Users returns can be changed.
type Users interface {
	Users() (map[uint16]User, error)
	// SaveUser makes a user, or changes what is said of one: all but the credentials.
	SaveUser(index uint16, u User) error
	// RemoveUser removes a user with credentials and schedules.
	RemoveUser(index uint16) error
}

// PINs keeps what users type.
type PINs interface {
	// SetPIN gives a user a PIN, or another one in place of the credential's.
	SetPIN(user, credential uint16, pin []byte, fabric uint8) error
	RemovePIN(user, credential uint16) error
}

// Holidays keeps holiday schedules.
type Holidays interface {
	Holiday(index uint8) (Holiday, bool)
	SaveHoliday(index uint8, h Holiday) error
	RemoveHoliday(index uint8) error
}

// Book is all that a lock with users keeps. Calls come one after another.
type Book interface {
	Users
	PINs
	Holidays
}
