package broker

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Storage keeps accounts. Apply is all or nothing, and durable when it returns; a nil value deletes.
type Storage interface {
	List(prefix string) (map[string][]byte, error)
	Apply(changes map[string][]byte) error
}

// Rights are the topics that a device may write and read, as filters. %c in them is its client id.
type Rights struct {
	Write  []string
	Read   []string
	Packet int // the largest packet, in bytes
	// Nodes are the names under which it announces itself for Home Assistant. %n in them is the client id of a Tasmota
	// without its DVES_; empty for another one's.
	Nodes []string `json:",omitempty"`
}

// Account is how one device, or one program, gets in.
type Account struct {
	User   string    `json:"user"`
	Kind   string    `json:"kind"` // what was adopted: "garadget"
	Rights Rights    `json:"rights"`
	Proof  []byte    `json:"proof"`            // of the password; it is 119 random bits, so a plain digest does
	Bound  bool      `json:"bound"`            // to the first client id that uses it
	Client string    `json:"client,omitempty"` // that one
	Made   time.Time `json:"made"`
}

// Accounts are those of the broker in the process. Make them with OpenAccounts.
type Accounts struct {
	storage Storage

	mu  sync.RWMutex
	all map[string]Account
}

// ErrNoAccount is returned for a user that is not there.
var ErrNoAccount = errors.New("no such account")

const (
	accountKey  = "account/"
	maxAccounts = 256
	// What boards take in their forms without mangling it; passwords of 20 of these.
	letters        = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	passwordLength = 20
)

// OpenAccounts reads what storage has. A record that cannot be read is left alone and lets nobody in.
func OpenAccounts(storage Storage) (*Accounts, error) {
	rows, err := storage.List(accountKey)
	if err != nil {
		return nil, fmt.Errorf("accounts of MQTT devices: %w", err)
	}
	a := &Accounts{storage: storage, all: map[string]Account{}}
	for key, row := range rows {
		var one Account
		if err := json.Unmarshal(row, &one); err == nil && one.User != "" && accountKey+one.User == key {
			a.all[one.User] = one
		}
	}
	return a, nil
}

// Make adds an account and returns its password, which is not kept. A bound one belongs to the first client
// id that uses it.
func (a *Accounts) Make(kind string, rights Rights, bound bool, now time.Time) (one Account, password string, err error) {
	name, err := word(6)
	if err != nil {
		return Account{}, "", err
	}
	if password, err = word(passwordLength); err != nil {
		return Account{}, "", err
	}
	one = Account{User: kind + strings.ToLower(name), Kind: kind, Rights: rights, Proof: proof(password), Bound: bound, Made: now}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, taken := a.all[one.User]; taken || len(a.all) >= maxAccounts {
		return Account{}, "", fmt.Errorf("there are %d accounts already: remove one that is not used", len(a.all))
	}
	if err := a.save(one); err != nil {
		return Account{}, "", err
	}
	return one, password, nil
}

// Revise puts rights in the place of those that accounts were made with, where of returns some that differ. Nothing is
// written: whoever opens the accounts revises them.
func (a *Accounts) Revise(of func(Account) (Rights, bool)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for user, one := range a.all {
		if rights, changed := of(one); changed {
			one.Rights = rights
			a.all[user] = one
		}
	}
}

// List returns the accounts, the oldest first.
func (a *Accounts) List() []Account {
	a.mu.RLock()
	defer a.mu.RUnlock()
	out := make([]Account, 0, len(a.all))
	for _, one := range a.all {
		out = append(out, one)
	}
	slices.SortFunc(out, func(x, y Account) int {
		if c := x.Made.Compare(y.Made); c != 0 {
			return c
		}
		return strings.Compare(x.User, y.User)
	})
	return out
}

// Remove takes an account away. Use Server.Drop to end its connections.
func (a *Accounts) Remove(user string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.all[user]; !ok {
		return ErrNoAccount
	}
	if err := a.storage.Apply(map[string][]byte{accountKey + user: nil}); err != nil {
		return err
	}
	delete(a.all, user)
	return nil
}

// enter checks a password and binds the account to a client id where it is bound to one.
func (a *Accounts) enter(user, password, client string) (Account, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	one, ok := a.all[user]
	if subtle.ConstantTimeCompare(proof(password), one.Proof) != 1 || !ok {
		return Account{}, errors.New("the user or the password is wrong")
	}
	if !one.Bound || one.Client == client {
		return one, nil
	}
	if one.Client != "" {
		return Account{}, fmt.Errorf("this account belongs to the device named %q", one.Client)
	}
	for _, other := range a.all {
		if other.Client == client {
			return Account{}, errors.New("another device has this name already")
		}
	}
	one.Client = client
	if err := a.save(one); err != nil {
		return Account{}, err
	}
	return one, nil
}

// owned reports whether a client id belongs to an account.
func (a *Accounts) owned(client string) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, one := range a.all {
		if one.Client == client {
			return true
		}
	}
	return false
}

func (a *Accounts) save(one Account) error {
	row, err := json.Marshal(one)
	if err != nil {
		return err
	}
	if err := a.storage.Apply(map[string][]byte{accountKey + one.User: row}); err != nil {
		return fmt.Errorf("the account could not be saved: %w", err)
	}
	a.all[one.User] = one
	return nil
}

func proof(password string) []byte {
	sum := sha256.Sum256([]byte("loquet mqtt account\x00" + password))
	return sum[:]
}

// word returns n random letters. The alphabet has 56: bytes from 224 on would prefer some of them.
func word(n int) (string, error) {
	out := make([]byte, 0, n)
	one := make([]byte, 1)
	for len(out) < n {
		if _, err := rand.Read(one); err != nil {
			return "", err
		}
		if int(one[0]) < 256/len(letters)*len(letters) {
			out = append(out, letters[int(one[0])%len(letters)])
		}
	}
	return string(out), nil
}
