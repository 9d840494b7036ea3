package homekit

import (
	"github.com/brutella/hap/characteristic"
	"github.com/brutella/hap/service"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit"
)

// battery adds the battery service (HAP R2 8.5); the source of its charge is not chargeable.
func (f *fitter) battery() (level, low *characteristic.C) {
	s := service.NewBatteryService()
	s.ChargingState.Val = 2
	level, low = s.BatteryLevel.C, choices(s.StatusLowBattery.C, 0, 1)
	f.service("battery", s.S, member{"level", level}, member{"charging", choices(s.ChargingState.C, 0, 1, 2)}, member{"low", low})
	return level, low
}

func batteryValues(aid uint64, level, low *characteristic.C, b device.Battery) []homekit.Value {
	if level == nil || !b.Known {
		return nil
	}
	lowValue := 0
	if b.Low {
		lowValue = 1
	}
	return []homekit.Value{{AID: aid, IID: level.Id, Value: int(b.Percent)}, {AID: aid, IID: low.Id, Value: lowValue}}
}
