package conformance

import "testing"

func TestEvaluate(t *testing.T) {
	tests := []struct {
		conformance string
		have        string
		want        Verdict
	}{
		{"", "", Optional}, {"M", "", Mandatory}, {"O", "", Optional}, {"X", "", Disallowed}, {"D", "", Optional}, {"desc", "", Optional},
		{"P, M", "", Optional}, {"P, AUX", "", Disallowed}, {"P, AUX", "AUX", Optional}, {"O.a+", "", Optional},
		{"PIN", "PIN", Mandatory}, {"PIN", "", Disallowed}, {"[PIN]", "PIN", Optional}, {"[PIN]", "", Disallowed}, {"[PS].b", "PS", Optional},
		{"PIN | RID", "RID", Mandatory}, {"COTA & PIN", "PIN", Disallowed}, {"COTA & PIN", "PIN COTA", Mandatory}, {"[!USR & PIN]", "PIN", Optional},
		{"[!USR & PIN]", "PIN USR", Disallowed}, {"[!(LT | DF)]", "", Optional}, {"[!(LT | DF)]", "DF", Disallowed},
		{"LF & PA_LF, [LF]", "LF", Optional}, {"LF & PA_LF, [LF]", "LF PA_LF", Mandatory}, {"LF & PA_LF, [LF]", "", Disallowed},
		{"Rev >= v3", "", Mandatory}, {"Rev >= v9, O", "", Optional}, {"[Rev >= v2]", "", Optional}, {"Rev >= v9", "", Disallowed},
		{"HoldTime & (PIR | !PIR & !US & !PHY) & X1, [HoldTime], D", "HoldTime PHY", Optional},
	}
	for _, tt := range tests {
		have := map[string]bool{}
		for _, name := range fields(tt.have) {
			have[name] = true
		}
		if got := evaluate(tt.conformance, 6, func(name string) bool { return have[name] }); got != tt.want {
			t.Errorf("%q with %q: %d, want %d", tt.conformance, tt.have, got, tt.want)
		}
	}
}

func fields(s string) []string {
	var out []string
	for s != "" {
		p := parser{rest: s}
		out = append(out, p.name())
		s = p.rest
		if len(s) > 0 {
			s = s[1:]
		}
	}
	return out
}
