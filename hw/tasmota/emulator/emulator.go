// Package emulator is a device with the Tasmota firmware in software: what it answers to commands over MQTT, its
// relays with their PulseTime and its switches. It knows no transport.
//
// Source: tasmota.github.io/docs, "Commands" and "MQTT".
package emulator

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Message is one message of the device.
type Message struct {
	Topic, Payload string
	Retained       bool
}

// Device is one device. Its methods may be called from anywhere.
type Device struct {
	topic string
	say   func(Message) // runs with the device's lock held

	mu        sync.Mutex
	relays    []bool
	timers    []*time.Timer
	pulses    []int
	switches  []bool
	powerOn   int
	detached  bool
	old       bool // a firmware that does not know SetOption114
	clicks    int
	orders    []string
	questions int
}

// New is a device that was set up as its page of the documentation says. say takes what it publishes, and must
// not call the device.
func New(topic string, relays, switches int, say func(Message)) *Device {
	d := &Device{topic: topic, say: say, relays: make([]bool, relays), timers: make([]*time.Timer, relays), pulses: make([]int, relays),
		switches: make([]bool, switches), detached: true}
	for i := range d.pulses {
		d.pulses[i] = 5
	}
	return d
}

// Topics are what it listens to.
func (d *Device) Topics() []string { return []string{"cmnd/" + d.topic + "/#"} }

// Will is what the broker says when it is gone.
func (d *Device) Will() Message { return Message{"tele/" + d.topic + "/LWT", "Offline", true} }

// Connected is what it says when it has reached the broker.
func (d *Device) Connected() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.say(Message{"tele/" + d.topic + "/LWT", "Online", true})
	d.say(Message{"cmnd/" + d.topic + "/POWER", "", false})
	for n := range d.relays {
		d.tell(n)
	}
}

// Take carries out one message that was published to it.
func (d *Device) Take(topic, payload string) {
	command, ok := strings.CutPrefix(topic, "cmnd/"+d.topic+"/")
	if !ok {
		return
	}
	name := strings.TrimRight(command, "0123456789")
	n, err := strconv.Atoi(command[len(name):])
	if err != nil {
		n = 1
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch strings.ToUpper(name) {
	case "POWER":
		d.power(n-1, strings.ToUpper(payload))
	case "STATUS":
		d.status(payload)
	case "PULSETIME":
		d.pulseTime(n, payload)
	case "POWERONSTATE":
		d.questions++
		set(&d.powerOn, payload)
		d.result(`{"PowerOnState":%d}`, d.powerOn)
	case "SETOPTION":
		d.questions++
		if n != 114 || d.old {
			d.result(`{"Command":"Unknown"}`)
			return
		}
		if payload != "" {
			d.detached = payload == "1" || payload == "ON"
		}
		d.result(`{"SetOption114":"%s"}`, word(d.detached))
	default:
		d.result(`{"Command":"Unknown"}`)
	}
}

func set(into *int, payload string) {
	if v, err := strconv.Atoi(payload); err == nil {
		*into = v
	}
}

func (d *Device) pulseTime(n int, payload string) {
	d.questions++
	if n < 1 || n > len(d.pulses) {
		d.result(`{"Command":"Unknown"}`)
		return
	}
	set(&d.pulses[n-1], payload)
	d.result(`{"PulseTime%d":{"Set":%d,"Remaining":0}}`, n, d.pulses[n-1])
}

// power is an order, or the question for one relay without a word.
func (d *Device) power(i int, order string) {
	if i < 0 || i >= len(d.relays) {
		d.result(`{"Command":"Error"}`)
		return
	}
	if order != "" {
		d.orders = append(d.orders, fmt.Sprintf("%d %s", i+1, order))
	}
	switch order {
	case "ON", "1":
		d.set(i, true)
	case "OFF", "0":
		d.set(i, false)
	case "TOGGLE", "2":
		d.set(i, !d.relays[i])
	}
	d.tell(i)
}

// resting is the level at which PulseTime does not count.
func (d *Device) resting() bool { return d.powerOn == 5 }

func (d *Device) set(i int, on bool) {
	if on != d.relays[i] && on != d.resting() {
		d.clicks++
	}
	d.relays[i] = on
	if d.timers[i] != nil {
		d.timers[i].Stop()
		d.timers[i] = nil
	}
	if on == d.resting() || d.pulses[i] == 0 {
		return
	}
	after := time.Duration(d.pulses[i]) * 100 * time.Millisecond
	if d.pulses[i] > 111 {
		after = time.Duration(d.pulses[i]-100) * time.Second
	}
	var timer *time.Timer
	timer = time.AfterFunc(after, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.timers[i] == timer {
			d.set(i, d.resting())
			d.tell(i)
		}
	})
	d.timers[i] = timer
}

// tell says where a relay is. A single one has no number.
func (d *Device) tell(i int) {
	name := d.relay(i)
	d.result(`{"%s":"%s"}`, name, word(d.relays[i]))
	d.say(Message{"stat/" + d.topic + "/" + name, word(d.relays[i]), false})
}

func (d *Device) relay(i int) string {
	if len(d.relays) == 1 {
		return "POWER"
	}
	return fmt.Sprintf("POWER%d", i+1)
}

func (d *Device) status(which string) {
	d.questions++
	now := time.Now().Format("2006-01-02T15:04:05")
	switch which {
	case "10":
		fields := []string{fmt.Sprintf(`"Time":"%s"`, now)}
		for i, on := range d.switches {
			fields = append(fields, fmt.Sprintf(`"Switch%d":"%s"`, i+1, word(on)))
		}
		d.say(Message{"stat/" + d.topic + "/STATUS10", `{"StatusSNS":{` + strings.Join(fields, ",") + `}}`, false})
	case "11":
		fields := []string{fmt.Sprintf(`"Time":"%s","Uptime":"0T00:02:10","UptimeSec":130,"Heap":27,"SleepMode":"Dynamic","Sleep":50,"LoadAvg":19,"MqttCount":1`, now)}
		for i, on := range d.relays {
			fields = append(fields, fmt.Sprintf(`"%s":"%s"`, d.relay(i), word(on)))
		}
		fields = append(fields, `"Wifi":{"AP":1,"SSId":"home","RSSI":100,"Signal":-41,"LinkCount":1,"Downtime":"0T00:00:03"}`)
		d.say(Message{"stat/" + d.topic + "/STATUS11", `{"StatusSTS":{` + strings.Join(fields, ",") + `}}`, false})
	}
}

func (d *Device) result(format string, args ...any) {
	d.say(Message{"stat/" + d.topic + "/RESULT", fmt.Sprintf(format, args...), false})
}

func word(on bool) string {
	if on {
		return "ON"
	}
	return "OFF"
}

// Turn moves a switch, counted from 1.
func (d *Device) Turn(n int, on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.switches[n-1] == on {
		return
	}
	d.switches[n-1] = on
	if d.detached {
		d.result(`{"Switch%d":{"Action":"%s"}}`, n, word(on))
	}
	d.say(Message{"tele/" + d.topic + "/SENSOR", fmt.Sprintf(`{"Time":"%s","Switch%d":"%s"}`, time.Now().Format("2006-01-02T15:04:05"), n, word(on)), false})
}

// Press is the button on the device: it switches a relay past everybody.
func (d *Device) Press(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.set(n-1, !d.relays[n-1])
	d.tell(n - 1)
}

// Setup is how the device is set.
type Setup struct {
	Pulses   []int // PulseTime, for each relay
	PowerOn  int   // PowerOnState
	Detached bool  // SetOption114
	Old      bool  // a firmware that does not know the last one
}

// Set changes how the device is set.
func (d *Device) Set(change func(*Setup)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Setup{d.pulses, d.powerOn, d.detached, d.old}
	change(&s)
	d.pulses, d.powerOn, d.detached, d.old = s.Pulses, s.PowerOn, s.Detached, s.Old
}

// Power puts a relay where power found it when it came: nobody clicked.
func (d *Device) Power(n int, on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.relays[n-1] = on
}

// Boot is power that comes: every relay is where PowerOnState has it, and no pulse is under way.
func (d *Device) Boot() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.relays {
		if d.timers[i] != nil {
			d.timers[i].Stop()
			d.timers[i] = nil
		}
		d.relays[i] = d.resting()
	}
}

// Relay is where a relay is.
func (d *Device) Relay(n int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.relays[n-1]
}

// Clicks is how often relays went from rest.
func (d *Device) Clicks() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.clicks
}

// Orders are what the device was told to switch.
func (d *Device) Orders() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.orders, ", ")
}

// Questions is how often it was asked something.
func (d *Device) Questions() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.questions
}
