package doorlock

// ID is the id of the cluster.
const ID uint32 = 0x0101

// Features of the cluster (section 5.2.4).
const (
	featurePIN     uint32 = 1 << 0
	featureWeekDay uint32 = 1 << 4
	featureDoor    uint32 = 1 << 5
	featureRemote  uint32 = 1 << 7
	featureUser    uint32 = 1 << 8
	featureYearDay uint32 = 1 << 10
	featureHoliday uint32 = 1 << 11
	featureUnbolt  uint32 = 1 << 12
)

// LockState is where the bolt is (section 5.2.9.1).
type LockState uint8

// States with their numbers on the wire, but Unknown, which is null there.
const (
	NotFullyLocked LockState = 0
	Locked         LockState = 1
	Unlocked       LockState = 2
	Unknown        LockState = 0xFF
)

// DoorState is where the door itself is (section 5.2.6.11).
type DoorState uint8

// States with their numbers on the wire, but DoorUnknown, which is null there.
const (
	DoorOpen       DoorState = 0
	DoorClosed     DoorState = 1
	DoorForcedOpen DoorState = 3
	DoorUnknown    DoorState = 0xFF
)

// Type is what kind of lock it is (section 5.2.9.2).
type Type uint8

// Types with their numbers on the wire.
const (
	DeadBolt  Type = 0
	Magnetic  Type = 1
	Other     Type = 2
	LatchBolt Type = 5
)

// Mode is what the lock lets happen (section 5.2.6.16).
type Mode uint8

// The modes there are: everything, and everything but what comes from afar.
const (
	Normal   Mode = 0
	NoRemote Mode = 3

	// supportedModes has a zero for each mode there is, and ones elsewhere (section 5.2.9.22).
	supportedModes = 0xFFFF &^ (1<<Normal | 1<<NoRemote)
)

// Alarm is something that people are to hear of (section 5.2.6.6).
type Alarm uint8

// Alarms with their numbers on the wire.
const (
	AlarmJammed     Alarm = 0
	AlarmWrongCodes Alarm = 4
	AlarmForced     Alarm = 6
)

// Operation is what was done to the bolt (section 5.2.6.21).
type Operation uint8

// Operations with their numbers on the wire.
const (
	OperationLock   Operation = 0
	OperationUnlock Operation = 1
)

// Source is how an operation came about (section 5.2.6.20).
type Source uint8

// Sources with their numbers on the wire.
const (
	SourceUnspecified Source = 0
	SourceManual      Source = 1
	SourceProprietary Source = 2
	SourceKeypad      Source = 3
	SourceAuto        Source = 4
	SourceButton      Source = 5
	SourceRemote      Source = 7
)

// Mistake is why an operation was not done (section 5.2.6.19).
type Mistake uint8

// Mistakes with their numbers on the wire.
const (
	MistakeUnspecified Mistake = 0
	MistakeCredential  Mistake = 1
	MistakeDisabled    Mistake = 2
	MistakeRestricted  Mistake = 3
)
