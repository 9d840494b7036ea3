package homekit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/brutella/hap/accessory"
	"github.com/brutella/hap/characteristic"
	"github.com/brutella/hap/service"

	"github.com/loquet/loquet/homekit/haptest"
)

func TestSetAccessoriesRefuses(t *testing.T) {
	door := func(change func(a *accessory.A, g *service.S)) []*accessory.A {
		as := definitions(1)
		change(as[1], as[1].Ss[1])
		return as
	}
	char := func(change func(c *characteristic.C)) []*accessory.A {
		return door(func(_ *accessory.A, g *service.S) { change(g.Cs[1]) })
	}
	long := strings.Repeat("x", 65)
	for name, as := range map[string][]*accessory.A{
		"none":                   nil,
		"151":                    definitions(150),
		"nil":                    {nil},
		"no bridge":              definitions(2)[1:],
		"aid 0":                  append(definitions(0), newDoor(0)),
		"aid twice":              append(definitions(1), newDoor(2)),
		"service iid 0":          door(func(_ *accessory.A, g *service.S) { g.Id = 0 }),
		"iid twice in a service": char(func(c *characteristic.C) { c.Id = iidCurrent }),
		"iid of a service":       char(func(c *characteristic.C) { c.Id = iidDoor }),
		"iid of the information": char(func(c *characteristic.C) { c.Id = iidName }),
		"information not first":  door(func(a *accessory.A, _ *service.S) { a.Info.Id = 50 }),
		"no information":         door(func(a *accessory.A, _ *service.S) { a.Ss = a.Ss[1:] }),
		"long name":              door(func(a *accessory.A, _ *service.S) { a.Info.Name.Val = long }),
		"huge name":              door(func(a *accessory.A, _ *service.S) { a.Info.Name.Val = strings.Repeat("x", 500_000) }),
		"control character":      door(func(a *accessory.A, _ *service.S) { a.Info.Name.Val = "a\nb" }),
		"invalid UTF-8":          door(func(a *accessory.A, _ *service.S) { a.Info.Name.Val = "\xff" }),
		"no firmware": door(func(a *accessory.A, _ *service.S) {
			a.Info.Cs = slices.DeleteFunc(a.Info.Cs, func(c *characteristic.C) bool { return c.Type == "52" })
		}),
		"serial of one byte":       door(func(a *accessory.A, _ *service.S) { a.Info.SerialNumber.Val = "1" }),
		"empty model":              door(func(a *accessory.A, _ *service.S) { a.Info.Model.Val = "" }),
		"link outside":             door(func(_ *accessory.A, g *service.S) { g.AddS(service.New("41")) }),
		"link to itself":           door(func(_ *accessory.A, g *service.S) { g.AddS(g) }),
		"unknown format":           char(func(c *characteristic.C) { c.Format = "uint7" }),
		"unknown permission":       char(func(c *characteristic.C) { c.Permissions = []string{"pr", "xx"} }),
		"no permission":            char(func(c *characteristic.C) { c.Permissions = nil }),
		"no value":                 char(func(c *characteristic.C) { c.Val = nil }),
		"value of another type":    char(func(c *characteristic.C) { c.Val = "closed" }),
		"value out of range":       char(func(c *characteristic.C) { c.Val = 2 }),
		"limit outside the format": char(func(c *characteristic.C) { c.MaxVal = 256 }),
		"empty range":              char(func(c *characteristic.C) { c.MinVal, c.MaxVal = 5, 4 }),
		"long description":         char(func(c *characteristic.C) { c.Description = long }),
		"string without bound":     char(func(c *characteristic.C) { c.Format, c.MaxLen, c.Val = "string", 257, "" }),
	} {
		h := newHouse(t, nil, definitions(0), nil)
		if err := h.SetAccessories(as); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if n := len(h.table.structure().units); n != 1 {
			t.Errorf("%s: %d accessories are served", name, n)
		}
	}
	if err := newHouse(t, nil, definitions(0), nil).SetAccessories(definitions(149)); err != nil {
		t.Errorf("150 accessories: %v", err)
	}
}

// c# is 1 at first, rises when anything but a value changed, and only then.
func TestConfigurationNumber(t *testing.T) {
	store := haptest.NewMemory()
	number := func(h *house) int { return int(h.vault.configInfo().number) }
	reverse := func(as []*accessory.A) []*accessory.A {
		slices.Reverse(as)
		return as
	}
	want := 1
	for _, step := range []struct {
		name  string
		as    []*accessory.A
		rises bool
	}{
		{"first start", definitions(3), false},
		{"the same", definitions(3), false},
		{"another order", reverse(definitions(3)), false},
		{"another name and state", func() []*accessory.A {
			as := definitions(3)
			as[2].Info.Name.Val = "Portail"
			as[2].Ss[1].Cs[0].Val = 0
			return as
		}(), false},
		{"one removed", slices.Delete(definitions(3), 2, 3), true},
		{"added again", definitions(3), true},
		{"another range", func() []*accessory.A {
			as := definitions(3)
			as[1].Ss[1].Cs[0].ValidVals = []int{0, 1}
			return as
		}(), true},
		{"a permission more", func() []*accessory.A {
			as := definitions(3)
			as[1].Ss[1].Cs[1].Permissions = append(as[1].Ss[1].Cs[1].Permissions, "tw")
			return as
		}(), true},
	} {
		h := newHouse(t, store, step.as, nil)
		if step.rises {
			want++
		}
		if number(h) != want {
			t.Errorf("%s: c# is %d, want %d", step.name, number(h), want)
			want = number(h)
		}
		if !slices.Contains(h.Advertisement().TXT, fmt.Sprintf("c#=%d", want)) {
			t.Errorf("%s: %v", step.name, h.Advertisement().TXT)
		}
	}
	h := newHouse(t, store, definitions(1), nil)
	if err := h.vault.setConfig(configInfo{number: 65535}); err != nil {
		t.Fatal(err)
	}
	if err := h.SetAccessories(definitions(2)); err != nil || number(h) != 1 {
		t.Errorf("after 65535 comes %d (%v)", number(h), err)
	}
}

// Accessories come and go while sessions, subscriptions and values stay.
func TestSetAccessoriesAtRunTime(t *testing.T) {
	h := open(t, 2, nil)
	c := h.admin()
	watched := []haptest.ID{{AID: 2, IID: iidTarget}, {AID: 3, IID: iidTarget}}
	if err := c.Subscribe(true, watched...); err != nil {
		t.Fatal(err)
	}
	if err := h.Publish(Value{2, iidCurrent, 4}); err != nil {
		t.Fatal(err)
	}
	as := definitions(3)
	as[1].Info.Name.Val = "Garage"
	as[1].Ss[1].Cs[0].Val = 0 // what a rebuilt definition says must not replace the live value
	if err := h.SetAccessories(append(as[:2:2], as[3])); err != nil {
		t.Fatal(err)
	}
	if got := value(t, c, 2, iidCurrent); got != "4" {
		t.Errorf("the state is %s", got)
	}
	if got := value(t, c, 2, iidName); got != `"Garage"` {
		t.Errorf("the name is %s", got)
	}
	if r, err := c.Get(watched[1]); err != nil || *r[0].Status != int(StatusNotFound) {
		t.Errorf("the removed door: %v %+v", err, r)
	}
	if err := h.Publish(Value{3, iidTarget, 0}); err == nil {
		t.Error("a removed characteristic was published")
	}
	if err := h.Publish(Value{2, iidTarget, 0}); err != nil {
		t.Fatal(err)
	}
	if e, err := c.NextEvent(5e9); err != nil || !strings.Contains(string(e.Body), `"aid":2,"iid":11,"value":0`) {
		t.Errorf("%v %s", err, e.Body)
	}
	if err := h.SetAccessories(definitions(2)); err != nil {
		t.Fatal(err)
	}
	if err := h.Publish(Value{3, iidTarget, 0}); err != nil {
		t.Fatal(err)
	}
	if err := c.NoEvent(50e6); err != nil { // the subscription died with the accessory
		t.Error(err)
	}
}

// Everything that definitions can say comes out as HAP wants it.
func TestAccessoriesJSON(t *testing.T) {
	as := definitions(0)
	s := service.New("00000041-0000-1000-8000-0026BB765291")
	s.Id, s.Hidden = 30, true
	c := newCharacteristic(31, "000000CE-0000-1000-8000-0026BB765291", "float", 21.5, "pr", "ev")
	c.Unit, c.MinVal, c.MaxVal, c.StepVal, c.Description = "celsius", -40.0, 100.0, 0.1, `a "b" \c`
	s.AddC(c)
	c = newCharacteristic(32, "A6D6A5E2-8D2A-4C4B-9E2F-93A1CF4B8A11", "int32", -3, "pr", "pw", "tw", "hd")
	c.ValidRange = []int{-10, 10}
	s.AddC(c)
	s.AddC(newCharacteristic(33, "262", "tlv8", nil, "pr", "pw", "wr"))
	s.AddC(newCharacteristic(34, "73", "uint8", 0, "pr", "ev"))
	s.AddC(newCharacteristic(35, "19", "tlv8", nil, "pw"))
	s.AddC(newCharacteristic(36, "E3", "string", "Grange « é » 🚪", "pr"))
	s.AddC(newCharacteristic(37, "75", "bool", true, "pr"))
	s.AddC(newCharacteristic(38, "1A", "uint64", uint64(1<<64-1), "pr"))
	other := service.New("CC")
	other.Id, other.Primary = 29, true
	other.AddS(s)
	as[0].Ss = append(as[0].Ss, s, other)
	h := newHouse(t, nil, as, nil)
	body := string(h.table.accessories(nil, nil).bytes())
	_, body, _ = strings.Cut(body, "\r\n\r\n")
	want := `{"iid":29,"type":"CC","primary":true,"linked":[30],"characteristics":[]},` +
		`{"iid":30,"type":"41","hidden":true,"characteristics":[` +
		`{"iid":31,"type":"CE","perms":["pr","ev"],"format":"float","unit":"celsius","description":"a \"b\" \\c","minValue":-40,"maxValue":100,"minStep":0.1,"value":21.5},` +
		`{"iid":32,"type":"A6D6A5E2-8D2A-4C4B-9E2F-93A1CF4B8A11","perms":["pr","pw","tw","hd"],"format":"int","valid-values-range":[-10,10],"value":-3},` +
		`{"iid":33,"type":"262","perms":["pr","pw","wr"],"format":"tlv8","value":""},` +
		`{"iid":34,"type":"73","perms":["pr","ev"],"format":"uint8","value":null},` +
		`{"iid":35,"type":"19","perms":["pw"],"format":"tlv8"},` +
		`{"iid":36,"type":"E3","perms":["pr"],"format":"string","value":"Grange « é » 🚪"},` +
		`{"iid":37,"type":"75","perms":["pr"],"format":"bool","value":true},` +
		`{"iid":38,"type":"1A","perms":["pr"],"format":"uint64","value":18446744073709551615}]}]}]}`
	if !strings.HasSuffix(body, want) {
		t.Errorf("got  %s\nwant ...%s", body, want)
	}
	if !json.Valid([]byte(body)) {
		t.Error("not JSON")
	}
}

func TestPublishRefuses(t *testing.T) {
	h := newHouse(t, nil, definitions(1), nil)
	for _, bad := range [][]Value{
		{{2, iidTarget, 0}, {2, iidCurrent, 5}}, {{2, iidTarget, 0}, {9, 9, 0}}, {{2, iidTarget, 0}, {2, iidCurrent, "open"}},
		{{2, iidTarget, 0}, {2, iidObstacle, 1}}, {{2, iidTarget, 0}, {2, iidName, strings.Repeat("x", 65)}},
		{{2, iidTarget, 0}, {2, iidName, "a\x00"}}, {{2, iidTarget, 0}, {2, iidCurrent, nil}}, {{2, iidTarget, 0}, {2, iidCurrent, -1}},
		{{2, iidTarget, 0}, {2, iidCurrent, 1.5}},
	} {
		if err := h.Publish(bad...); err == nil {
			t.Errorf("%v was taken", bad[1])
		}
		if v, _ := h.Value(2, iidTarget); string(v) != "1" {
			t.Fatalf("%v: the target was published without its position", bad)
		}
	}
}
