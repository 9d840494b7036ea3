package shelly

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/loquet/loquet/hw"
)

// most is how many relays or inputs a device may have.
const most = 16

// Address says which device is meant, and where it is.
type Address struct {
	URL          string `yaml:"url" jsonschema_description:"the device's address, such as http://192.168.1.60"`
	ID           string `yaml:"id" jsonschema_description:"the device's id or MAC address, as its own page shows it: a device with another one is not used, whatever its address"`
	User         string `yaml:"user,omitempty" jsonschema_description:"first generation: the user, if its login was changed"`
	PasswordFile string `yaml:"password_file,omitempty" jsonschema_description:"a file that holds the device's password, and nothing else"`
}

// Config are the settings of the board driver "shelly".
type Config struct {
	Address `yaml:",inline"`
	Relays  int           `yaml:"relays,omitempty" jsonschema_description:"how many relays it has: lines switch-0 and up"`
	Inputs  int           `yaml:"inputs,omitempty" jsonschema_description:"how many inputs it has: lines input-0 and up"`
	Poll    time.Duration `yaml:"poll,omitempty" jsonschema_description:"how often the device is asked for everything, 250ms to 1s"`
}

func defaults() Config {
	return Config{Address: Address{User: "admin"}, Relays: 1, Inputs: 1, Poll: time.Second}
}

var macText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-F]{12}$`) })

// mac is the MAC address at the end of an id, in capitals without colons; empty if there is none.
func (c Address) mac() string {
	text := strings.ToUpper(strings.ReplaceAll(c.ID, ":", ""))
	text = text[strings.LastIndexByte(text, '-')+1:]
	if !macText().MatchString(text) {
		return ""
	}
	return text
}

// check says what is wrong with it.
func (c Address) check(add func(field, problem, remedy string)) {
	if u, err := url.Parse(c.URL); err != nil || u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" {
		add("url", "this is not the address of a Shelly", "write http://192.168.1.60 with the device's own address, and nothing behind it")
	}
	if c.mac() == "" {
		add("id", "the device's id ends with the twelve digits of its MAC address", "read it on the device's own page under device information, such as shellyplus1-a8032ab12345")
	}
}

// Check implements hw.Checker.
func (c Config) Check() error {
	var errs []error
	add := func(field, problem, remedy string) {
		errs = append(errs, &hw.FieldError{Field: field, Problem: problem, Remedy: remedy})
	}
	c.check(add)
	if c.Relays < 0 || c.Relays > most || c.Inputs < 0 || c.Inputs > most || c.Relays+c.Inputs == 0 {
		add("relays", fmt.Sprintf("a device has relays or inputs, %d of each at most", most), "count them: a Shelly Plus 1 has relays: 1, inputs: 1")
	}
	if c.Poll < 250*time.Millisecond || c.Poll > time.Second {
		add("poll", fmt.Sprintf("%v is not between 250ms and 1s", c.Poll), "take 1s")
	}
	return errors.Join(errs...)
}

// maxSecret bounds the file of a password.
const maxSecret = 1024

// password reads the device's password; empty where it has none. The file is read at every connection, so
// that a new password needs no restart.
func (c Address) password() (string, error) {
	if c.PasswordFile == "" {
		return "", nil
	}
	data, err := os.ReadFile(c.PasswordFile)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(data))
	if text == "" || len(data) > maxSecret || strings.ContainsAny(text, "\r\n") {
		return "", fmt.Errorf("%s holds no password: write one line into it", c.PasswordFile)
	}
	return text, nil
}

// BoardDriver is the board driver "shelly".
func BoardDriver() hw.Driver[hw.Board] {
	return hw.New("shelly", "relays and inputs of a Shelly in the home network, both generations, without its cloud", defaults(),
		func(_ context.Context, env *hw.Env, c Config) (hw.Board, error) {
			return newBoard(env.Log, c), nil
		})
}
