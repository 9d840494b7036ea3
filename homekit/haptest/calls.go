package haptest

import (
	"encoding/json"
	"fmt"
	"strings"
)

const typeJSON = "application/hap+json"

// ID names a characteristic.
type ID struct{ AID, IID uint64 }

// Put is one item of a write. Value and Ev are left out when nil; json.RawMessage sends any text as the value.
type Put struct {
	AID      uint64 `json:"aid"`
	IID      uint64 `json:"iid"`
	Value    any    `json:"value,omitempty"`
	Ev       *bool  `json:"ev,omitempty"`
	R        bool   `json:"r,omitempty"`
	Remote   bool   `json:"remote,omitempty"`
	AuthData string `json:"authData,omitempty"`
}

// Result is one characteristic of an answer or an event.
type Result struct {
	AID    uint64          `json:"aid"`
	IID    uint64          `json:"iid"`
	Value  json.RawMessage `json:"value"`
	Status *int            `json:"status"`
}

// Results reads the items of an answer or an event.
func Results(body []byte) ([]Result, error) {
	var m struct {
		Characteristics []Result `json:"characteristics"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("haptest: %w: %s", err, body)
	}
	return m.Characteristics, nil
}

// StatusError is an answer with another HTTP status than the call allows.
type StatusError struct{ Response *Response }

func (e *StatusError) Error() string {
	return fmt.Sprintf("haptest: HTTP %d: %s", e.Response.Status, e.Response.Body)
}

// Accessories returns the body of GET /accessories.
func (c *Client) Accessories() ([]byte, error) {
	r, err := c.Do("GET", "/accessories", "", nil)
	if err != nil {
		return nil, err
	}
	if r.Status != 200 || r.Type != typeJSON {
		return nil, &StatusError{r}
	}
	return r.Body, nil
}

// Get reads characteristics. An item that failed carries a status.
func (c *Client) Get(ids ...ID) ([]Result, error) {
	text := make([]string, len(ids))
	for i, id := range ids {
		text[i] = fmt.Sprintf("%d.%d", id.AID, id.IID)
	}
	r, err := c.Do("GET", "/characteristics?id="+strings.Join(text, ","), "", nil)
	if err != nil {
		return nil, err
	}
	if r.Status != 200 && r.Status != 207 {
		return nil, &StatusError{r}
	}
	return Results(r.Body)
}

// PutRaw writes a body as it is.
func (c *Client) PutRaw(body []byte) (*Response, error) {
	return c.Do("PUT", "/characteristics", typeJSON, body)
}

// Put writes items and returns the status of each, nil after 204.
func (c *Client) Put(items ...Put) ([]Result, error) { return c.put(nil, items) }

// PutTimed writes items with the pid of a prepare.
func (c *Client) PutTimed(pid uint64, items ...Put) ([]Result, error) { return c.put(&pid, items) }

func (c *Client) put(pid *uint64, items []Put) ([]Result, error) {
	body, err := json.Marshal(struct {
		Characteristics []Put   `json:"characteristics"`
		PID             *uint64 `json:"pid,omitempty"`
	}{items, pid})
	if err != nil {
		return nil, err
	}
	r, err := c.PutRaw(body)
	if err != nil {
		return nil, err
	}
	switch r.Status {
	case 204:
		return nil, nil
	case 207:
		return Results(r.Body)
	}
	return nil, &StatusError{r}
}

// Prepare announces a timed write; ttl is in milliseconds.
func (c *Client) Prepare(ttl, pid uint64) error {
	r, err := c.Do("PUT", "/prepare", typeJSON, fmt.Appendf(nil, `{"ttl":%d,"pid":%d}`, ttl, pid))
	if err != nil {
		return err
	}
	if r.Status != 200 || string(r.Body) != `{"status":0}` {
		return &StatusError{r}
	}
	return nil
}

// Subscribe asks for events, or no more of them.
func (c *Client) Subscribe(on bool, ids ...ID) error {
	items := make([]Put, len(ids))
	for i, id := range ids {
		items[i] = Put{AID: id.AID, IID: id.IID, Ev: &on}
	}
	results, err := c.Put(items...)
	if err != nil {
		return err
	}
	if results != nil {
		return fmt.Errorf("haptest: subscribe: %+v", results)
	}
	return nil
}

// Pairing is one of the list of pairings.
type Pairing struct {
	ID    string
	Key   []byte
	Admin bool
}

// AddPairing adds a controller or changes its permission.
func (c *Client) AddPairing(id string, publicKey []byte, admin bool) error {
	permission := byte(0)
	if admin {
		permission = 1
	}
	_, err := c.Pair(pathPairings, B(State, 1), B(Method, 3), Item{Identifier, []byte(id)}, Item{PublicKey, publicKey},
		B(Permissions, permission))
	return err
}

// RemovePairing removes a controller.
func (c *Client) RemovePairing(id string) error {
	_, err := c.Pair(pathPairings, B(State, 1), B(Method, 4), Item{Identifier, []byte(id)})
	return err
}

// ListPairings lists the controllers.
func (c *Client) ListPairings() ([]Pairing, error) {
	items := []Item{B(State, 1), B(Method, 5)}
	r, err := c.Do("POST", pathPairings, "application/pairing+tlv8", Encode(items...))
	if err != nil {
		return nil, err
	}
	if _, err := answerTLV(r, items); err != nil {
		return nil, err
	}
	records, err := DecodeList(r.Body)
	if err != nil {
		return nil, err
	}
	list := make([]Pairing, 0, len(records))
	for _, t := range records {
		if len(t[Permissions]) != 1 || len(t[PublicKey]) != 32 {
			return nil, fmt.Errorf("%w: a pairing without key or permissions", errTLV)
		}
		list = append(list, Pairing{ID: string(t[Identifier]), Key: t[PublicKey], Admin: t[Permissions][0] == 1})
	}
	return list, nil
}
