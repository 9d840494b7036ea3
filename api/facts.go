package api

import "time"

// Facts is what the bridge knows about itself, without judging it: what is wrong is in Health.
type Facts struct {
	At          time.Time         `json:"at"`
	Clock       ClockFacts        `json:"clock"`
	State       StateFacts        `json:"state"`
	Network     NetworkFacts      `json:"network"`
	Controllers []ControllerFacts `json:"controllers"`
	Matter      *MatterFacts      `json:"matter,omitempty" jsonschema:"description=absent: it does not run"`
	Copies      []CopyFacts       `json:"copies" jsonschema:"description=other machines that announce this bridge's identity"`
}

// ClockFacts is how far the time is known, because of whom, and for how long.
type ClockFacts struct {
	At      time.Time `json:"at,omitzero" jsonschema:"description=the time that codes with dates go by"`
	Machine time.Time `json:"machine,omitzero" jsonschema:"description=what the machine says it is; believed or not"`
	Zone    string    `json:"zone,omitempty" jsonschema:"description=of the house"`
	Trust   string    `json:"trust" jsonschema:"enum=trusted,enum=holdover,enum=floor"`
	By      string    `json:"by,omitempty" jsonschema:"description=who vouches for it: network or battery or whoever confirmed it; absent: nobody"`
	Since   time.Time `json:"since,omitzero" jsonschema:"description=when it was confirmed; of holdover when it was trusted last"`
	Until   time.Time `json:"until,omitzero" jsonschema:"description=then nobody knows the time any more unless somebody vouches for it before"`
	Doubted bool      `json:"doubted,omitempty" jsonschema:"description=the machine's time jumped and is not believed until two confirm it"`
}

// StateFacts is the folder with what must not be lost, and its disk.
type StateFacts struct {
	Folder      string `json:"folder"`
	FreeBytes   int64  `json:"free_bytes"`
	TotalBytes  int64  `json:"total_bytes"`
	FreeInodes  int64  `json:"free_inodes" jsonschema:"description=0 of 0: this kind of disk does not count them"`
	TotalInodes int64  `json:"total_inodes"`
	Degraded    string `json:"degraded,omitempty" jsonschema:"description=why nothing can be changed; absent: all is well"`
}

// NetworkFacts is what multicast DNS sees.
type NetworkFacts struct {
	Hostname       string           `json:"hostname,omitempty"`
	Interfaces     []InterfaceFacts `json:"interfaces"`
	Skipped        []SkippedFacts   `json:"skipped"`
	Services       []ServiceFacts   `json:"services"`
	OtherResponder time.Time        `json:"other_responder,omitzero" jsonschema:"description=when another mDNS responder of this machine was heard last"`
	Received       uint64           `json:"received"`
	Dropped        uint64           `json:"dropped" jsonschema:"description=malformed packets, floods, and what came while busy"`
	Unsent         uint64           `json:"unsent" jsonschema:"description=packets that the system refused to send"`
}

// InterfaceFacts is one network interface on which the bridge is announced.
type InterfaceFacts struct {
	Name      string    `json:"name"`
	Addrs     []string  `json:"addrs"`
	IPv4      bool      `json:"ipv4" jsonschema:"description=it listens to 224.0.0.251"`
	IPv6      bool      `json:"ipv6" jsonschema:"description=it listens to ff02::fb"`
	Since     time.Time `json:"since,omitzero"`
	Announced time.Time `json:"announced,omitzero"`
	Asked     time.Time `json:"asked,omitzero" jsonschema:"description=the last question heard, from anybody, about anything"`
	Answered  time.Time `json:"answered,omitzero"`
}

// SkippedFacts is an interface on which the bridge is not announced, and why.
type SkippedFacts struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// ServiceFacts is one name that is announced.
type ServiceFacts struct {
	Instance string   `json:"instance"`
	Type     string   `json:"type"`
	Port     int      `json:"port"`
	Live     []string `json:"live" jsonschema:"description=interfaces on which it can be found"`
	Probing  []string `json:"probing" jsonschema:"description=interfaces on which its name is still being claimed"`
}

// ControllerFacts is one phone or home hub that is paired with one bridge.
type ControllerFacts struct {
	ID       string      `json:"id"`
	Bridge   string      `json:"bridge"`
	Name     string      `json:"name,omitempty"`
	Sessions int         `json:"sessions"`
	LastSeen time.Time   `json:"last_seen,omitzero" jsonschema:"description=absent: not since the bridge started"`
	Answers  AnswerFacts `json:"answers"`
}

// MatterFacts is the Matter bridge.
type MatterFacts struct {
	Addr    string    `json:"addr"`
	Devices int       `json:"devices"`
	Fabrics int       `json:"fabrics" jsonschema:"description=how many ecosystems have added it"`
	Open    bool      `json:"open" jsonschema:"description=it can be added now"`
	Until   time.Time `json:"until,omitzero"`
}

// AnswerFacts is how long a controller waited for its last answers, up to 256, as the bridge saw it.
type AnswerFacts struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

// CopyFacts is another machine, or another process, that announces the identity of one of our bridges.
type CopyFacts struct {
	Bridge    string   `json:"bridge"`
	Instance  string   `json:"instance"`
	Host      string   `json:"host"`
	Addrs     []string `json:"addrs"`
	Interface string   `json:"interface"`
}
