package main

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/loquet/loquet/cli"
	"github.com/loquet/loquet/store"
)

func TestVerifyStateSaysWhatToDo(t *testing.T) {
	used := t.TempDir()
	s, err := store.Open(t.Context(), used, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	_, err = verifyState(t.Context(), used)
	var hinted interface{ Hint() string }
	if !errors.Is(err, store.ErrLocked) || !errors.As(err, &hinted) || hinted.Hint() == "" {
		t.Errorf("in use: %v", err)
	}
	_, err = verifyState(t.Context(), filepath.Join(t.TempDir(), "missing"))
	var failure *cli.Failure
	if !errors.As(err, &failure) || failure.Remedy == "" {
		t.Errorf("missing: %v", err)
	}
}
