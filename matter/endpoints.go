package matter

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"

	"github.com/loquet/loquet/matter/model"
)

// Aggregator is the endpoint that bridged devices are parts of.
const Aggregator uint16 = 1

// firstDevice is the lowest number a device gets.
const firstDevice uint16 = 2

const (
	endpointPrefix  = "endpoints/"
	endpointNextKey = "endpoint-next"
	structureKey    = "structure"
)

// descriptorID is the cluster whose parts list changes with the endpoints.
const descriptorID = 0x1D

// EndpointFor returns the endpoint number of a device by a name that it keeps for ever. A number is never given to another
// device, also when the first one has gone: controllers remember devices by it.
func (s *Server) EndpointFor(name string) (uint16, error) {
	s.numbers.Lock()
	defer s.numbers.Unlock()
	key := endpointPrefix + name
	b, ok, err := s.c.Storage.Get(key)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%w: the endpoint of %s: %w", ErrState, name, err)
	case ok && len(b) != 2:
		return 0, fmt.Errorf("%w: the endpoint of %s is damaged", ErrState, name)
	case ok:
		return binary.LittleEndian.Uint16(b), nil
	}
	next := firstDevice
	b, ok, err = s.c.Storage.Get(endpointNextKey)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%w: the next endpoint: %w", ErrState, err)
	case ok && len(b) != 2:
		return 0, fmt.Errorf("%w: the next endpoint is damaged", ErrState)
	case ok:
		next = binary.LittleEndian.Uint16(b)
	}
	if next == 0xFFFF {
		return 0, fmt.Errorf("%w: no endpoint number is left for %s", ErrState, name)
	}
	number := binary.LittleEndian.AppendUint16(nil, next)
	after := binary.LittleEndian.AppendUint16(nil, next+1)
	if err := s.c.Storage.Apply(map[string][]byte{key: number, endpointNextKey: after}); err != nil {
		return 0, fmt.Errorf("matter: keep the endpoint of %s: %w", name, err)
	}
	return next, nil
}

// Bridge puts a device on the aggregator, under the number EndpointFor gave it. c.Parent is set; BridgedNode is added as the
// last device type, as controllers want it.
func (s *Server) Bridge(c model.EndpointConfig) (*model.Endpoint, error) {
	c.Parent = Aggregator
	c.DeviceTypes = append(append([]model.DeviceType(nil), c.DeviceTypes...), model.DeviceType{ID: 0x0013, Revision: 3})
	e, err := model.NewEndpoint(c)
	if err != nil {
		return nil, err
	}
	return e, s.node.Add(e)
}

// Told says whether a controller of a fabric has confirmed, over a subscription, how an endpoint is.
func (s *Server) Told(fabric uint8, endpoint uint16) bool { return s.engine.Told(fabric, endpoint) }

// structureChanged hears of every change and looks for those of the parts lists.
func (s *Server) structureChanged(changes []model.Change) {
	for _, c := range changes {
		if c.Cluster == descriptorID {
			s.poke()
			return
		}
	}
}

// restructured counts the version of the node's structure up when it is not what it was, over restarts too: controllers skip
// what they know of a version.
func (s *Server) restructured() {
	now := structure(s.node.Endpoints())
	b, ok, err := s.c.Storage.Get(structureKey)
	if err != nil {
		s.c.Failed(fmt.Errorf("%w: the structure: %w", ErrState, err))
		return
	}
	version := uint32(1)
	if ok && len(b) == 12 {
		version = binary.LittleEndian.Uint32(b[8:])
		if binary.LittleEndian.Uint64(b) == now {
			s.basic.SetConfiguration(version)
			return
		}
		version++
	}
	record := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint64(nil, now), version)
	if err := s.c.Storage.Apply(map[string][]byte{structureKey: record}); err != nil {
		s.c.Failed(fmt.Errorf("matter: keep the structure: %w", err))
	}
	s.basic.SetConfiguration(version)
}

// structure sums up endpoints, device types, clusters and their features and revisions.
func structure(endpoints []*model.Endpoint) uint64 {
	h := fnv.New64a()
	add := func(n ...uint32) {
		for _, v := range n {
			_, _ = h.Write(binary.LittleEndian.AppendUint32(nil, v)) // a hash takes everything
		}
	}
	for _, e := range endpoints {
		add(uint32(e.ID()), uint32(e.Parent()))
		for _, t := range e.DeviceTypes() {
			add(t.ID, uint32(t.Revision))
		}
		for _, c := range e.Clusters() {
			class := c.Class()
			add(class.ID, uint32(class.Revision), class.Features, uint32(len(class.Attributes)), uint32(len(class.Commands)))
		}
	}
	return h.Sum64()
}
