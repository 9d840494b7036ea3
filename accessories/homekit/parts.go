package homekit

import (
	"fmt"
	"hash/crc32"

	"github.com/brutella/hap/accessory"
	"github.com/brutella/hap/characteristic"
	"github.com/brutella/hap/service"
)

// fitter builds one accessory out of brutella's definitions and pins every number from the table.
type fitter struct {
	numbers *numbers
	device  string
	a       *accessory.A
}

// fit begins an accessory: AccessoryInformation comes first and has iid 1 (HAP R2 8.1).
func fit(n *numbers, device, bridge string, about About, name, model string, kind byte) *fitter {
	a := accessory.New(accessory.Info{
		Name: name, SerialNumber: serial(about.Install, device), Manufacturer: "loquet", Model: model, Firmware: revision(about.Firmware),
	}, kind)
	a.Id = n.settle(device, bridge)
	f := &fitter{numbers: n, device: device, a: a}
	info := a.Info
	f.pin("info", info.S,
		member{"identify", info.Identify.C}, member{"manufacturer", info.Manufacturer.C}, member{"model", info.Model.C},
		member{"name", info.Name.C}, member{"serial", info.SerialNumber.C}, member{"firmware", info.FirmwareRevision.C})
	return f
}

// member is a characteristic under our stable name for it, which decides its iid for ever.
type member struct {
	name string
	c    *characteristic.C
}

// service adds a service with its numbers.
func (f *fitter) service(name string, s *service.S, members ...member) *service.S {
	f.pin(name, s, members...)
	f.a.AddS(s)
	return s
}

func (f *fitter) pin(name string, s *service.S, members ...member) {
	s.Id = f.numbers.iid(f.device, name)
	for _, w := range members {
		w.c.Id = f.numbers.iid(f.device, name+"/"+w.name)
		if s.C(w.c.Type) == nil {
			s.AddC(w.c)
		}
	}
}

// choices states the values of an enumeration, which brutella leaves out: a controller must not be
// able to write, or expect, anything else.
func choices(c *characteristic.C, values ...int) *characteristic.C {
	c.MinVal, c.MaxVal, c.StepVal = values[0], values[len(values)-1], 1
	c.ValidVals = values
	return c
}

// timed marks a characteristic that moves something: a late write must not open a door.
func timed(c *characteristic.C, required bool) *characteristic.C {
	if required {
		c.Permissions = append(c.Permissions, characteristic.PermissionTimedWrite)
	}
	return c
}

// readOnly mends definitions that promise events which the standard does not have.
func readOnly(c *characteristic.C) *characteristic.C {
	c.Permissions = []string{characteristic.PermissionRead}
	return c
}

// serial is stable for a device of an installation and tells nothing about either.
func serial(install, device string) string {
	return fmt.Sprintf("%08X", crc32.ChecksumIEEE([]byte(install+"/"+device)))
}
