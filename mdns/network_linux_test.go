package mdns_test

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/mdns"
)

var avahiTools = []string{"avahi-daemon", "avahi-browse", "avahi-publish-service", "dbus-daemon"}

func villaService() mdns.Service {
	return mdns.Service{Instance: "Villa", Type: "_hap._tcp", Port: 51826, TXT: []string{"sf=1", "id=AA:BB:CC:DD:EE:FF"}}
}

func TestAvahiFindsUs(t *testing.T) {
	if !inNamespaces(t, avahiTools...) {
		return
	}
	lan(t, "door", "phone")
	find := avahi(t, "phone")
	rose := villaService()
	rose.Instance = `Dr. Rosé's \ Villa`
	door := start(t, "door", part{Hostname: "villa", Services: []mdns.Service{
		rose,
		{Instance: "0011223344556677", Type: "_matterc._udp", Subtypes: []string{"_L3840", "_CM"}, Port: 5540, TXT: []string{"D=3840"}},
	}})
	door.established()
	has := func(kind string, want ...string) {
		t.Helper()
		var lines []string
		eventually(t, patience, fmt.Sprintf("%s with %q", kind, want), func() bool {
			lines = listed(t, find, kind)
			all := strings.Join(lines, "\n")
			return !slices.ContainsFunc(want, func(s string) bool { return !strings.Contains(all, s) })
		})
	}
	has("_hap._tcp", `;Dr\.\032Ros\195\169\039s\032\\\032Villa;_hap._tcp;local;villa.local;`, ";10.77.0.1;51826;", `"sf=1"`, `"id=AA:BB:CC:DD:EE:FF"`, ";IPv6;")
	has("_L3840._sub._matterc._udp", ";0011223344556677;", ";5540;", `"D=3840"`)
	has("_CM._sub._matterc._udp", ";0011223344556677;")
	types, err := find("avahi-browse", "-pat").Output()
	if err != nil || !strings.Contains(string(types), "_matterc._udp") {
		t.Errorf("service types: %s, %v", types, err)
	}
	door.tell("update sf=0 c#=2")
	has("_hap._tcp", `"sf=0"`, `"c#=2"`)
	door.tell("withdraw")
	eventually(t, patience, "empty list after the goodbye", func() bool { return len(listed(t, find, "_hap._tcp")) == 0 })
	door.end()
	eventually(t, patience, "empty list after closing", func() bool { return len(listed(t, find, "_matterc._udp")) == 0 })
}

func TestBesideAvahi(t *testing.T) {
	if !inNamespaces(t, avahiTools...) {
		return
	}
	lan(t, "door", "phone")
	local := avahi(t, "door")
	door := start(t, "door", part{Hostname: "villa", Services: []mdns.Service{villaService()}})
	if name := door.established(); name != "Villa" {
		t.Errorf("renamed to %q", name)
	}
	phone := start(t, "phone", part{Hostname: "phone", Browse: "_hap._tcp"})
	phone.entry(patience, "our service from another machine", func(e *mdns.Entry) bool {
		return e.Instance == "Villa" && e.Host == "villa.local" && len(e.Addrs) == 2
	})
	eventually(t, patience, "our service on the same machine", func() bool {
		return strings.Contains(strings.Join(listed(t, local, "_hap._tcp"), "\n"), ";Villa;")
	})

	// avahi yields to our name, and we to avahi's.
	background(t, local("avahi-publish-service", "Villa", "_hap._tcp", "9", "a=1"))
	phone.entry(patience, "avahi's service under another name", func(e *mdns.Entry) bool {
		return e.Instance == "Villa #2" && e.Port == 9
	})
	background(t, local("avahi-publish-service", "Taken", "_hap._tcp", "9", "a=1"))
	phone.entry(patience, "avahi's service", func(e *mdns.Entry) bool { return e.Instance == "Taken" && e.Port == 9 })
	taken := villaService()
	taken.Instance = "Taken"
	second := start(t, "door", part{Hostname: "villa2", Services: []mdns.Service{taken}})
	name := second.established()
	if name == "Taken" { // avahi was slow to object: it sees the conflict now, and one of the two yields
		yields := false
		eventually(t, patience, "end of the conflict", func() bool {
			if r, ok := second.heard(func(r report) bool { return r.Renamed != "" }); ok {
				name = r.Renamed
				return true
			}
			_, yields = phone.heard(func(r report) bool { return r.Entry != nil && r.Entry.Instance == "Taken #2" && r.Entry.Port == 9 })
			return yields
		})
		if yields {
			name = "Taken (2)" // as it were: avahi has the other name
		}
	}
	if name != "Taken (2)" {
		t.Errorf("established as %q beside avahi's Taken", name)
	}
	if f := door.facts(); f.Neighbour.IsZero() {
		t.Error("did not notice avahi on the same machine")
	}
}

func TestTwoRespondersOnOneMachine(t *testing.T) {
	if !inNamespaces(t) {
		return
	}
	lan(t, "door", "phone")
	phone := start(t, "phone", part{Hostname: "phone", Browse: "_hap._tcp"})
	one, two := villaService(), villaService()
	two.Port = 2
	a := start(t, "door", part{Services: []mdns.Service{one}})
	b := start(t, "door", part{Services: []mdns.Service{two}})
	names := []string{a.established(), b.established()}
	slices.Sort(names)
	if !slices.Equal(names, []string{"Villa", "Villa (2)"}) {
		t.Fatalf("names %q", names)
	}
	seen := map[string]string{}
	for len(seen) < 2 {
		e := phone.entry(patience, "both services", func(e *mdns.Entry) bool { return e.Port != 0 && len(e.Addrs) == 2 })
		seen[e.Instance] = e.Host
	}
	if seen["Villa"] == seen["Villa (2)"] {
		t.Errorf("both on host %q", seen["Villa"])
	}
	a.end()
	gone := phone.entry(patience, "a goodbye", func(e *mdns.Entry) bool { return e.Gone })
	left := names[0]
	if gone.Instance == left {
		left = names[1]
	}
	// The other one still answers.
	fresh := start(t, "phone", part{Hostname: "phone2", Browse: "_hap._tcp"})
	if e := fresh.entry(patience, "the other service", func(e *mdns.Entry) bool { return e.Port != 0 }); e.Instance != left {
		t.Errorf("found %q, want %q", e.Instance, left)
	}
}

func TestInterfaceDownAndUp(t *testing.T) {
	if !inNamespaces(t) {
		return
	}
	lan(t, "door", "phone")
	door := start(t, "door", part{Hostname: "villa", Services: []mdns.Service{villaService()}})
	door.established()
	for _, c := range []struct{ name, down, up string }{
		{"interface", "ip -n door link set eth0 down", "ip -n door link set eth0 up"},
		{"cable", "ip link set door-port down", "ip link set door-port up"},
		{"new interface", "ip -n door link del eth0", `ip link add door-port type veth peer name eth0 netns door
			ip link set door-port master lan up
			ip -n door addr add 10.77.0.1/16 dev eth0
			ip -n door link set eth0 up`},
	} {
		sh(t, c.down)
		eventually(t, patience, c.name+" to be noticed as down", func() bool { return len(door.facts().Interfaces) == 0 })
		// A machine that has never heard of it, so that only what is said afterwards counts.
		phone := start(t, "phone", part{Hostname: "phone", Browse: "_hap._tcp"})
		sh(t, c.up)
		began := time.Now()
		phone.entry(patience, "service after the "+c.name+" came back", func(e *mdns.Entry) bool { return e.Port == 51826 && len(e.Addrs) > 0 })
		t.Logf("%s: found again after %v", c.name, time.Since(began).Round(time.Millisecond))
		phone.end()
	}
}

func TestAddressesOfTheKernel(t *testing.T) {
	if !inNamespaces(t) {
		return
	}
	lan(t, "door", "phone")
	sh(t, "ip netns exec door sysctl -qw net.ipv6.conf.eth0.accept_dad=1; ip -n door link set eth0 down; ip -n door addr add 10.77.0.1/16 dev eth0 2>/dev/null || true")
	phone := start(t, "phone", part{Hostname: "phone", Browse: "_hap._tcp"})
	start(t, "door", part{Hostname: "villa", Services: []mdns.Service{villaService()}})
	sh(t, "ip -n door link set eth0 up")
	addresses := func(n int) func(e *mdns.Entry) bool {
		return func(e *mdns.Entry) bool { return len(e.Addrs) == n }
	}
	e := phone.entry(patience, "service before duplicate detection has passed", addresses(1))
	if !e.Addrs[0].Is4() {
		t.Errorf("announced %v before duplicate detection has passed", e.Addrs)
	}
	phone.entry(patience, "IPv6 address after it has", addresses(2))
	sh(t, "ip -n door addr add fd77::1/64 dev eth0 nodad && ip -n door addr add fd77::2/64 dev eth0 nodad preferred_lft 0")
	phone.entry(patience, "added address", func(e *mdns.Entry) bool {
		return len(e.Addrs) == 3 && e.Addrs[1].String() == "fd77::1"
	})
	sh(t, "ip -n door addr del fd77::1/64 dev eth0")
	phone.entry(patience, "entry without the lost address", addresses(2))
}

func TestOnlyOnNamedInterfaces(t *testing.T) {
	if !inNamespaces(t) {
		return
	}
	lan(t, "door", "phone", "box")
	// The box is moved from the network to a container bridge of the door's machine.
	sh(t, `ip link del box-port
		ip -n door link add docker0 type bridge
		ip -n door link add veth0 type veth peer name eth0 netns box
		ip -n door link set veth0 master docker0 up
		ip -n door addr add 10.78.0.1/16 dev docker0
		ip -n door link set docker0 up
		ip -n box addr add 10.78.0.2/16 dev eth0
		ip -n box link set eth0 up`)
	box := start(t, "box", part{Hostname: "box", Browse: "_hap._tcp"})
	phone := start(t, "phone", part{Hostname: "phone", Browse: "_hap._tcp"})
	door := start(t, "door", part{Hostname: "villa", Services: []mdns.Service{villaService()}})
	phone.entry(patience, "service", func(e *mdns.Entry) bool { return e.Port != 0 })
	if f := door.facts(); len(f.Interfaces) != 1 || f.Interfaces[0].Name != "eth0" || !f.Interfaces[0].IPv4 || !f.Interfaces[0].IPv6 {
		t.Errorf("serves %+v", f.Interfaces)
	}
	if f := box.facts(); f.Received > uint64(20) {
		t.Errorf("the container heard %d packets", f.Received)
	}
	door.end()
	named := start(t, "door", part{Hostname: "villa", Interfaces: []string{"docker0", "lo"}, Services: []mdns.Service{villaService()}})
	e := box.entry(patience, "service on the bridge that was named", func(e *mdns.Entry) bool { return e.Port != 0 })
	if !slices.ContainsFunc(e.Addrs, func(a netip.Addr) bool { return a.String() == "10.78.0.1" }) || slices.ContainsFunc(e.Addrs, func(a netip.Addr) bool { return a.String() == "10.77.0.1" }) {
		t.Errorf("addresses %v on the bridge", e.Addrs)
	}
	named.end()
	if !strings.Contains(named.log.String(), "served but not announced") {
		t.Error("the log does not say that lo is not announced on")
	}
}

func TestFloodFromTheNetwork(t *testing.T) {
	if !inNamespaces(t) {
		return
	}
	lan(t, "door", "attacker", "phone")
	door := start(t, "door", part{Hostname: "villa", Services: []mdns.Service{villaService()}})
	door.established()
	start(t, "phone", part{Hostname: "old", Browse: "_hap._tcp"}).entry(patience, "service", func(e *mdns.Entry) bool { return e.Port != 0 })
	<-time.After(4 * time.Second) // the phone's machine is no stranger any more

	attack := exec.Command("ip", "netns", "exec", "attacker", os.Args[0], "8s")
	attack.Env = append(os.Environ(), roleVar+"=flood")
	var out, complaint strings.Builder
	attack.Stdout, attack.Stderr = &out, &complaint
	began := time.Now()
	if err := attack.Start(); err != nil {
		t.Fatal(err)
	}
	<-time.After(2 * time.Second)
	prompt := 0
	for range 5 {
		phone := exec.Command("ip", "netns", "exec", "phone", os.Args[0])
		phone.Env = append(os.Environ(), roleVar+"=ask")
		out, err := phone.CombinedOutput()
		if err != nil {
			t.Errorf("query during the flood: %v: %s", err, out)
		}
		lines := strings.Fields(string(out))
		t.Logf("ordinary query and multicast query answered after %s", lines)
		for _, line := range lines {
			// A record waits up to a second after the last time it was multicast (RFC 6762 6), and a
			// flood sees to it that this was just now.
			if took, err := time.ParseDuration(line); err == nil && took < 1100*time.Millisecond {
				prompt++
			}
		}
	}
	t.Logf("%d of 10 queries were answered within a second", prompt)
	if prompt < 7 && os.Getenv("LOQUET_LONG") != "" { // on a busy machine the asker's own socket loses packets too
		t.Error("that is less than 7")
	}
	if err := attack.Wait(); err != nil {
		t.Fatal(err, complaint.String())
	}
	sent, err := strconv.Atoi(strings.TrimSpace(out.String()))
	if err != nil {
		t.Fatal(err)
	}
	rate := float64(sent) / time.Since(began).Seconds()
	f := door.facts()
	t.Logf("%.0f packets/s; of %d received: %d malformed, %d dropped as a flood, %d overrun", rate, f.Received, f.Malformed, f.Flooded, f.Overrun)
	if rate < 10_000 {
		t.Logf("the flood was below 10000 packets/s on this machine")
	}
	if f.Services[0].Instance != "Villa" || len(f.Services[0].Live) != 1 {
		t.Errorf("the flood took the name: %+v", f.Services)
	}
}
