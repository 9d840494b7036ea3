// Package all lists the drivers of this build. Nothing registers itself: what is not here is not there.
package all

import (
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/esphome"
	"github.com/loquet/loquet/hw/garadget"
	"github.com/loquet/loquet/hw/gpio"
	"github.com/loquet/loquet/hw/lines"
	"github.com/loquet/loquet/hw/modbus"
	"github.com/loquet/loquet/hw/mqtt"
	"github.com/loquet/loquet/hw/nuki"
	"github.com/loquet/loquet/hw/osdp"
	"github.com/loquet/loquet/hw/secplus"
	"github.com/loquet/loquet/hw/shelly"
	"github.com/loquet/loquet/hw/sim"
	"github.com/loquet/loquet/hw/tasmota"
	"github.com/loquet/loquet/hw/usbrelay"
	"github.com/loquet/loquet/hw/wiegand"
	"github.com/loquet/loquet/hw/zigbee2mqtt"
	"github.com/loquet/loquet/hw/zwave"
)

// Openers are the drivers for doors.
func Openers() *hw.Registry[device.Opener] {
	return hw.NewRegistry(
		garadget.Driver(),
		esphome.OpenerDriver(),
		lines.OpenerDriver(),
		mqtt.OpenerDriver(),
		secplus.Driver(),
		shelly.OpenerDriver(),
	)
}

// Bolts are the drivers for locks.
func Bolts() *hw.Registry[device.Bolt] {
	return hw.NewRegistry(
		esphome.BoltDriver(),
		lines.MaglockDriver(),
		lines.MotorDriver(),
		mqtt.BoltDriver(),
		nuki.Driver(),
		lines.StrikeDriver(),
		zigbee2mqtt.Driver(),
		zwave.Driver(),
	)
}

// Sensors are the drivers for contacts of their own.
func Sensors() *hw.Registry[device.Sensor] {
	return hw.NewRegistry(
		esphome.SensorDriver(),
		lines.SensorDriver(),
		mqtt.SensorDriver(),
	)
}

// Boards are the drivers that provide lines.
func Boards() *hw.Registry[hw.Board] {
	return hw.NewRegistry(
		gpio.BoardDriver(),
		modbus.BoardDriver(),
		shelly.BoardDriver(),
		sim.BoardDriver(),
		tasmota.BoardDriver(),
		mqtt.BoardDriver(),
		usbrelay.BoardDriver(),
	)
}

// Keypads are the drivers for keypads and card readers.
func Keypads() *hw.Registry[device.Keypad] {
	return hw.NewRegistry(
		osdp.Driver(),
		wiegand.Driver(),
	)
}
