package homekit

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

// Storage keeps the numbers for ever. The record of a device is never deleted, so that a device that
// comes back has its old place in Apple Home.
type Storage interface {
	Get(key string) (value []byte, ok bool, err error)
	List(prefix string) (map[string][]byte, error)
	Apply(changes map[string][]byte) error
}

// place is where a device lives in HomeKit: for ever, whatever happens to the order of the
// configuration. IIDs are keyed by stable words of ours ("door", "door/current").
type place struct {
	Bridge string            `json:"bridge"`
	AID    uint64            `json:"aid"`
	IIDs   map[string]uint64 `json:"iids"`
	Next   uint64            `json:"next"`          // the next unused iid
	Was    map[string]uint64 `json:"was,omitempty"` // its aids on other bridges, in case it goes back

	stored bool // bridge and aid are durable
}

// on reports whether a bridge has a number for the device, in use or not.
func (p *place) on(bridge string) bool {
	_, was := p.Was[bridge]
	return was || p.Bridge == bridge
}

// numbers hands out accessory and instance ids. Nothing is ever used twice.
type numbers struct {
	mu      sync.Mutex
	storage Storage
	places  map[string]*place
	nextAID map[string]uint64 // a bridge's next unused aid
	dirty   map[string]bool
}

const (
	devicePrefix = "device/"
	nextPrefix   = "next-aid/"
)

// firstAID follows the bridge accessory itself, which is always 1 (HAP R2 2.6.1).
const firstAID = 2

func loadNumbers(storage Storage) (*numbers, error) {
	n := &numbers{storage: storage, places: map[string]*place{}, nextAID: map[string]uint64{}, dirty: map[string]bool{}}
	devices, err := storage.List(devicePrefix)
	if err != nil {
		return nil, fmt.Errorf("accessory numbers: %w", err)
	}
	for key, raw := range devices {
		device := strings.TrimPrefix(key, devicePrefix)
		p := &place{}
		if err := json.Unmarshal(raw, p); err != nil {
			return nil, fmt.Errorf("accessory numbers of %s: %w", device, err)
		}
		if p.Bridge == "" || p.AID == 0 || p.IIDs == nil {
			return nil, fmt.Errorf("accessory numbers of %s: the record is incomplete", device)
		}
		p.stored = true
		n.places[device] = p
		n.nextAID[p.Bridge] = max(n.nextAID[p.Bridge], p.AID+1)
		for bridge, aid := range p.Was {
			n.nextAID[bridge] = max(n.nextAID[bridge], aid+1)
		}
	}
	marks, err := storage.List(nextPrefix)
	if err != nil {
		return nil, fmt.Errorf("accessory numbers: %w", err)
	}
	for key, raw := range marks {
		bridge := strings.TrimPrefix(key, nextPrefix)
		var next uint64
		if err := json.Unmarshal(raw, &next); err != nil {
			return nil, fmt.Errorf("accessory numbers of bridge %s: %w", bridge, err)
		}
		n.nextAID[bridge] = max(n.nextAID[bridge], next)
	}
	return n, nil
}

// sharedBridge returns the bridge that a device has a number on beside other devices: the present one,
// or the one it left to be an accessory of its own. It is empty for a device that never had one.
func (n *numbers) sharedBridge(device string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.places[device]
	if p == nil {
		return ""
	}
	if !isOwn(p.Bridge) {
		return p.Bridge
	}
	for bridge := range p.Was { // there is one at most: a device does not go from shared to shared
		if !isOwn(bridge) {
			return bridge
		}
	}
	return ""
}

// settle gives the device its place on a bridge and returns its aid there. A device that moves (to an
// accessory of its own, or back) keeps the number it had where it was; nobody else gets that one.
func (n *numbers) settle(device, bridge string) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.places[device]
	if p != nil && p.Bridge == bridge {
		return p.AID
	}
	next := &place{Bridge: bridge, IIDs: map[string]uint64{}, Next: 1}
	if p != nil {
		next.IIDs, next.Next = p.IIDs, p.Next
		next.Was = map[string]uint64{p.Bridge: p.AID}
		for b, aid := range p.Was {
			if b != bridge {
				next.Was[b] = aid
			}
		}
		next.AID = p.Was[bridge]
	}
	if next.AID == 0 {
		next.AID = n.freshAID(device, bridge)
	}
	n.places[device] = next
	n.dirty[device] = true
	return next.AID
}

func (n *numbers) freshAID(device, bridge string) uint64 {
	aid := max(n.nextAID[bridge], firstAID)
	if bridge == ownBridge(device) || device == bridgeDevice(bridge) {
		aid = 1 // the first accessory of a server
	}
	n.nextAID[bridge] = max(n.nextAID[bridge], aid+1)
	return aid
}

// iid returns the instance id of one service or characteristic of a device, by our word for it.
func (n *numbers) iid(device, word string) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.places[device]
	if id, ok := p.IIDs[word]; ok {
		return id
	}
	id := max(p.Next, 1)
	p.IIDs[word] = id
	p.Next = id + 1
	n.dirty[device] = true
	return id
}

// has reports whether a device was ever shown with a service or characteristic.
func (n *numbers) has(device, word string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.places[device]
	return p != nil && p.IIDs[word] > 0
}

// save makes everything that was handed out durable. Nothing new may be served before it returned nil.
func (n *numbers) save() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.dirty) == 0 {
		return nil
	}
	changes := map[string][]byte{}
	for device := range n.dirty {
		p := n.places[device]
		raw, err := json.Marshal(p)
		if err != nil {
			return err
		}
		changes[devicePrefix+device] = raw
		mark, err := json.Marshal(n.nextAID[p.Bridge])
		if err != nil {
			return err
		}
		changes[nextPrefix+p.Bridge] = mark
	}
	if err := n.storage.Apply(changes); err != nil {
		return fmt.Errorf("accessory numbers: %w", err)
	}
	for device := range n.dirty {
		n.places[device].stored = true
	}
	clear(n.dirty)
	return nil
}

// stored reports whether the place of a device is durable.
func (n *numbers) stored(device string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.places[device]
	return p != nil && p.stored
}

// held counts the places of a bridge, those of devices that are not there now included: they may come
// back. The bridge itself is one of them.
func (n *numbers) held(bridge string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	count := 1
	for device, p := range n.places {
		if p.on(bridge) && device != bridgeDevice(bridge) {
			count++
		}
	}
	return count
}
