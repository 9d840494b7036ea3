package keep

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/e2e"
)

// explained is why a PIN opens the studio or not; the status where nobody can tell.
func explained(t *testing.T, q *e2e.Loquet, pin string) (reason string, status int) {
	t.Helper()
	var e api.Explanation
	status, err := q.Try(http.MethodPost, "/api/v1/codes/explain", api.ExplainRequest{Door: "studio", Code: pin}, &e)
	if err != nil {
		t.Fatal(err)
	}
	return e.Reason, status
}

// problems are the codes of what is wrong, with their details.
func problems(t *testing.T, q *e2e.Loquet) map[string]string {
	t.Helper()
	var all struct {
		Problems []api.Problem `json:"problems"`
	}
	q.Do(t, http.MethodGet, "/api/v1/health", nil, &all)
	out := map[string]string{}
	for _, p := range all.Problems {
		out[p.Code] = p.Detail
	}
	return out
}

// TestTheKeyBecomesACredential moves the key of the codes from the file beside the database to a credential, as systemd
// hands one over, loses it, and puts it back from a backup. No code is lost on the way, and doors work all the time.
func TestTheKeyBecomesACredential(t *testing.T) {
	q := lab.Start(t, e2e.Options{})
	var anna api.Person
	q.Do(t, http.MethodPost, "/api/v1/people", api.PersonRequest{Name: "Anna", Kind: "owner"}, &anna)
	var code api.NewCode
	q.Do(t, http.MethodPost, "/api/v1/codes", api.CodeRequest{Person: anna.ID}, &code)
	opens := func(q *e2e.Loquet) {
		t.Helper()
		if reason, status := explained(t, q, code.PIN); reason != "permanent" {
			t.Errorf("the code: %q, status %d", reason, status)
		}
	}
	opens(q)
	if have := problems(t, q)["codes-key-plain"]; have != "the file is used" {
		t.Errorf("a plain file: %q", have)
	}
	file := filepath.Join(q.Options.State, "codes.key")
	key, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	credentials := t.TempDir()
	hand := func(text []byte) {
		t.Helper()
		path := filepath.Join(credentials, "codes.key")
		_ = os.Remove(path)
		if text == nil {
			return
		}
		if err := os.WriteFile(path, text, 0o400); err != nil { // as systemd does
			t.Fatal(err)
		}
	}
	restart := func() *e2e.Loquet {
		t.Helper()
		q.Stop(t)
		q = q.Again(t, func(o *e2e.Options) { o.Env = []string{"CREDENTIALS_DIRECTORY=" + credentials} })
		return q
	}

	hand([]byte(strings.Repeat("ab", 32) + "\n")) // of other codes
	opens(restart())
	if have := problems(t, q); !strings.Contains(have["codes-key-other"], "the credential codes.key") || have["codes-key-plain"] != "the file is used" {
		t.Errorf("the credential of other codes: %v", have)
	}
	hand(key)
	opens(restart())
	if have := problems(t, q); have["codes-key-plain"] != "the credential is used; the file is still there" || have["codes-key-other"] != "" {
		t.Errorf("both: %v", have)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	opens(restart())
	if have := problems(t, q); have["codes-key-plain"] != "" {
		t.Errorf("the credential alone: %v", have)
	}
	backup := backupOf(t, q.Options.State)
	if _, err := os.Stat(file); err == nil {
		t.Error("a file with the key is there again")
	}

	hand(nil) // the machine has lost its TPM
	restart()
	if reason, status := explained(t, q, code.PIN); status != http.StatusServiceUnavailable {
		t.Errorf("without its key: %q, status %d", reason, status)
	}
	if _, told := problems(t, q)["codes-unreadable"]; !told {
		t.Error("nobody is told that the key is missing")
	}
	q.Command(t, "front", "unlock")
	if _, err := os.Stat(file); err == nil {
		t.Error("a key was made anew")
	}
	hand([]byte("zz"))
	restart()
	if have := problems(t, q)["codes-unreadable"]; !strings.Contains(have, "the credential codes.key") || !strings.Contains(have, "missing") {
		t.Errorf("damaged: %q", have)
	}
	hand(key)
	opens(restart())
	q.Stop(t)

	state := filepath.Join(e2e.TempDir(t), "new")
	mustLoquet(t, "restore", backup, "--state", state, "--passphrase-file", phraseFile(t, phrase))
	other := q.Again(t, func(o *e2e.Options) { o.State, o.Env = state, nil })
	opens(other)
}

// TestACredentialFromTheStart makes no file where systemd hands over a key before anybody has a code.
func TestACredentialFromTheStart(t *testing.T) {
	credentials := t.TempDir()
	if err := os.WriteFile(filepath.Join(credentials, "codes.key"), []byte(strings.Repeat("5a", 32)), 0o400); err != nil {
		t.Fatal(err)
	}
	q := lab.Start(t, e2e.Options{Env: []string{"CREDENTIALS_DIRECTORY=" + credentials}})
	var anna api.Person
	q.Do(t, http.MethodPost, "/api/v1/people", api.PersonRequest{Name: "Anna", Kind: "owner"}, &anna)
	if _, err := os.Stat(filepath.Join(q.Options.State, "codes.key")); err == nil {
		t.Error("a file with a key was made")
	}
}
