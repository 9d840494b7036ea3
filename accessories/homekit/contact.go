package homekit

import (
	"context"

	"github.com/brutella/hap/accessory"
	"github.com/brutella/hap/characteristic"
	"github.com/brutella/hap/service"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit"
)

// ContactFace says how a contact is shown.
type ContactFace struct {
	Battery bool // the device tells about its battery
}

// contactThing is a contact sensor (HAP R2 8.11).
type contactThing struct {
	contact *device.Contact
	fit     *fitter

	state, active *characteristic.C
	level, low    *characteristic.C
}

func newContactThing(n *numbers, bridge string, about About, c *device.Contact, name string, face ContactFace) *contactThing {
	f := fit(n, c.ID(), bridge, about, name, "Contact", accessory.TypeSensor)
	s := service.NewContactSensor()
	label := characteristic.NewName()
	label.Val = name
	active := characteristic.NewStatusActive()
	t := &contactThing{contact: c, fit: f, state: choices(s.ContactSensorState.C, contactDetected, contactNotDetected), active: active.C}
	f.service("contact", s.S, member{"state", t.state}, member{"active", active.C}, member{"name", label.C}).Primary = true
	if face.Battery {
		t.level, t.low = f.battery()
	}
	return t
}

func (t *contactThing) values(s device.ContactState) []homekit.Value {
	aid := t.fit.a.Id
	vs := []homekit.Value{
		{AID: aid, IID: t.state.Id, Value: contact(s.Open)},
		{AID: aid, IID: t.active.Id, Value: s.Available && s.Open != device.Unknown},
	}
	return append(vs, batteryValues(aid, t.level, t.low, s.Battery)...)
}

func (t *contactThing) codes() *codePart { return nil }

func (t *contactThing) accessory() *accessory.A { return t.fit.a }

func (t *contactThing) device() string { return t.contact.ID() }

func (t *contactThing) identify(ctx context.Context) error { return t.contact.Identify(ctx) }

func (t *contactThing) write(context.Context, uint64, int, device.Command) error {
	return errNotWritable
}

func (t *contactThing) action(uint64, int) (device.Action, bool) { return device.ActionNone, false }

func (t *contactThing) now() ([]homekit.Value, bool) {
	s := t.contact.State()
	return t.values(s), s.Available
}
