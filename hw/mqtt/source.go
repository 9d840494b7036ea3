package mqtt

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Times of all drivers here.
const (
	pollTime    = 10 * time.Second
	silentAfter = 30 * time.Second
	askTime     = time.Second
	maxValue    = 16 << 10
	maxText     = 256
	maxPresence = 8
)

// Source is how a device tells whether it is there, and how its values are read.
type Source struct {
	Availability string     `yaml:"availability,omitempty" jsonschema_description:"the topic on which the device, or the broker for it, says whether it is online"`
	Online       string     `yaml:"online,omitempty" jsonschema_description:"what it says there when it is; online if not given"`
	Offline      string     `yaml:"offline,omitempty" jsonschema_description:"what is said there when it is not; offline if not given"`
	Presence     []Presence `yaml:"presence,omitempty" jsonschema_description:"several such topics, instead of availability"`
	Mode         string     `yaml:"presence_mode,omitempty" jsonschema:"enum=all,enum=any,enum=latest" jsonschema_description:"which of several must say that it is there: all (if not given), any, or whoever spoke last (latest)"`
	Field        string     `yaml:"field,omitempty" jsonschema_description:"the field of the JSON that the state is in, such as state or door.position; not given: the whole message"`
	Ask          string     `yaml:"ask,omitempty" jsonschema_description:"the topic on which the device can be asked for its state"`
	AskFor       string     `yaml:"ask_for,omitempty" jsonschema_description:"what is sent there"`
}

func (s Source) check(bad func(field, problem, remedy string)) {
	if s.Availability != "" && len(s.Presence) > 0 {
		bad("presence", "there is an availability as well", "keep one of the two")
	}
	if len(s.Presence) > maxPresence {
		bad("presence", "these are too many", "keep those that matter")
	}
	for _, p := range s.Presence {
		checkTopic("presence", p.Topic, bad)
		if p.Topic == "" || cmp.Or(p.Online, "online") == cmp.Or(p.Offline, "offline") {
			bad("presence", "one has no topic, or one word for both", "give each a topic and two words")
		}
	}
	if !slices.Contains([]string{"", presenceAll, presenceAny, presenceLatest}, s.Mode) {
		bad("presence_mode", "this is no mode", "write all, any or latest")
	}
	if s.Availability == "" && s.Ask == "" && len(s.Presence) == 0 {
		bad("availability", "nothing tells whether the device is there", "name its availability topic (often .../LWT or .../availability), or ask: the topic on which it answers")
	}
	for field, topic := range map[string]string{"availability": s.Availability, "ask": s.Ask} {
		checkTopic(field, topic, bad)
	}
}

func checkTopic(field, topic string, bad func(field, problem, remedy string)) {
	if topic != "" && (len(topic) > maxText || strings.ContainsAny(topic, "+#\x00") || strings.HasPrefix(topic, "/") || strings.HasPrefix(topic, "$")) {
		bad(field, "this is not the topic of one device", "write it out, without + and #")
	}
}

// Presence is one topic on which it is said whether a device is there.
type Presence struct {
	Topic   string `yaml:"topic" jsonschema:"required" jsonschema_description:"the topic"`
	Online  string `yaml:"online,omitempty" jsonschema_description:"what is said there when it is; online if not given"`
	Offline string `yaml:"offline,omitempty" jsonschema_description:"what is said there when it is not; offline if not given"`
	Field   string `yaml:"field,omitempty" jsonschema_description:"the field of the JSON that it is in; not given: the whole message"`
}

// Modes of several topics, in Home Assistant's words.
const (
	presenceAll    = "all"
	presenceAny    = "any"
	presenceLatest = "latest"
)

// presence are all topics on which it is said whether the device is there, with their words.
func (s Source) presence() []Presence {
	all := s.Presence
	if s.Availability != "" {
		all = []Presence{{Topic: s.Availability, Online: s.Online, Offline: s.Offline}}
	}
	out := make([]Presence, 0, len(all))
	for _, p := range all {
		p.Online, p.Offline = cmp.Or(p.Online, "online"), cmp.Or(p.Offline, "offline")
		out = append(out, p)
	}
	return out
}

// there is whether the device is, by what was said on each of its topics; latest is what was said last.
func (s Source) there(said map[string]device.Tri, latest device.Tri) device.Tri {
	if s.Mode == presenceLatest {
		return latest
	}
	count := map[device.Tri]int{}
	for _, p := range s.presence() {
		count[said[p.Topic]]++
	}
	first, second := device.No, device.Yes // all: one that is not there decides
	if s.Mode == presenceAny {
		first, second = device.Yes, device.No
	}
	switch {
	case count[first] > 0:
		return first
	case count[device.Unknown] > 0:
		return device.Unknown
	}
	return second
}

// read returns the value that a message holds, as text.
func read(payload []byte, field string) (string, error) {
	if len(payload) > maxValue {
		return "", errors.New("it is too long")
	}
	if field == "" {
		return clip(strings.TrimSpace(string(payload)))
	}
	var v any
	if err := json.Unmarshal(payload, &v); err != nil {
		return "", err
	}
	for name := range strings.SplitSeq(field, ".") {
		object, ok := v.(map[string]any)
		if !ok {
			return "", fmt.Errorf("there is no field %s", field)
		}
		if v, ok = object[name]; !ok {
			return "", fmt.Errorf("there is no field %s", field)
		}
	}
	switch v := v.(type) {
	case string:
		return clip(v)
	case bool:
		return strconv.FormatBool(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	}
	return "", fmt.Errorf("the field %s is no value", field)
}

func clip(s string) (string, error) {
	if len(s) > maxText {
		return "", errors.New("it is too long")
	}
	return s, nil
}

// link is what one device says, from one goroutine.
type link struct {
	device string
	mqtt   hw.MQTT
	log    zerolog.Logger
	source Source
	fields map[string]string // topic to field, of everything that is read
	// heard is called with each value that is believed, lost when the device is away; both by run.
	heard func(topic, value string, at time.Time)
	lost  func()
	met   func(ctx context.Context) // the device is there, again; may be nil
	// each is called with every event, before it is read, also those of orders: a topic to listen to; may be nil.
	each   func(e hw.MQTTEvent)
	orders string
	jobs   chan func(ctx context.Context)
	done   chan struct{}

	up     bool
	online device.Tri
	here   []Presence
	said   map[string]device.Tri // what was said on each of those topics
	kept   map[string]string     // values that wait for the device to be online
	last   time.Time             // when something was heard live
	polled time.Time
}

// start runs the link until env is closed. key names the device among those of the house.
func (l *link) start(ctx context.Context, env *hw.Env, key string) error {
	m, err := env.MQTT()
	if err != nil {
		return err
	}
	l.device, l.mqtt, l.log = env.Device(), m, env.Log
	l.jobs, l.done, l.kept = make(chan func(context.Context)), make(chan struct{}), map[string]string{}
	l.here, l.said = l.source.presence(), map[string]device.Tri{}
	var filters []string
	for topic := range l.fields {
		filters = append(filters, topic)
	}
	if l.orders != "" {
		filters = append(filters, l.orders)
	}
	for _, p := range l.here {
		if !slices.Contains(filters, p.Topic) {
			filters = append(filters, p.Topic)
		}
	}
	run, cancel := context.WithCancel(context.Background())
	shared, err := hw.Share(ctx, env, "mqtt:"+key, func(context.Context) (*link, func() error, error) {
		go l.run(run, m.Listen(run, filters...))
		return l, func() error {
			cancel()
			<-l.done
			return nil
		}, nil
	})
	if err == nil && shared != l {
		err = &hw.OpError{Op: "listen to " + key, Device: l.device, Err: hw.ErrInUse, Hint: "two devices cannot be commanded on one topic"}
	}
	if err != nil {
		cancel()
	}
	return err
}

func (l *link) run(ctx context.Context, events <-chan hw.MQTTEvent) {
	defer close(l.done)
	tick := time.NewTicker(askTime)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			l.lost()
			return
		case e, ok := <-events:
			if !ok {
				l.lost()
				return
			}
			l.event(ctx, e)
		case job := <-l.jobs:
			job(ctx)
		case now := <-tick.C:
			l.poll(ctx, now)
		}
	}
}

func (l *link) event(ctx context.Context, e hw.MQTTEvent) {
	if l.each != nil {
		l.each(e)
	}
	if e.Topic == "" {
		l.up = e.Up
		if e.Up {
			l.question(ctx)
			return
		}
		clear(l.said)
		l.away()
		return
	}
	for _, p := range l.here {
		if e.Topic == p.Topic {
			l.present(ctx, p, e)
		}
	}
	field, ours := l.fields[e.Topic]
	if !ours {
		return
	}
	value, err := read(e.Payload, field)
	if err != nil {
		l.log.Debug().Err(err).Str("topic", e.Topic).Msg("a message that says nothing")
		return
	}
	switch {
	case len(l.here) > 0 && l.online != device.Yes:
		l.kept[e.Topic] = value
	case e.Retained && len(l.here) == 0: // nobody says how old it is
	default:
		l.believe(e.Topic, value, e.Taken)
	}
}

// present is a message that says whether the device is there.
func (l *link) present(ctx context.Context, p Presence, e hw.MQTTEvent) {
	value, err := read(e.Payload, p.Field)
	now := map[string]device.Tri{p.Online: device.Yes, p.Offline: device.No}[value]
	if err != nil || now == device.Unknown {
		return
	}
	l.said[p.Topic] = now
	switch there := l.source.there(l.said, now); there {
	case device.Yes:
		l.arrive(ctx, e.Taken)
	case device.No, device.Unknown:
		l.away()
		l.online = there
	}
}

func (l *link) believe(topic, value string, at time.Time) {
	l.last = at
	l.heard(topic, value, at)
}

// arrive is the device saying that it is online.
func (l *link) arrive(ctx context.Context, at time.Time) {
	l.online, l.last = device.Yes, at
	for topic, value := range l.kept {
		l.heard(topic, value, at)
	}
	clear(l.kept)
	l.question(ctx)
	if l.met != nil {
		l.met(ctx)
	}
}

func (l *link) away() {
	l.online, l.last = device.Unknown, time.Time{}
	clear(l.kept)
	l.lost()
}

// question asks for the state, where the device can be asked.
func (l *link) question(ctx context.Context) {
	if l.source.Ask == "" || !l.up {
		return
	}
	l.polled = time.Now()
	if err := l.mqtt.Publish(ctx, l.source.Ask, []byte(l.source.AskFor)); err != nil {
		l.log.Debug().Err(err).Msg("the device was not asked")
	}
}

func (l *link) poll(ctx context.Context, now time.Time) {
	if l.source.Ask == "" {
		return
	}
	if !l.last.IsZero() && now.Sub(l.last) >= silentAfter {
		l.log.Warn().Msg("the device does not answer")
		l.away()
	}
	if now.Sub(l.polled) >= pollTime && now.Sub(l.last) >= pollTime {
		l.question(ctx)
	}
}

// do runs a job between two messages; not ok after the end.
func (l *link) do(ctx context.Context, job func(ctx context.Context)) error {
	select {
	case l.jobs <- job:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.done:
		return hw.ErrClosed
	}
}

func (l *link) wrong(op string, err error, hint string) error {
	return &hw.OpError{Op: op, Device: l.device, Err: err, Hint: hint}
}

// tell sends one order.
func (l *link) tell(ctx context.Context, there bool, op, topic, payload string) error {
	if err := ctx.Err(); err != nil {
		return l.wrong(op, err, "try again; nothing was sent")
	}
	select {
	case <-l.done:
		return l.wrong(op, hw.ErrClosed, "try again; nothing was sent")
	default:
	}
	if !there {
		return l.wrong(op, fmt.Errorf("%w: it was not heard", device.ErrUnavailable), "see that the device has power and reaches the MQTT broker; nothing was sent")
	}
	if err := l.mqtt.Publish(ctx, topic, []byte(payload)); err != nil {
		return l.wrong(op, err, "see that the MQTT broker runs; nothing was sent")
	}
	return nil
}
