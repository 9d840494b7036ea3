// Package discovery reads what devices publish so that Home Assistant finds them, and writes the section of a
// configuration for each: a candidate for the owner to take over. It never makes a device and never speaks to one.
//
// What is not understood is refused with its name: of templates only {{ value }} and {{ value_json.a.b }} are, with
// the filters trim and string. A guess about a door would be worse than no door.
//
// Source: Home Assistant, "MQTT" (discovery messages, abbreviations), "MQTT cover", "MQTT lock", "MQTT binary
// sensor".
package discovery
