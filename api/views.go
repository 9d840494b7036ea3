package api

import "time"

// Device is a device as the API shows it.
type Device struct {
	ID        string `json:"id"`
	Kind      string `json:"kind" jsonschema:"enum=door,enum=lock,enum=keypad,enum=contact"`
	Name      string `json:"name"`
	Available bool   `json:"available" jsonschema:"description=false: it does not answer; the state is the last observed"`
	State     State  `json:"state"`
}

// Kinds of devices.
const (
	KindDoor    = "door"
	KindLock    = "lock"
	KindKeypad  = "keypad"
	KindContact = "contact"
)

// State is what is known of a device. Doors have a position, locks a bolt, contacts open.
type State struct {
	Position   string    `json:"position,omitempty" jsonschema:"enum=unknown,enum=closed,enum=open,enum=closing,enum=opening,enum=stopped"`
	Bolt       string    `json:"bolt,omitempty" jsonschema:"enum=unknown,enum=secured,enum=unsecured,enum=jammed"`
	Open       string    `json:"open,omitempty" jsonschema:"enum=unknown,enum=no,enum=yes"`
	Target     string    `json:"target,omitempty" jsonschema:"enum=unknown,enum=closed,enum=open,enum=secured,enum=unsecured"`
	Obstructed string    `json:"obstructed,omitempty" jsonschema:"enum=unknown,enum=no,enum=yes"`
	DoorOpen   string    `json:"door_open,omitempty" jsonschema:"enum=unknown,enum=no,enum=yes"`
	Since      time.Time `json:"since,omitzero"`
	Confidence string    `json:"confidence,omitempty" jsonschema:"enum=unknown,enum=sensed,enum=timed,enum=inferred"`
	Cause      Cause     `json:"cause,omitzero"`
	Warning    bool      `json:"warning,omitempty" jsonschema:"description=the warning before an unattended close is on"`
	Suspended  bool      `json:"suspended,omitempty" jsonschema:"description=two moves failed: a person must confirm the next one"`
	LockedOut  bool      `json:"locked_out,omitempty" jsonschema:"description=the owner locked remote operation out"`
	Fault      string    `json:"fault,omitempty"`
	Battery    *Battery  `json:"battery,omitempty" jsonschema:"description=absent: it has none or never told"`
}

// Battery is what a device says of its battery.
type Battery struct {
	Percent uint8 `json:"percent" jsonschema:"maximum=100"`
	Low     bool  `json:"low"`
}

// Cause says who moved a device, or asked for it, and how.
type Cause struct {
	Kind  string `json:"kind" jsonschema:"enum=unknown,enum=homekit,enum=matter,enum=code,enum=console,enum=auto-close,enum=auto-relock,enum=exit,enum=outside,enum=mqtt"`
	Actor string `json:"actor"`
	Name  string `json:"name,omitempty"`
	Place string `json:"place,omitempty"`
}

// Row is one row of the history.
type Row struct {
	Seq       int64     `json:"seq"`
	At        time.Time `json:"at"`
	Trust     string    `json:"trust" jsonschema:"description=how far the time is trusted"`
	Device    string    `json:"device"`
	Kind      string    `json:"kind" jsonschema:"enum=warning,enum=intent,enum=started,enum=released,enum=outcome,enum=observed,enum=refused,enum=note,enum=unknown"`
	Cause     Cause     `json:"cause"`
	Action    string    `json:"action,omitempty" jsonschema:"enum=open,enum=close,enum=stop,enum=lock,enum=unlock"`
	Target    string    `json:"target,omitempty" jsonschema:"enum=closed,enum=open,enum=secured,enum=unsecured"`
	Intent    int64     `json:"intent,omitempty" jsonschema:"description=the seq of the intent that this row belongs to"`
	Outcome   string    `json:"outcome,omitempty" jsonschema:"enum=reached,enum=timed-out,enum=contradicted,enum=unknown,enum=aborted"`
	Code      string    `json:"code,omitempty" jsonschema:"description=why a command was refused"`
	State     string    `json:"state,omitempty"`
	Confirmed bool      `json:"confirmed,omitempty"`
	Detail    string    `json:"detail,omitempty"`
	Prev      string    `json:"prev"`
	Hash      string    `json:"hash"`
}

// Verdict is what a check of the history found.
type Verdict struct {
	OK     bool     `json:"ok"`
	Rows   int64    `json:"rows"`
	First  int64    `json:"first"`
	Last   int64    `json:"last"`
	Faults []string `json:"faults,omitempty" jsonschema:"description=rows that were changed or deleted or put out of order"`
	Limits []string `json:"limits,omitempty" jsonschema:"description=what the check cannot prove"`
}

// Problem is something that is wrong with the house now.
type Problem struct {
	Code     string    `json:"code"`
	Severity string    `json:"severity" jsonschema:"enum=info,enum=warning,enum=error"`
	Title    string    `json:"title"`
	Subject  string    `json:"subject,omitempty" jsonschema:"description=the device or part it is about"`
	Detail   string    `json:"detail,omitempty"`
	Remedy   string    `json:"remedy"`
	Since    time.Time `json:"since,omitzero"`
}

// Health is the answer to GET /api/v1/health and the data of the stream's health events.
type Health struct {
	Problems []Problem `json:"problems"`
}

// Protocols of a pairing.
const (
	ProtocolHomeKit = "homekit"
	ProtocolMatter  = "matter"
	ProtocolMQTT    = "mqtt"
)

// Pairing is one controller paired with one HomeKit bridge, one ecosystem that has added the Matter bridge, or one account
// at the MQTT broker that gives orders.
type Pairing struct {
	ID       string    `json:"id"`
	Bridge   string    `json:"bridge" jsonschema:"description=of HomeKit its id; matter; mqtt"`
	Protocol string    `json:"protocol,omitempty" jsonschema:"enum=homekit,enum=matter,enum=mqtt"`
	Name     string    `json:"name,omitempty"`
	Label    string    `json:"label,omitempty" jsonschema:"description=what an ecosystem calls itself"`
	Role     string    `json:"role" jsonschema:"enum=view,enum=lock-only,enum=operate,enum=manage"`
	Doors    []string  `json:"doors,omitzero" jsonschema:"description=the only devices it may operate; absent: all"`
	Admin    bool      `json:"admin"`
	Sessions int       `json:"sessions"`
	LastSeen time.Time `json:"last_seen,omitzero"`
}

// PairingChange changes what is set and leaves the rest. Doors [] means none, ["*"] means all.
type PairingChange struct {
	Name  *string   `json:"name,omitempty"`
	Role  *string   `json:"role,omitempty" jsonschema:"enum=view,enum=lock-only,enum=operate,enum=manage"`
	Doors *[]string `json:"doors,omitempty" jsonschema:"description=device ids; [] for none and [*] for all"`
}

// AllDoors as the only entry of PairingChange.Doors means every device.
const AllDoors = "*"

// HomeKitBridge is one bridge and what is needed to pair it.
type HomeKitBridge struct {
	Name        string    `json:"name"`
	ID          string    `json:"id"`
	Addr        string    `json:"addr"`
	Paired      bool      `json:"paired"`
	Accessories int       `json:"accessories"`
	SetupCode   string    `json:"setup_code,omitempty" jsonschema:"description=only while it can pair"`
	SetupURI    string    `json:"setup_uri,omitempty" jsonschema:"description=the content of the QR code; only while it can pair"`
	ArmedUntil  time.Time `json:"armed_until,omitzero"`
}

// MatterBridge is the Matter bridge and what is needed to add it to an ecosystem. The codes are there only while they are
// accepted.
type MatterBridge struct {
	Addr          string    `json:"addr"`
	Devices       int       `json:"devices"`
	Fabrics       int       `json:"fabrics" jsonschema:"description=how many ecosystems have added it"`
	Open          bool      `json:"open" jsonschema:"description=it can be added now; without a code here: with one that another ecosystem shows"`
	Until         time.Time `json:"until,omitzero" jsonschema:"description=absent: for as long as nobody has added it"`
	Passcode      uint32    `json:"passcode,omitempty"`
	Discriminator uint16    `json:"discriminator,omitempty"`
	ManualCode    string    `json:"manual_code,omitempty"`
	QR            string    `json:"qr,omitempty" jsonschema:"description=the content of the QR code"`
}

// SimState is the physics of a simulated device.
type SimState struct {
	Pulses         int64   `json:"pulses" jsonschema:"description=since this process began"`
	PulsesTotal    int64   `json:"pulses_total" jsonschema:"description=since the simulated world began"`
	Edges          int64   `json:"edges"`
	LastEdgeUnixNS int64   `json:"last_edge_unix_ns"`
	Position       float64 `json:"position" jsonschema:"minimum=0,maximum=1"`
	Moving         string  `json:"moving" jsonschema:"enum=up,enum=down,enum=no"`
	Energised      bool    `json:"energised" jsonschema:"description=a relay's contact is made"`
	Obstructed     bool    `json:"obstructed" jsonschema:"description=something stands in the way"`
	Jammed         bool    `json:"jammed" jsonschema:"description=the door or bolt is stuck where it is"`

	Lamp     SimSignal `json:"lamp"`
	Beeper   SimSignal `json:"beeper"`
	LastMove SimMove   `json:"last_move,omitzero" jsonschema:"description=absent: it has not moved yet"`
}

// SimSignal is what a simulated lamp or beeper did.
type SimSignal struct {
	On    bool          `json:"on"`
	Edges int64         `json:"edges" jsonschema:"description=how often it was switched on"`
	Total time.Duration `json:"total_ns" jsonschema:"description=how long it has been on since the simulated world began"`
	Lasts time.Duration `json:"lasts_ns" jsonschema:"description=for how long it has been signalling; the dark halves of flashes count; 0: it is not"`
}

// SimMove is the start of a movement of a simulated device.
type SimMove struct {
	UnixNS    int64         `json:"unix_ns"`
	Direction string        `json:"direction" jsonschema:"enum=up,enum=down"`
	Cause     string        `json:"cause" jsonschema:"enum=relay,enum=wall-button,enum=obstruction,enum=hand"`
	Lamp      time.Duration `json:"lamp_ns" jsonschema:"description=for how long the lamp had been signalling when it started"`
	Beeper    time.Duration `json:"beeper_ns" jsonschema:"description=for how long the beeper had been signalling when it started"`
}

// SimEvent is something that happens to a simulated device.
type SimEvent string

// Events of simulated devices.
const (
	EventWallButton    SimEvent = "wall-button"
	EventObstruct      SimEvent = "obstruct"
	EventClear         SimEvent = "clear"
	EventJam           SimEvent = "jam"
	EventUnjam         SimEvent = "unjam"
	EventLoseSensor    SimEvent = "lose-sensor"
	EventRestoreSensor SimEvent = "restore-sensor"
	EventBounce        SimEvent = "bounce"
	EventStickRelay    SimEvent = "stick-relay"
	EventDoorOpen      SimEvent = "door-open"
	EventDoorClosed    SimEvent = "door-closed"
	EventKeypad        SimEvent = "keypad"
)

// SimEvents lists all events.
func SimEvents() []SimEvent {
	return []SimEvent{
		EventWallButton, EventObstruct, EventClear, EventJam, EventUnjam, EventLoseSensor,
		EventRestoreSensor, EventBounce, EventStickRelay, EventDoorOpen, EventDoorClosed, EventKeypad,
	}
}

// Version says what is running.
type Version struct {
	Version  string    `json:"version"`
	Revision string    `json:"revision,omitempty"`
	Go       string    `json:"go,omitempty"`
	Home     string    `json:"home,omitempty"`
	Started  time.Time `json:"started,omitzero"`
}

// Token is one token as it is listed; the token itself is shown once, when it is made.
type Token struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
}

// NewTokenAnswer is the answer that holds a new token, the only time it is shown.
type NewTokenAnswer struct {
	Token
	Secret string `json:"token"`
}

// CommandRequest is the body of POST /api/v1/devices/{id}/command.
type CommandRequest struct {
	Action  string `json:"action" jsonschema:"required,enum=open,enum=close,enum=stop,enum=lock,enum=unlock"`
	Confirm bool   `json:"confirm,omitempty" jsonschema:"description=a person looked at the door and wants this one pulse although its state is not known"`
}

// CommandAnswer is the answer to a command that was accepted.
type CommandAnswer struct {
	Intent  int64 `json:"intent,omitempty" jsonschema:"description=the seq of the intent or the warning in the history"`
	Warning bool  `json:"warning,omitempty" jsonschema:"description=the warning has begun; the close follows it or is given up"`
	Already bool  `json:"already,omitempty" jsonschema:"description=the device is there or on its way there"`
}
