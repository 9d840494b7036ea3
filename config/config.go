// Package config reads the one file in which an owner describes the house: its doors, locks,
// contacts and keypads, the drivers that reach them, and how the bridge may behave.
//
// Reading is strict. A field that nobody knows, a value of the wrong kind or a rule that is broken
// is an error with its line, a caret and what to do; all of them are reported at once. What a driver
// takes is known only to the driver: its section stays raw in a Part until somebody with the
// driver's own struct decodes it, just as strictly.
//
//	cfg, warnings, err := config.Read("/etc/loquet/loquet.yaml", catalog)
//
// The package knows no driver. The caller describes those of its build in a Catalog.
package config

import "time"

// Config is a whole configuration. Devices stand in the order of the file. It can also be built in
// code and printed with Print.
type Config struct {
	Home       Home        `yaml:"home" jsonschema_description:"the house"`
	HomeKit    HomeKit     `yaml:"homekit" jsonschema_description:"how the bridge appears in Apple Home"`
	Matter     *Matter     `yaml:"matter" jsonschema_description:"the Matter bridge"`
	MQTT       *MQTT       `yaml:"mqtt" jsonschema_description:"the MQTT broker: the built-in one (listen), or another (url)"`
	Boards     []Board     `yaml:"boards,keyed" jsonschema_description:"relay and input boards, by id; their lines are then board-id:name"`
	Doors      []Door      `yaml:"doors,keyed" jsonschema_description:"garage doors and gates, by id"`
	Locks      []Lock      `yaml:"locks,keyed" jsonschema_description:"locks, by id"`
	Contacts   []Contact   `yaml:"contacts,keyed" jsonschema_description:"door and window contacts that belong to no door or lock, by id"`
	Keypads    []Keypad    `yaml:"keypads,keyed" jsonschema_description:"keypads, by id"`
	Interlocks []Interlock `yaml:"interlocks,keyed" jsonschema_description:"mantraps, by id: of their doors only one may be open"`
	Alerts     *Alerts     `yaml:"alerts" jsonschema_description:"messages to the owner; none are sent until this says which, and where"`
	Guests     Guests      `yaml:"guests" jsonschema_description:"guests of calendars: what is checked before they come, and what is kept in reserve"`
	History    History     `yaml:"history" jsonschema_description:"the record of who opened what, and when"`

	src  *source
	root *node
	bad  map[string]bool // paths whose shape is wrong already: no rule speaks about them again
}

// Home names the house.
type Home struct {
	Name string `yaml:"name" jsonschema_description:"the name of the house; the bridge has it in Apple Home and Matter"`
	Zone string `yaml:"zone" jsonschema_description:"the time zone, such as Europe/Paris"`
}

// TimedWrites says whether a controller must announce a command to a door before it sends it
// (a timed write of HAP): so that one which was delayed on the way does not open a door much later.
type TimedWrites string

// Values of TimedWrites. The empty value is TimedRequired.
const (
	TimedRequired TimedWrites = "required"
	TimedAccepted TimedWrites = "accepted"
)

// HomeKit is the HomeKit server.
type HomeKit struct {
	Name        string      `yaml:"name" jsonschema_description:"the bridge's name in Apple Home, if not that of the house"`
	Listen      string      `yaml:"listen" jsonschema_description:"address and port, such as :51826"`
	TimedWrites TimedWrites `yaml:"timed_writes" jsonschema:"enum=required,enum=accepted" jsonschema_description:"required (the default): a late command opens nothing; accepted: for controllers that cannot announce a command"`
}

// Matter is the Matter bridge.
type Matter struct {
	Listen  string `yaml:"listen" jsonschema_description:"address and UDP port, such as :5540"`
	Enabled *bool  `yaml:"enabled" jsonschema_description:"false: the house is not shown to Matter at all"`
}

// MatterOff is the address of a house that is not shown to Matter.
const MatterOff = "off"

// MatterListen is where the Matter bridge listens, or MatterOff.
func (c *Config) MatterListen() string {
	switch m := c.Matter; {
	case m != nil && m.Enabled != nil && !*m.Enabled:
		return MatterOff
	case m == nil || m.Listen == "":
		return ":5540"
	default:
		return m.Listen
	}
}

// MQTT is the built-in broker, or a client of another one.
type MQTT struct {
	Listen       string `yaml:"listen" jsonschema_description:"the built-in broker listens here, such as :1883"`
	URL          string `yaml:"url" jsonschema_description:"another broker instead, such as mqtt://broker.local:1883"`
	User         string `yaml:"user" jsonschema_description:"the user at the other broker"`
	PasswordFile string `yaml:"password_file" jsonschema_description:"a file that holds the password, and nothing else"`
	Publish      string `yaml:"publish" jsonschema:"enum=states,enum=states-and-orders" jsonschema_description:"states: doors, locks and contacts are shown at the broker, as Home Assistant finds them; states-and-orders: doors and locks take orders there as well; nothing is shown if not given"`
	OrderTopics  string `yaml:"order_topics" jsonschema:"enum=owner-declares-protected" jsonschema_description:"needed to take orders over another broker (url), which does not tell who gave them: only those who may move the doors can write to loquet's topics there"`
}

// Values of MQTT.Publish. Nothing is shown if there is none.
const (
	PublishStates = "states"            // devices are shown at the broker, and take no orders there
	PublishOrders = "states-and-orders" // they do
)

// TopicsDeclared is the owner's word, in MQTT.OrderTopics, that another broker guards the topics of orders.
const TopicsDeclared = "owner-declares-protected"

// Publishes reports whether devices are shown at the broker.
func (m *MQTT) Publishes() bool { return m != nil && m.Publish != "" }

// TakesOrders reports whether doors and locks take orders there.
func (m *MQTT) TakesOrders() bool { return m != nil && m.Publish == PublishOrders }

// MQTTFace is how a door or lock is shown at the MQTT broker, where the house shows its devices there.
type MQTTFace string

// Values of MQTTFace. The empty value is what the section mqtt says.
const (
	MQTTStates MQTTFace = "states" // it is shown, and takes no orders
	MQTTNone   MQTTFace = "none"   // it is not shown
)

// MQTTFaces are those that doors and locks are given, by their ids.
func (c *Config) MQTTFaces() map[string]MQTTFace {
	out := map[string]MQTTFace{}
	for _, d := range c.Doors {
		out[d.ID] = d.MQTT
	}
	for _, l := range c.Locks {
		out[l.ID] = l.MQTT
	}
	return out
}

// Board is a provider of lines.
type Board struct {
	ID   string `yaml:"-"`
	Part Part   `yaml:",inline" part:"board"`
}

// Interlock is a mantrap: its doors share one token, so that only one of them is open at a time.
type Interlock struct {
	ID      string   `yaml:"-"`
	Devices []string `yaml:"devices" jsonschema:"required" jsonschema_description:"the ids of its doors and locks, two or more; each must be seen closed by a contact"`
}

// Guests is how their arrival is prepared.
type Guests struct {
	Spares  *int   `yaml:"spares" jsonschema:"minimum=0,maximum=3" jsonschema_description:"codes in reserve on the locks of each property that keep codes, for a guest whose own does not get there in time; 1 if not given, 0: none"`
	Battery int    `yaml:"battery" jsonschema:"minimum=1,maximum=90" jsonschema_description:"the percentage at which the check calls a battery low; if not given, the device says what is low"`
	Clock   string `yaml:"clock" jsonschema:"enum=counted,enum=trusted" jsonschema_description:"counted (the default): the check takes a time that was known and is counted on since; trusted: it must be known"`
}

// Words of Guests.Clock. The empty value is ClockCounted.
const (
	ClockCounted = "counted"
	ClockTrusted = "trusted"
)

// mostSpares bounds Guests.Spares: locks have few slots.
const mostSpares = 3

// Reserve is how many codes are in reserve, with its default.
func (g Guests) Reserve() int {
	if g.Spares == nil {
		return 1
	}
	return *g.Spares
}

// History is the record of what moved and why.
type History struct {
	Retention time.Duration `yaml:"retention" jsonschema_description:"how long it is kept, such as 90d; 90 days if not given"`
}

// DefaultRetention is how long history is kept when the owner does not say.
const DefaultRetention = 90 * 24 * time.Hour

// Keep is the retention with its default.
func (h History) Keep() time.Duration {
	if h.Retention == 0 {
		return DefaultRetention
	}
	return h.Retention
}

// BridgeName is the name that Apple Home shows for the bridge.
func (c *Config) BridgeName() string {
	switch {
	case c.HomeKit.Name != "":
		return c.HomeKit.Name
	case c.Home.Name != "":
		return c.Home.Name
	}
	return "Loquet"
}
