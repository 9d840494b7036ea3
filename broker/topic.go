package broker

import "strings"

// Matches reports whether a topic is one of those that a filter names (MQTT 5 4.7). Topics that begin with
// $ are named by no wildcard.
func Matches(filter, topic string) bool {
	if strings.HasPrefix(topic, "$") != strings.HasPrefix(filter, "$") {
		return false
	}
	for {
		f, restFilter, moreFilter := strings.Cut(filter, "/")
		if f == "#" {
			return true
		}
		t, restTopic, moreTopic := strings.Cut(topic, "/")
		if f != "+" && f != t {
			return false
		}
		switch {
		case moreFilter && !moreTopic:
			return restFilter == "#" // "a/#" names "a" as well
		case !moreFilter && !moreTopic:
			return true
		case !moreFilter:
			return false
		}
		filter, topic = restFilter, restTopic
	}
}

// Covers reports whether every topic that filter names is one that allowed names.
func Covers(allowed, filter string) bool {
	if strings.HasPrefix(filter, "$") != strings.HasPrefix(allowed, "$") {
		return false
	}
	for {
		a, restAllowed, moreAllowed := strings.Cut(allowed, "/")
		if a == "#" {
			return true
		}
		f, restFilter, moreFilter := strings.Cut(filter, "/")
		if f == "#" || a != "+" && a != f {
			return false
		}
		switch {
		case moreAllowed && !moreFilter:
			return restAllowed == "#"
		case !moreAllowed && !moreFilter:
			return true
		case !moreAllowed:
			return false
		}
		allowed, filter = restAllowed, restFilter
	}
}

// IsCommand reports whether a topic is one that devices take orders on. The broker keeps nothing there, for
// what it kept would be an order to whoever connects next.
func IsCommand(topic string) bool {
	if strings.HasPrefix(topic, "cmnd/") {
		return true
	}
	last := topic[strings.LastIndex(topic, "/")+1:]
	switch last {
	case "command", "set", "set-config", "lockAction", "rpc", "cmd", "cmnd":
		return true
	}
	return strings.Contains(topic, "/set/") || strings.Contains(topic, "/command/") || strings.Contains(topic, "/cmnd/")
}
