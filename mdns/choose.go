package mdns

import (
	"cmp"
	"slices"
	"strings"
)

// Reasons why an interface is not announced on.
const (
	whyAbsent    = "there is no such interface now"
	whyDown      = "it is down"
	whySilent    = "it carries no multicast: served but not announced"
	whyLoopback  = "it is the loopback interface"
	whyContainer = "it is a bridge of containers or virtual machines, or a port of one"
	whyNoAddress = "it has no address yet"
)

// containerBridges are the names that container and virtual machine software gives to bridges.
// Announcing there leads controllers to addresses that they cannot reach.
var containerBridges = [...]string{"docker", "br-", "virbr", "podman", "cni", "lxcbr", "lxdbr", "incusbr", "hassio"}

// Skipped is an interface that is not announced on, and why.
type Skipped struct {
	Name string
	Why  string
}

// choose picks the interfaces to serve. With names in wanted exactly these are served as far as they
// can be; with none, all that are up and carry multicast, except the loopback and container bridges.
func choose(all []Interface, wanted []string) (served []Interface, skipped []Skipped) {
	for _, name := range wanted {
		if !slices.ContainsFunc(all, func(i Interface) bool { return i.Name == name }) {
			skipped = append(skipped, Skipped{name, whyAbsent})
		}
	}
	for _, i := range all {
		if len(wanted) > 0 && !slices.Contains(wanted, i.Name) {
			continue
		}
		if why := unfit(i, len(wanted) > 0); why != "" {
			skipped = append(skipped, Skipped{i.Name, why})
			continue
		}
		served = append(served, i)
	}
	slices.SortFunc(served, func(a, b Interface) int { return cmp.Compare(a.Index, b.Index) })
	return served, skipped
}

// unfit says why an interface cannot be served; "" means that it can.
func unfit(i Interface, named bool) string {
	if !named && i.Loopback {
		return whyLoopback
	}
	if !named && (containerBridge(i.Name) || containerBridge(i.Master)) {
		return whyContainer
	}
	if !i.Multicast {
		return whySilent
	}
	if !i.Up {
		return whyDown
	}
	if len(i.Addrs) == 0 {
		return whyNoAddress
	}
	return ""
}

func containerBridge(name string) bool {
	return slices.ContainsFunc(containerBridges[:], func(p string) bool { return strings.HasPrefix(name, p) })
}
