package cli

import (
	"testing"

	"github.com/loquet/loquet/api"
)

func TestNotesInWords(t *testing.T) {
	for detail, want := range map[string]string{
		"owner-declares-protected": "may close from afar without a warning, as its owner declared",
		"rows-lost":                "rows-lost: unknown",
	} {
		if got := rowWords(api.Row{Kind: "note", Detail: detail, State: "unknown"}); got != want {
			t.Errorf("%s: %q, want %q", detail, got, want)
		}
	}
}
