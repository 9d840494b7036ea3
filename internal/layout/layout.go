// Package layout is the map of the house: which package may import which, and why. Its test holds the
// code against the map.
package layout

// Rule says what the packages under a path may import of this module, and of others.
type Rule struct {
	Path   string   // the package's path below the module, or a tree ("hw/...")
	May    []string // packages of this module it may import: paths or trees; nil means none
	Std    bool     // only the standard library beside those
	Reason string
}

// Rules returns the map. The first rule whose path matches a package decides.
func Rules() []Rule {
	return []Rule{
		{Path: "cmd/loquet", May: []string{"cli", "bridge", "bridge/backup", "bridge/boards", "bridge/folder", "bridge/history", "bridge/wire", "config", "api", "api/client", "hw", "hw/all", "hw/gpio", "hw/lines", "hw/sim", "hw/wiegand", "internal/..."},
			Reason: "main is flags and signals; it reads like a table of contents"},
		{Path: "cli", May: []string{"api", "api/client", "device", "internal/..."},
			Reason: "all but run, demo and a few offline commands are clients of the API; main hands those in"},
		{Path: "device", Std: true,
			Reason: "the domain stands in the middle and knows no protocol, no database, no logger"},
		{Path: "device/devicetest", May: []string{"device"}, Std: true,
			Reason: "fakes ship beside the interfaces they fake"},
		{Path: "access", May: []string{"device"}, Std: true,
			Reason: "who may do what is pure rules"},
		{Path: "access/roster", May: []string{"access", "device"}, Std: true,
			Reason: "the records behind the rules know the rules and a storage of bytes"},
		{Path: "access/seal", May: []string{"access", "device"},
			Reason: "what hides a PIN needs ciphers of another module, which the rules do not: it stands beside them"},
		{Path: "access/ledger", May: []string{"access", "access/seal", "device"},
			Reason: "people and codes are the rules, a seal and a storage of bytes; no clock, no keypad, no database"},
		{Path: "access/feeds", May: []string{"access", "device"},
			Reason: "what a calendar says becomes stays: it fetches and decides, and knows no record, no ledger and no door"},
		{Path: "access/tally", May: []string{"access", "device"}, Std: true,
			Reason: "how often a code was used is counted from rows of history that are handed in"},
		{Path: "access/gate", May: []string{"access", "access/seal", "device"},
			Reason: "from a keypad to a door: it declares the ledger, the journal and the doors it needs, bridge hands them in"},
		{Path: "clock", May: []string{"access"},
			Reason: "calendar time and its trust stand behind a small interface"},
		{Path: "health", Reason: "known problems are declared values that everybody can name"},
		{Path: "config", May: []string{"device", "internal/..."},
			Reason: "a configuration can be judged without opening hardware; the catalogue of drivers is handed in"},
		{Path: "store", May: []string{"device", "internal/..."},
			Reason: "store serves the storage that others declare in bytes and strings"},
		{Path: "broker", May: []string{"device", "hw"},
			Reason: "the MQTT broker and the one connection to it: it is what drivers are lent, and knows no driver"},
		{Path: "homekit", Reason: "a HAP server anybody could use without the rest: it knows no doors"},
		{Path: "homekit/haptest", May: []string{"homekit"},
			Reason: "a controller to test the server with knows the wire, not the doors"},
		{Path: "matter/crypto",
			Reason: "the ciphers and the curve of Matter: the only part of it that needs more than the standard library"},
		{Path: "matter/...", May: []string{"matter", "matter/..."}, Std: true,
			Reason: "a Matter device stack anybody could use without the rest: it knows no doors, no logger and no database"},
		{Path: "matter", May: []string{"matter/..."}, Std: true,
			Reason: "the whole stack, put together from its parts; still no doors"},
		{Path: "mdns", Reason: "a responder anybody could use without the rest"},
		{Path: "mdns/mdnstest", May: []string{"mdns"}, Reason: "a network in memory ships beside the responder it is for"},
		{Path: "hw", May: []string{"device", "internal/..."},
			Reason: "what a driver is; drivers are listed in hw/all and register nothing by being imported"},
		{Path: "hw/all", May: []string{"hw", "hw/...", "device"},
			Reason: "the one list of drivers in this build"},
		{Path: "hw/catalog", May: []string{"hw", "hw/all", "config"}, Reason: "what a configuration may name comes from the one list of drivers"},
		{Path: "hw/hwtest", May: []string{"hw", "device"}, Reason: "the suite each driver passes knows no driver"},
		{Path: "hw/...", May: []string{"hw", "device", "internal/..."},
			Reason: "drivers never import each other"},
		{Path: "accessories/homekit", May: []string{"device", "access", "homekit", "internal/..."},
			Reason: "the only place that knows both doors and HomeKit"},
		{Path: "accessories/matter", May: []string{"device", "access", "access/seal", "matter/...", "internal/..."},
			Reason: "the only place that knows both doors and Matter"},
		{Path: "api/apitest", May: []string{"api", "access", "device"}, Reason: "a house in memory ships beside the interface it fakes"},
		{Path: "api/client", May: []string{"api", "internal/..."},
			Reason: "the client knows the API and nothing behind it"},
		{Path: "api", May: []string{"device", "access", "health", "internal/..."},
			Reason: "the API declares what it needs of the house; bridge hands it in"},
		{Path: "bridge/announce", May: []string{"bridge/place", "health", "homekit", "mdns"},
			Reason: "what the network is told and tells, and whether the state may be a copy: nothing of doors or of the disk"},
		{Path: "bridge/doctor", May: []string{"api", "bridge/announce", "health", "mdns", "store"},
			Reason: "it looks at what is around the doors, and never at the doors"},
		{Path: "bridge/wire", May: []string{"bridge/boards", "config", "device", "hw", "hw/catalog", "hw/sim"},
			Reason: "the first wiring of a door speaks with lines and the configuration, and with no running bridge"},
		{Path: "bridge/backup", May: []string{"api", "bridge/place", "internal/sealed", "store"},
			Reason: "a house is packed and unpacked by what knows the files of the store and the sealed stream, and no device"},
		{Path: "bridge/boards", May: []string{"config", "device", "hw", "hw/all", "hw/catalog", "hw/lines", "hw/sim"},
			Reason: "it opens what provides lines, and knows no door"},
		{Path: "bridge/folder", May: []string{"clock", "store"}, Reason: "it opens the state ahead of everything that uses it, and knows nothing of that"},
		{Path: "bridge/simulated", May: []string{"api", "hw/sim"},
			Reason: "it reaches into the simulated house for the API, and nothing else does"},
		{Path: "bridge/keypads", May: []string{"access", "access/...", "api", "config", "device", "health", "hw", "hw/all"},
			Reason: "keypads with their gates, and the ledger of people and codes behind them: they know doors only as commands"},
		{Path: "bridge/alerts", May: []string{"access", "api", "config", "health", "hw"},
			Reason: "what the owner is told, and how it gets there: it sees states and problems and can move nothing"},
		{Path: "bridge/mqtt", May: []string{"api", "broker", "config", "health", "hw"},
			Reason: "the house's MQTT: the broker or another one, its accounts, and what is wrong with it; it knows no device"},
		{Path: "bridge/people", May: []string{"access", "access/ledger", "access/seal", "api", "device"},
			Reason: "people and codes as the API has them: no keypad, no door"},
		{Path: "bridge/...", May: []string{"accessories/homekit", "access", "access/roster", "access/tally", "api", "config", "device", "health", "homekit", "hw", "hw/all",
			"hw/lines", "mdns", "store"},
			Reason: "parts of the program with one job each, so that bridge itself builds, starts, stops and supervises, and no more"},
		{Path: "bridge", May: []string{"bridge/...", "accessories/...", "access", "access/...", "api", "api/client", "clock", "config", "device", "health", "homekit",
			"hw", "hw/...", "mdns", "store", "update", "broker", "console", "internal/..."},
			Reason: "bridge builds, starts, stops and supervises; it is the only one that knows everybody"},
		{Path: "internal/...", May: []string{"internal/..."}, Reason: "small things without a domain"},
		{Path: "e2e/...", May: []string{"e2e/...", "e2e", "homekit/haptest", "api", "api/client", "device", "hw/sim", "internal/..."},
			Reason: "end-to-end tests drive the built binary from outside"},
		{Path: "e2e", May: []string{"api", "api/client", "internal/..."}, Reason: "the harness drives the built binary from outside"},
		{Path: "bench/...", May: []string{"homekit/haptest", "internal/..."}, Reason: "peers are measured from outside"},
	}
}

// Forbidden lists packages of other modules that nobody imports, with the reason.
func Forbidden() map[string]string {
	return map[string]string{
		"github.com/brutella/hap":   "the server half; only its definitions are used (docs/adr/0001)",
		"github.com/brutella/dnssd": "one responder a process, our own: mdns",
		"log":                       "logs go through the zerolog.Logger that is passed in",
		"github.com/go-chi/chi":     "net/http's own mux is enough",
	}
}
