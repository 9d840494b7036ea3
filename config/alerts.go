package config

import (
	"fmt"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"
)

// AllProblems asks for an alert about every warning and error of the house.
const AllProblems = "all"

// Alerts are the messages that the owner wants. Nothing is sent anywhere until both what and where are
// given.
type Alerts struct {
	LeftOpen time.Duration `yaml:"left_open" jsonschema_description:"a door that is open for longer than this, such as 20m"`
	Night    string        `yaml:"night" jsonschema_description:"a door that is open in these hours, such as 22:00-06:00"`
	Problems []string      `yaml:"problems" jsonschema:"enum=refused-tries,enum=jam,enum=device-lost,enum=battery,enum=duress,enum=trouble,enum=all" jsonschema_description:"what else: refused-tries (a keypad is guessed at, or opened), jam (a lock or door that is stuck), device-lost, battery, duress (a code set aside for it was typed), trouble (every other warning and error), all"`
	Repeat   time.Duration `yaml:"repeat" jsonschema_description:"an open door is told again after this time, until it is closed; told once if not given"`
	Quiet    string        `yaml:"quiet" jsonschema_description:"what can wait is told after these hours, such as 23:00-07:00; an open door at night, refused tries, jams and duress do not wait"`

	Ntfy    *Ntfy      `yaml:"ntfy" jsonschema_description:"to the ntfy app, by a server of yours or another"`
	Webhook *Webhook   `yaml:"webhook" jsonschema_description:"as JSON to a program"`
	Email   *Email     `yaml:"email" jsonschema_description:"by e-mail"`
	MQTT    *AlertMQTT `yaml:"mqtt" jsonschema_description:"as JSON to the broker of the house"`
}

// Ntfy is a topic on an ntfy server.
type Ntfy struct {
	URL       string `yaml:"url" jsonschema:"required" jsonschema_description:"server and topic, such as https://ntfy.example.org/my-doors"`
	TokenFile string `yaml:"token_file" jsonschema_description:"a file that holds the access token, and nothing else"`
}

// Webhook is a program that takes alerts over HTTP.
type Webhook struct {
	URL        string `yaml:"url" jsonschema:"required" jsonschema_description:"where the JSON is posted to"`
	SecretFile string `yaml:"secret_file" jsonschema_description:"a file with a secret: each message is then signed with it (HMAC-SHA256 in the header X-Loquet-Signature)"`
}

// Email is a mailbox and the server that takes mail for it.
type Email struct {
	Server       string `yaml:"server" jsonschema:"required" jsonschema_description:"the mail server with its port: 587 (STARTTLS) or 465 (TLS)"`
	From         string `yaml:"from" jsonschema:"required" jsonschema_description:"the sender's address"`
	To           string `yaml:"to" jsonschema:"required" jsonschema_description:"the receiver's address"`
	User         string `yaml:"user" jsonschema_description:"the account at the mail server"`
	PasswordFile string `yaml:"password_file" jsonschema_description:"a file that holds the password, and nothing else"`
	Plain        bool   `yaml:"plain" jsonschema_description:"no TLS and no password: only for a server on this machine"`
}

// AlertMQTT is a topic of the house's broker.
type AlertMQTT struct {
	Topic string `yaml:"topic" jsonschema_description:"loquet/alerts if not given"`
}

// ParseDaily reads a stretch of every day, "22:00-06:00", as minutes since midnight.
func ParseDaily(text string) (from, to int, err error) {
	bad := fmt.Errorf("%q is not a stretch of the day", clip(text))
	first, last, ok := strings.Cut(text, "-")
	if !ok {
		return 0, 0, bad
	}
	for at, part := range map[*int]string{&from: first, &to: last} {
		t, err := time.Parse("15:04", strings.TrimSpace(part))
		if err != nil {
			return 0, 0, bad
		}
		*at = t.Hour()*60 + t.Minute()
	}
	if from == to {
		return 0, 0, bad
	}
	return from, to, nil
}

func (k *checker) alerts() {
	a := k.Alerts
	if a == nil {
		return
	}
	at := path{"alerts"}
	k.bound(at.sub("left_open"), a.LeftOpen, 10*time.Second, 7*day)
	k.bound(at.sub("repeat"), a.Repeat, 10*time.Second, 7*day)
	for name, text := range map[string]string{"night": a.Night, "quiet": a.Quiet} {
		if _, _, err := ParseDaily(text); text != "" && err != nil {
			k.fail("bad-hours", at.sub(name), err.Error(), "write it as 22:00-06:00: from, and until, on the clock of the house")
		}
	}
	known := []string{"refused-tries", "jam", "device-lost", "battery", "duress", "trouble", AllProblems}
	for _, p := range a.Problems {
		if !slices.Contains(known, p) {
			k.fail("bad-problem", at.sub("problems"), fmt.Sprintf("%q is nothing that an alert can be about", clip(p)), meant(p, known))
		}
	}
	if a.LeftOpen == 0 && a.Night == "" && len(a.Problems) == 0 {
		k.fail("alerts-what", at, "nothing is said about what you want to be told", "add left_open: 20m, night: 22:00-06:00 or problems: [all]")
	}
	if a.Ntfy == nil && a.Webhook == nil && a.Email == nil && a.MQTT == nil {
		k.fail("alerts-where", at, "nothing is said about where alerts go", "add ntfy:, webhook:, email: or mqtt: under alerts:")
	}
	k.receivers(at, a)
}

func (k *checker) receivers(at path, a *Alerts) {
	if a.Ntfy != nil {
		k.web(at.sub("ntfy").sub("url"), a.Ntfy.URL, "https://ntfy.example.org/my-doors")
	}
	if a.Webhook != nil {
		k.web(at.sub("webhook").sub("url"), a.Webhook.URL, "http://127.0.0.1:9000/loquet")
	}
	if a.MQTT != nil && k.MQTT == nil {
		k.fail("alerts-where", at.sub("mqtt"), "this house has no MQTT broker", "add the section mqtt:, or remove this")
	}
	if a.MQTT != nil && strings.ContainsAny(a.MQTT.Topic, "+#\x00") {
		k.fail("bad-topic", at.sub("mqtt").sub("topic"), "one message goes to one topic, without + and #", "write a topic such as loquet/alerts")
	}
	e := a.Email
	if e == nil {
		return
	}
	at = at.sub("email")
	host, port, ok := cutPort(e.Server)
	if e.Server != "" && (!ok || host == "" || port == "") {
		k.fail("bad-listen", at.sub("server"), fmt.Sprintf("%q is not a server with its port", clip(e.Server)), "write it as mail.example.org:587")
	}
	for name, address := range map[string]string{"from": e.From, "to": e.To} {
		if parsed, err := mail.ParseAddress(address); address != "" && (err != nil || parsed.Address != address) {
			k.fail("bad-address", at.sub(name), fmt.Sprintf("%q is not one e-mail address", clip(address)), "write it as name@example.org")
		}
	}
	if (e.User == "") != (e.PasswordFile == "") {
		k.fail("mail-account", at, "user and password_file belong together", "give both, or neither")
	}
	if e.Plain && e.User != "" {
		k.fail("mail-account", at.sub("plain"), "without TLS the password would be sent in the clear", "remove plain, or user and password_file")
	}
}

// web checks the address of something that is spoken to over HTTP.
func (k *checker) web(at path, text, example string) {
	if text == "" {
		return // told as missing already
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.Path == "" || u.Path == "/" {
		k.fail("bad-url", at, "this is not an address that a message can be posted to", "write it as "+example)
		return
	}
	if u.User != nil {
		k.fail("secret", at, "the address has a user or a password in it", "keep it in the file that this section has a setting for; this file may be read by others")
	}
}
