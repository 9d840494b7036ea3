package keypads

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/loquet/loquet/api"
)

type memory map[string][]byte

func (m *memory) Get(key string) ([]byte, bool, error) { v, ok := (*m)[key]; return v, ok, nil }

func (m *memory) List(prefix string) (map[string][]byte, error) {
	out := map[string][]byte{}
	for k, v := range *m {
		if strings.HasPrefix(k, prefix) {
			out[k] = v
		}
	}
	return out, nil
}

func (m *memory) Apply(changes map[string][]byte) error {
	maps.Copy(*m, changes)
	maps.DeleteFunc(*m, func(_ string, v []byte) bool { return v == nil })
	return nil
}

// Counts of wrong tries are kept apart from codes, and codes have an end.
func TestWhereCodesAreKept(t *testing.T) {
	codes, tries := &memory{}, &memory{}
	s := space{codes, tries}
	if err := s.Apply(map[string][]byte{"tries/pad": []byte("1")}); err != nil || len(*tries) != 1 || len(*codes) != 0 {
		t.Errorf("%v: %d and %d records", err, len(*tries), len(*codes))
	}
	if v, ok, err := s.Get("tries/pad"); err != nil || !ok || string(v) != "1" {
		t.Errorf("%q %v %v", v, ok, err)
	}
	big := make([]byte, 1<<20)
	var err error
	n := 0
	for ; err == nil && n < 20; n++ {
		err = s.Apply(map[string][]byte{fmt.Sprint("code/", n): big, fmt.Sprint("tag/", n): nil})
	}
	var refused *api.Error
	if !errors.As(err, &refused) || refused.Status != 507 || refused.Remedy == "" || n != 8 {
		t.Errorf("after %d MiB: %v", n, err)
	}
	if err := s.Apply(map[string][]byte{"code/0": big[:10], "code/1": nil}); err != nil {
		t.Errorf("what makes less is refused: %v", err)
	}
	if err := s.Apply(map[string][]byte{"code/9": big}); err != nil {
		t.Errorf("there is room again: %v", err)
	}
	if err := s.Apply(map[string][]byte{"tries/pad": nil}); err != nil || len(*tries) != 0 {
		t.Errorf("%v", err)
	}
}
