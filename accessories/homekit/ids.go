package homekit

import (
	"encoding/json"
	"fmt"
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
// configuration. Both maps are keyed by stable words of ours ("garage", "garage/current").
type place struct {
	Bridge string            `json:"bridge"`
	AID    uint64            `json:"aid"`
	IIDs   map[string]uint64 `json:"iids"`
	Next   uint64            `json:"next"` // the next unused iid
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
		p := &place{}
		if err := json.Unmarshal(raw, p); err != nil {
			return nil, fmt.Errorf("accessory numbers of %s: %w", key[len(devicePrefix):], err)
		}
		n.places[key[len(devicePrefix):]] = p
		n.nextAID[p.Bridge] = max(n.nextAID[p.Bridge], p.AID+1)
	}
	marks, err := storage.List(nextPrefix)
	if err != nil {
		return nil, fmt.Errorf("accessory numbers: %w", err)
	}
	for key, raw := range marks {
		var next uint64
		if err := json.Unmarshal(raw, &next); err != nil {
			return nil, fmt.Errorf("accessory numbers of bridge %s: %w", key[len(nextPrefix):], err)
		}
		bridge := key[len(nextPrefix):]
		n.nextAID[bridge] = max(n.nextAID[bridge], next)
	}
	return n, nil
}

// bridgeOf returns the bridge that a device was given, or an empty word for a device that is new.
func (n *numbers) bridgeOf(device string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p := n.places[device]; p != nil {
		return p.Bridge
	}
	return ""
}

// settle gives the device its place on a bridge. A device that is moved to another bridge (an own
// tile of its own) gets a new number there; the old one is not used again.
func (n *numbers) settle(device, bridge string) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.places[device]
	if p != nil && p.Bridge == bridge {
		return p.AID
	}
	aid := max(n.nextAID[bridge], firstAID)
	if bridge == ownBridge(device) {
		aid = 1 // an accessory of its own is its own first accessory
	}
	n.nextAID[bridge] = aid + 1
	next := &place{Bridge: bridge, AID: aid, IIDs: map[string]uint64{}, Next: 1}
	if p != nil {
		next.IIDs, next.Next = p.IIDs, p.Next
	}
	n.places[device] = next
	n.dirty[device] = true
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

// save makes everything that was handed out durable. Nothing may be served before it returned nil.
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
	clear(n.dirty)
	return nil
}

// held counts the places of a bridge, those of devices that are not configured now included.
func (n *numbers) held(bridge string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	count := 0
	for _, p := range n.places {
		if p.Bridge == bridge {
			count++
		}
	}
	return count
}
