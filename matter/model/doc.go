// Package model is the data model of a Matter node at run time (Matter 1.4 section 7): a node has endpoints, an endpoint
// has device types and clusters, a cluster has attributes, commands and events.
//
// A cluster is an ordinary Go value with typed fields and setters. It embeds Base, is described by a Class that all
// instances with the same features share, and encodes an attribute only when somebody reads it:
//
//	var contactClass = model.NewClass(model.Class{ID: 0x45, Revision: 3, Attributes: []model.Attribute{{ID: 0, Read: model.View}}})
//
//	type Contact struct {
//		model.Base
//		closed atomic.Bool
//	}
//
//	func (c *Contact) Set(closed bool) {
//		if c.closed.Swap(closed) != closed {
//			c.Changed(0)
//		}
//	}
//
//	func (c *Contact) ReadAttribute(_ *model.Caller, id uint32, w *tlv.Writer, tag tlv.Tag) error {
//		w.Bool(tag, c.closed.Load())
//		return nil
//	}
//
// The interaction model has checked privilege, timing and existence before it calls a cluster; the cluster checks values.
package model
