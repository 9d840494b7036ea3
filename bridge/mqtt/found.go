package mqtt

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/hw/mqtt/discovery"
)

// How long a look at the announcements takes: until nothing came for a moment, and no longer than that.
const (
	foundTime  = 3 * time.Second
	foundQuiet = 300 * time.Millisecond
	maxFound   = 256
)

// announcements is the first part of the topics that Home Assistant looks at.
const announcements = "homeassistant"

// Found implements api.Adopter. It looks at what the broker keeps, now: nothing is remembered, and what is found
// is no device before the owner writes it into the configuration.
func (h *House) Found(ctx context.Context) ([]api.Found, error) {
	if h == nil {
		return nil, &api.Error{Status: 409, Code: "no-broker", Title: "The house has no MQTT broker", Why: "devices announce themselves at a broker",
			Remedy: `write mqtt: {listen: ":1883"} or mqtt: {url: ...} into the configuration`}
	}
	ctx, cancel := context.WithTimeout(ctx, foundTime)
	defer cancel()
	found := map[string]api.Found{}
	quiet := time.NewTimer(foundTime)
	defer quiet.Stop()
	events := h.client.Listen(ctx, announcements+"/+/+/config", announcements+"/+/+/+/config")
	for up := false; ; {
		select {
		case e, ok := <-events:
			if !ok {
				return inOrder(found), nil
			}
			if e.Topic == "" {
				up = e.Up
			} else if c, is := discovery.Parse(announcements, e.Topic, e.Payload); is && len(e.Payload) > 0 && len(found) < maxFound {
				found[c.ID] = api.Found(c)
			}
			if up {
				quiet.Reset(foundQuiet)
			}
		case <-quiet.C:
			return inOrder(found), nil
		}
	}
}

// inOrder are those that can be taken over, then the others. Those of this house are none.
func inOrder(found map[string]api.Found) []api.Found {
	var out []api.Found
	for _, f := range found {
		if parts := strings.Split(f.ID, "/"); len(parts) == 3 && strings.HasPrefix(parts[1], nodePrefix) {
			continue
		}
		out = append(out, f)
	}
	slices.SortFunc(out, func(x, y api.Found) int {
		if (x.Section == "") != (y.Section == "") {
			return strings.Compare(y.Section, x.Section)
		}
		return strings.Compare(x.ID, y.ID)
	})
	return out
}
