package mqtt

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/broker"
	"github.com/loquet/loquet/hw/garadget"
)

var _ api.Adopter = (*House)(nil)

// window is how long a board without an account is let in.
const window = 15 * time.Minute

// maxBoards bounds what boards on the network can make the house remember.
const maxBoards = 64

// boardRights are what one Garadget writes and reads (its topics hold its client id).
func boardRights() broker.Rights {
	return broker.Rights{Write: []string{"garadget/%c/LWT", "garadget/%c/status", "garadget/%c/config"},
		Read: []string{"garadget/%c/command", "garadget/%c/set-config"}, Packet: 1024}
}

// rights are those of a kind of device, and whether its account belongs to one client id.
func rights(r api.AdoptRequest) (broker.Rights, bool, error) {
	const small, large = 16 << 10, broker.MaxPacket
	if (r.Kind == "device" || r.Kind == "tasmota") && !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_./-]{0,63}$`).MatchString(r.Topic) {
		return broker.Rights{}, false, &api.Error{Status: 400, Code: "invalid", Title: "That is no topic", Field: "topic",
			Why: "a topic is 1 to 64 letters, digits, dots, dashes and slashes", Remedy: "give the topic that is set on the device"}
	}
	if r.Node != "" && (r.Kind != "device" || !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`).MatchString(r.Node)) {
		return broker.Rights{}, false, &api.Error{Status: 400, Code: "invalid", Title: "That is no name of a device", Field: "node",
			Why: "a device with a topic of its own announces itself by 1 to 64 letters, digits and dashes", Remedy: "give the part of its announcement's topic behind homeassistant/cover/, or leave it away"}
	}
	lock := strings.ToUpper(r.ID) // as it stands in the lock's topics
	if r.Kind == "nuki" && !regexp.MustCompile(`^[0-9A-F]{8}$`).MatchString(lock) {
		return broker.Rights{}, false, &api.Error{Status: 400, Code: "invalid", Title: "That is no Nuki ID", Field: "id",
			Why: "a Nuki ID is 8 hexadecimal digits", Remedy: "give the one that the Nuki app shows under Features & Configuration, such as 2BB28570"}
	}
	switch r.Kind {
	case "garadget":
		return boardRights(), true, nil
	case "nuki":
		all := []string{"nuki/" + lock + "/#"}
		return broker.Rights{Write: all, Read: all, Packet: small}, false, nil
	case "device":
		all := []string{r.Topic + "/#"}
		return broker.Rights{Write: all, Read: all, Packet: small, Nodes: nodes(r)}, true, nil
	case "tasmota":
		return broker.Rights{Write: []string{"stat/" + r.Topic + "/#", "tele/" + r.Topic + "/#", r.Topic + "/stat/#", r.Topic + "/tele/#"},
			Read: []string{"cmnd/" + r.Topic + "/#", r.Topic + "/cmnd/#"}, Packet: small, Nodes: []string{"%n"}}, true, nil
	case homeAssistant:
		return broker.Rights{Write: []string{"homeassistant/status"}, Read: []string{"homeassistant/#", "loquet/#"}, Packet: small}, false, nil
	case "zigbee2mqtt":
		all := []string{"zigbee2mqtt/#", "homeassistant/#"}
		return broker.Rights{Write: all, Read: all, Packet: large}, false, nil
	}
	return broker.Rights{}, false, &api.Error{Status: 400, Code: "invalid", Title: "That cannot be adopted", Field: "kind",
		Why: fmt.Sprintf("there is no kind %.30q", r.Kind), Remedy: "garadget, nuki, device, tasmota, homeassistant or zigbee2mqtt"}
}

// nodes are the names under which a device with a topic of its own announces itself: what its owner says, that topic, or
// its last part.
func nodes(r api.AdoptRequest) []string {
	if r.Node != "" {
		return []string{r.Node}
	}
	return slices.Compact([]string{strings.ReplaceAll(r.Topic, "/", "_"), strings.ReplaceAll(r.Topic, "/", "-"), r.Topic[strings.LastIndexByte(r.Topic, '/')+1:]})
}

// revised are the rights of an account that was made when a device announced whatever it liked, or a Tasmota nothing.
func revised(a broker.Account) (broker.Rights, bool) {
	if a.Kind != "device" && a.Kind != "tasmota" || len(a.Rights.Nodes) > 0 || len(a.Rights.Read) == 0 {
		return broker.Rights{}, false
	}
	topic := strings.TrimSuffix(strings.TrimPrefix(a.Rights.Read[0], map[string]string{"tasmota": "cmnd/"}[a.Kind]), "/#")
	now, _, err := rights(api.AdoptRequest{Kind: a.Kind, Topic: topic})
	return now, err == nil
}

// elsewhere says that accounts are made at the other broker.
func (h *House) elsewhere() error {
	if h != nil && h.server != nil {
		return nil
	}
	return &api.Error{Status: 409, Code: "no-broker", Title: "The house has no broker of its own",
		Why:    "accounts are made where the broker is",
		Remedy: `write mqtt: {listen: ":1883"} into the configuration, or make the account at the other broker`}
}

// Adopt implements api.Adopter.
func (h *House) Adopt(_ context.Context, r api.AdoptRequest) (api.Adoption, error) {
	if err := h.elsewhere(); err != nil {
		return api.Adoption{}, err
	}
	may, bound, err := rights(r)
	if err != nil {
		return api.Adoption{}, err
	}
	given, err := role(r)
	if err != nil {
		return api.Adoption{}, err
	}
	one, password, err := h.accounts.Make(r.Kind, may, bound, time.Now())
	if err != nil {
		return api.Adoption{}, err
	}
	if err := h.grant(one, given); err != nil {
		return api.Adoption{}, err
	}
	h.options.Log.Info().Str("kind", r.Kind).Str("user", one.User).Msg("an account for an MQTT device was made")
	n := api.Adoption{Kind: r.Kind, User: one.User, Password: password, Hosts: h.hosts(), Port: h.port()}
	if h.desk != nil && r.Kind == homeAssistant {
		n.Role = given.String()
	}
	if r.Kind == "garadget" {
		n.Name = "door" + strings.TrimPrefix(one.User, r.Kind)
	}
	if r.Kind == "garadget" && r.Blank {
		until := time.Now().Add(window)
		n.Until = &until
		h.all.Go(func() { h.provision(until, one.User, password) })
	}
	return n, nil
}

// provision lets boards without an account in and gives one of them this account.
func (h *House) provision(until time.Time, user, password string) {
	ctx, cancel := context.WithDeadline(h.life, until)
	defer cancel()
	defer h.server.Adopt(time.Time{}, broker.Rights{})
	for e := range h.client.Listen(ctx, "garadget/+/config") {
		if e.Topic == "" && e.Up { // a board that came in before would have said who it is to nobody
			h.server.Adopt(until, boardRights())
		}
		name, id, ok := garadget.Identify(e.Topic, e.Payload)
		if !ok || e.Retained || !h.server.Blank(name) {
			continue
		}
		row, err := json.Marshal(map[string]any{"mqus": user, "mqpw": password, "mqto": 15, "mqtt": 2})
		if err == nil {
			err = h.client.Publish(ctx, "garadget/"+name+"/set-config", row)
		}
		h.options.Log.Info().Err(err).Str("name", name).Str("id", id).Msg("a board without an account gets one")
		if err != nil {
			continue
		}
		// it says goodbye by itself; only then is the window closed, or it would not have heard
		for deadline := time.Now().Add(5 * time.Second); h.server.Blank(name) && time.Now().Before(deadline) && ctx.Err() == nil; {
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
		return
	}
}

// meet remembers which board has which number, for the owner's configuration.
func (h *House) meet(ctx context.Context) {
	for e := range h.client.Listen(ctx, "garadget/+/config") {
		name, id, ok := garadget.Identify(e.Topic, e.Payload)
		if !ok {
			continue
		}
		h.mu.Lock()
		if _, known := h.boards[name]; known || len(h.boards) < maxBoards {
			h.boards[name] = id
		}
		h.mu.Unlock()
	}
}

// Accounts implements api.Adopter.
func (h *House) Accounts(context.Context) ([]api.Account, error) {
	if err := h.elsewhere(); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []api.Account
	for _, one := range h.accounts.List() {
		out = append(out, api.Account{User: one.User, Kind: one.Kind, Name: one.Client, ID: h.boards[one.Client], Made: one.Made})
	}
	return out, nil
}

// RemoveAccount implements api.Adopter.
func (h *House) RemoveAccount(_ context.Context, user string) error {
	if err := h.elsewhere(); err != nil {
		return err
	}
	err := h.accounts.Remove(user)
	if errors.Is(err, broker.ErrNoAccount) {
		return fmt.Errorf("account %.40q: %w", user, api.ErrNotFound)
	}
	if err != nil {
		return err
	}
	h.server.Drop(user)
	if _, recorded := h.options.Roster.Recorded(Bridge, user); !recorded {
		return nil
	}
	return h.options.Roster.Forget(Bridge, user)
}

func (h *House) port() int {
	if at, ok := h.server.Addr().(*net.TCPAddr); ok {
		return at.Port
	}
	return 1883
}

// hosts are the addresses that a board can be told: IPv4 only.
func (h *House) hosts() []string {
	if host, _, err := net.SplitHostPort(h.options.Config.Listen); err == nil && cmp.Or(host, "0.0.0.0") != "0.0.0.0" && host != "::" {
		return []string{host}
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []string
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && !ip.IP.IsLoopback() && !ip.IP.IsLinkLocalUnicast() {
			out = append(out, ip.IP.String())
		}
	}
	return out
}
