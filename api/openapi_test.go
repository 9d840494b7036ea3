package api_test

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestDocument holds the document against the one that was agreed on: scripts depend on it.
func TestDocument(t *testing.T) {
	got := ask(newServer(t, villa()), "GET", "/api/v1/openapi.json", "").Body.String()
	const golden = "testdata/openapi.json"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("the document changed (-update writes it anew):\n%s", diff)
	}
}

// TestDocumentHoldsTogether: every reference leads somewhere.
func TestDocumentHoldsTogether(t *testing.T) {
	body := ask(newServer(t, villa()), "GET", "/api/v1/openapi.json", "").Body.Bytes()
	var doc struct {
		OpenAPI    string `json:"openapi"`
		Components struct {
			Schemas   map[string]any `json:"schemas"`
			Responses map[string]any `json:"responses"`
		} `json:"components"`
	}
	if err := json.Unmarshal(body, &doc); err != nil || doc.OpenAPI != "3.1.0" {
		t.Fatalf("%v %q", err, doc.OpenAPI)
	}
	for _, part := range strings.Split(string(body), `"$ref": "`)[1:] {
		ref, _, _ := strings.Cut(part, `"`)
		schema, response := strings.TrimPrefix(ref, "#/components/schemas/"), strings.TrimPrefix(ref, "#/components/responses/")
		if doc.Components.Schemas[schema] == nil && doc.Components.Responses[response] == nil {
			t.Errorf("%s leads nowhere", ref)
		}
	}
	if strings.Contains(string(body), "$defs") || strings.Contains(string(body), "$schema") {
		t.Error("definitions are left inside a schema")
	}
}
