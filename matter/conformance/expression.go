package conformance

import (
	"strconv"
	"strings"
)

// Verdict is what the data model says of an element under given circumstances.
type Verdict uint8

// The verdicts.
const (
	Disallowed Verdict = iota
	Optional
	Mandatory
)

// evaluate judges a conformance (Matter 1.4 section 7.3): terms by commas, of which the first that applies decides.
//
//	M O X D P desc      mandatory, optional, disallowed, deprecated, provisional, described in words
//	PIN & !USR          mandatory if so          [PIN]  optional if so          O.a+  a choice: optional here
//
// is says whether a feature, an element or a condition is there. What is provisional is never demanded.
func evaluate(conformance string, revision uint16, is func(name string) bool) Verdict {
	if conformance == "" {
		return Optional
	}
	most := Mandatory
	for term := range strings.SplitSeq(conformance, ",") {
		term = strings.TrimSpace(term)
		optional := strings.HasPrefix(term, "[")
		if optional {
			term = term[1:strings.LastIndexByte(term, ']')]
		}
		switch {
		case term == "M":
			return most
		case term == "P":
			most = Optional
			continue
		case term == "X":
			return Disallowed
		case term == "desc", term == "D", term == "O", strings.HasPrefix(term, "O."):
			return Optional
		}
		p := parser{rest: term, revision: revision, is: is}
		switch holds := p.or(); {
		case holds && optional:
			return Optional
		case holds:
			return most
		}
	}
	return Disallowed
}

// parser reads an expression of names with ! & | ^ and parentheses.
type parser struct {
	rest     string
	revision uint16
	is       func(string) bool
}

func (p *parser) take(token string) bool {
	p.rest = strings.TrimLeft(p.rest, " ")
	if !strings.HasPrefix(p.rest, token) {
		return false
	}
	p.rest = p.rest[len(token):]
	return true
}

func (p *parser) or() bool {
	v := p.and()
	for {
		switch {
		case p.take("|"):
			v = p.and() || v
		case p.take("^"):
			v = p.and() != v
		default:
			return v
		}
	}
}

func (p *parser) and() bool {
	v := p.unary()
	for p.take("&") {
		v = p.unary() && v
	}
	return v
}

func (p *parser) unary() bool {
	if p.take("!") {
		return !p.unary()
	}
	if p.take("(") {
		v := p.or()
		p.take(")")
		return v
	}
	name := p.name()
	if name == "" {
		p.rest = ""
		return false
	}
	if p.take(">=") {
		least, err := strconv.Atoi(strings.TrimPrefix(p.name(), "v"))
		return err == nil && name == "Rev" && int(p.revision) >= least
	}
	return p.is(name)
}

func (p *parser) name() string {
	p.rest = strings.TrimLeft(p.rest, " ")
	n := strings.IndexFunc(p.rest, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	if n < 0 {
		n = len(p.rest)
	}
	name := p.rest[:n]
	p.rest = p.rest[n:]
	return name
}
