package matter

import (
	"encoding/binary"
	"fmt"

	"github.com/loquet/loquet/matter/model"
)

// Aggregator is the endpoint that bridged devices are parts of.
const Aggregator uint16 = 1

// firstDevice is the lowest number a device gets.
const firstDevice uint16 = 2

const (
	endpointPrefix  = "endpoints/"
	endpointNextKey = "endpoint-next"
)

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
