package api

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// tokenPrefix lets people and secret scanners tell what a leaked string is.
const tokenPrefix = "loquet_"

const (
	tokenSpacePrefix = "token/"
	maxTokens        = 64
	startTokenID     = "start"
)

// NewToken returns a random token of 256 bits.
func NewToken() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// keptToken is a token as it is stored. A plain hash is enough: nobody guesses 256 random bits.
type keptToken struct {
	Token
	Hash []byte `json:"hash"`
}

// tokens knows every valid token by its hash, in memory, so that nothing on the way to a door reads
// the database.
type tokens struct {
	space Space
	start *keptToken

	lost error // why nobody knows which tokens there were; none of them works then

	mu   sync.RWMutex
	kept map[string]keptToken
}

// newTokens never fails: a record that cannot be read is a token that does not work, and no reason to
// keep the house without an API.
func newTokens(space Space, start string) *tokens {
	t := &tokens{space: space, kept: map[string]keptToken{}}
	if start != "" {
		t.start = &keptToken{Token: Token{ID: startTokenID}, Hash: hashToken(start)}
	}
	if space == nil {
		return t
	}
	records, err := space.List(tokenSpacePrefix)
	if err != nil {
		t.lost = fmt.Errorf("read the tokens: %w", err)
	}
	for key, record := range records {
		var k keptToken
		if err := json.Unmarshal(record, &k); err != nil || len(k.Hash) != sha256.Size || tokenSpacePrefix+k.ID != key {
			continue // a damaged record is a token that no longer works; the others still do
		}
		t.kept[k.ID] = k
	}
	return t
}

// check returns the actor that a token stands for. It compares with every hash, in constant time.
func (t *tokens) check(secret string) (actor string, ok bool) {
	hash := hashToken(secret)
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.start != nil && subtle.ConstantTimeCompare(hash, t.start.Hash) == 1 {
		actor = startTokenID
	}
	for id, k := range t.kept {
		if subtle.ConstantTimeCompare(hash, k.Hash) == 1 {
			actor = id
		}
	}
	return "token:" + actor, actor != ""
}

func (t *tokens) list() ([]Token, error) {
	if t.lost != nil {
		return nil, t.lost
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	list := make([]Token, 0, len(t.kept))
	for _, k := range t.kept {
		list = append(list, k.Token)
	}
	slices.SortFunc(list, func(a, b Token) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID))
	})
	return list, nil
}

func (t *tokens) create(name string) (NewTokenAnswer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.kept) >= maxTokens {
		return NewTokenAnswer{}, &Error{Status: 409, Code: "too-many-tokens", Why: fmt.Sprintf("there are %d tokens already", maxTokens), Remedy: "revoke one that is no longer used: loquet token revoke"}
	}
	secret := NewToken()
	var id [6]byte
	_, _ = rand.Read(id[:])
	k := keptToken{Token: Token{ID: hex.EncodeToString(id[:]), Name: name, Created: time.Now().Truncate(time.Second)}, Hash: hashToken(secret)}
	record, err := json.Marshal(k)
	if err != nil {
		return NewTokenAnswer{}, err
	}
	if err := t.space.Apply(map[string][]byte{tokenSpacePrefix + k.ID: record}); err != nil {
		return NewTokenAnswer{}, fmt.Errorf("keep the token: %w", err)
	}
	t.kept[k.ID] = k
	return NewTokenAnswer{Token: k.Token, Secret: secret}, nil
}

// revoke ends a token. It stops working even if the deletion cannot be written, but then it would
// work again after a restart, so that is an error.
func (t *tokens) revoke(id string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.kept[id]; !ok {
		return &Error{Status: 404, Code: "no-such-token", Why: "there is no token " + quote(id), Remedy: "loquet token list shows them", Err: ErrNotFound}
	}
	err := t.space.Apply(map[string][]byte{tokenSpacePrefix + id: nil})
	delete(t.kept, id)
	if err != nil {
		return fmt.Errorf("the token no longer works, but will again after a restart: %w", err)
	}
	return nil
}

func hashToken(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
