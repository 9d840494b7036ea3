package shelly

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// challenge is what a device of the second generation asks for before it takes orders ("Gen2 Device API",
// authentication: digest with SHA-256, the user is always admin).
type challenge struct {
	Realm     string `json:"realm"`
	Nonce     int64  `json:"nonce"`
	Count     int    `json:"nc"`
	Algorithm string `json:"algorithm"`
}

const rpcUser = "admin"

func parseChallenge(message string) (*challenge, error) {
	var c challenge
	if err := json.Unmarshal([]byte(message), &c); err != nil {
		return nil, err
	}
	if c.Realm == "" || c.Algorithm != "SHA-256" {
		return nil, errors.New("a login that is not known")
	}
	if c.Count == 0 {
		c.Count = 1
	}
	return &c, nil
}

// proof is the answer to a challenge. It goes with every question of a connection.
type proof struct {
	Realm     string `json:"realm"`
	User      string `json:"username"`
	Nonce     int64  `json:"nonce"`
	Cnonce    uint32 `json:"cnonce"`
	Response  string `json:"response"`
	Algorithm string `json:"algorithm"`
}

func (c *challenge) prove(password string) *proof {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return c.proveWith(password, binary.BigEndian.Uint32(b[:])>>1)
}

func (c *challenge) proveWith(password string, cnonce uint32) *proof {
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	who := hash(rpcUser + ":" + c.Realm + ":" + password)
	what := hash("dummy_method:dummy_uri") // fixed, for there is no method and no address on a WebSocket
	return &proof{
		Realm: c.Realm, User: rpcUser, Nonce: c.Nonce, Cnonce: cnonce, Algorithm: c.Algorithm,
		Response: hash(fmt.Sprintf("%s:%d:%d:%d:auth:%s", who, c.Nonce, c.Count, cnonce, what)),
	}
}
