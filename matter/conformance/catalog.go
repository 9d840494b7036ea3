// Package conformance holds a node against the Matter data model: does every endpoint have what its device types demand,
// does every cluster have the features, attributes, commands and events that the data model demands, with the right
// access, and no others. It is meant for tests.
//
// model.json is written by generate/generate.mjs from the npm package @matter/model.
package conformance

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed model.json
var source []byte

// catalog is the data model, as far as bridges for doors need it.
type catalog struct {
	Source      string
	Base        deviceType
	DeviceTypes []deviceType
	Clusters    []cluster
}

type deviceType struct {
	ID           uint32
	Name         string `json:"n"`
	Revision     uint16 `json:"rev"`
	Class        string
	Conditions   []string
	Requirements []requirement
}

type requirement struct {
	Element     string `json:"e"` // serverCluster, clientCluster, deviceType, condition, feature, attribute, command
	Name        string `json:"n"`
	ID          uint32
	Conformance string `json:"c"`
	Inner       []requirement
}

type cluster struct {
	ID         uint32
	Name       string `json:"n"`
	Revision   uint16 `json:"rev"`
	Features   []feature
	Attributes []attribute
	Commands   []element
	Events     []element
}

type feature struct {
	Bit         uint8
	Code        string
	Name        string `json:"n"`
	Conformance string `json:"c"`
}

type element struct {
	ID          uint32
	Name        string  `json:"n"`
	Conformance string  `json:"c"`
	Access      string  `json:"a"`
	Direction   string  `json:"d"`
	Response    *uint32 `json:"r"`
	Priority    string  `json:"p"`
}

type attribute struct {
	element
	Quality string `json:"q"`
	shape
}

// shape is what a value must look like.
type shape struct {
	Type     string `json:"t"`
	Nullable bool   `json:"null"`
	Min, Max *int64
	Values   []uint64
	Entry    *shape
	Fields   []field
}

type field struct {
	ID          uint8
	Name        string `json:"n"`
	Conformance string `json:"c"`
	shape
}

func load() (*catalog, error) {
	var c catalog
	if err := json.Unmarshal(source, &c); err != nil {
		return nil, fmt.Errorf("matter/conformance: model.json: %w", err)
	}
	return &c, nil
}

func (c *catalog) cluster(id uint32) *cluster {
	for i := range c.Clusters {
		if c.Clusters[i].ID == id {
			return &c.Clusters[i]
		}
	}
	return nil
}

func (c *catalog) deviceType(id uint32) *deviceType {
	for i := range c.DeviceTypes {
		if c.DeviceTypes[i].ID == id {
			return &c.DeviceTypes[i]
		}
	}
	return nil
}
