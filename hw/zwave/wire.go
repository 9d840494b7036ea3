package zwave

import (
	"encoding/json"
	"fmt"
	"math"
)

// The API schema of zwave-js-server that this client speaks. From 33 on, results say how an order went;
// 48 brought access control.
const (
	leastSchema  = 33
	newestSchema = 50
)

// Command classes (Z-Wave Application Layer).
const (
	ccDoorLock       = 98
	ccUserCode       = 99
	ccNotification   = 113
	ccBattery        = 128
	ccUserCredential = 131
)

// message is what a server sends, as far as it is used. What a type does not have stays empty.
type message struct {
	Type      string          `json:"type"` // version, result, event
	MessageID string          `json:"messageId"`
	Success   bool            `json:"success"`
	Result    json.RawMessage `json:"result"`
	Event     json.RawMessage `json:"event"`

	MinSchema int `json:"minSchemaVersion"`
	MaxSchema int `json:"maxSchemaVersion"`

	ErrorCode    string `json:"errorCode"`
	Message      string `json:"message"`
	ZWaveCode    int    `json:"zwaveErrorCode"`
	ZWaveMessage string `json:"zwaveErrorMessage"`

	at uint64 // its number in the session: of two that say different things the later one is right
}

// event is something that happened to a node, the controller or the driver.
type event struct {
	Source   string          `json:"source"`
	Event    string          `json:"event"`
	NodeID   int             `json:"nodeId"`
	Endpoint int             `json:"endpointIndex"`
	CCID     int             `json:"ccId"`
	Args     json.RawMessage `json:"args"`
	Status   json.RawMessage `json:"status"`
	Node     struct {
		NodeID int `json:"nodeId"`
	} `json:"node"`

	at uint64 // as in message
}

// value is one value of a node, in a list or as the news of an event. Only what is used is read strictly;
// a property may be a number, and a value anything.
type value struct {
	CommandClass int             `json:"commandClass"`
	Endpoint     int             `json:"endpoint"`
	Property     json.RawMessage `json:"property"`
	PropertyKey  json.RawMessage `json:"propertyKey"`
	Value        json.RawMessage `json:"value"`
	NewValue     json.RawMessage `json:"newValue"`
}

// notification is what a lock says about itself.
type notification struct {
	Type       int             `json:"type"`
	Event      int             `json:"event"`
	Parameters json.RawMessage `json:"parameters"`
}

// nodeState is a node as the server knows it.
type nodeState struct {
	NodeID      int             `json:"nodeId"`
	Status      int             `json:"status"`
	Ready       bool            `json:"ready"`
	Listening   bool            `json:"isListening"`
	FrequentRaw json.RawMessage `json:"isFrequentListening"` // false, or how often it listens
	Values      []value         `json:"values"`
}

// frequent reports whether a battery device listens often enough to take an order.
func (n *nodeState) frequent() bool {
	s := string(n.FrequentRaw)
	return s != "" && s != "false" && s != "null"
}

// mostValues is how many values of one node are looked at; a lock with 250 codes has some 800.
const mostValues = 20_000

func parseMessage(b []byte) (message, error) {
	var m message
	if err := json.Unmarshal(b, &m); err != nil {
		return message{}, fmt.Errorf("a message that cannot be read: %w", err)
	}
	return m, nil
}

func parseEvent(b json.RawMessage) (event, error) {
	var e event
	if err := json.Unmarshal(b, &e); err != nil {
		return event{}, fmt.Errorf("an event that cannot be read: %w", err)
	}
	return e, nil
}

func parseNode(b json.RawMessage, id int) (*nodeState, error) {
	var r struct {
		State *nodeState `json:"state"`
	}
	switch err := json.Unmarshal(b, &r); {
	case err != nil:
		return nil, fmt.Errorf("a node that cannot be read: %w", err)
	case r.State == nil || r.State.NodeID != id:
		return nil, fmt.Errorf("the server did not tell about node %d", id)
	case len(r.State.Values) > mostValues:
		return nil, fmt.Errorf("node %d has more than %d values", id, mostValues)
	}
	return r.State, nil
}

// text is a JSON string; empty for everything else.
func text(b json.RawMessage) string {
	var s string
	if json.Unmarshal(b, &s) != nil {
		return ""
	}
	return s
}

// number is a JSON number without a fraction, from 0 to 65535.
func number(b json.RawMessage) (int, bool) {
	var f *float64
	if json.Unmarshal(b, &f) != nil || f == nil || *f != math.Trunc(*f) || *f < 0 || *f > math.MaxUint16 {
		return 0, false
	}
	return int(*f), true
}

// yes is a JSON true.
func yes(b json.RawMessage) bool { return string(b) == "true" }
