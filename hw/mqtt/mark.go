package mqtt

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/loquet/loquet/hw"
)

// stuck is the problem of a relay that did not come back by itself.
const stuck hw.Problem = "mqtt-auto-off"

// maxMark bounds the file that remembers it.
const maxMark = 64

// stamp is how the time of a failure is written: one word in a configuration.
const stamp = "20060102-150405"

var stampText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\d{8}-\d{6}$`) })

// mark is the file that remembers a failure over a restart; empty where nothing can be kept.
func (r *relay) mark() string {
	if r.env.Folder() == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(r.config.Command))
	return filepath.Join(r.env.Folder(), "mqtt-auto-off-"+hex.EncodeToString(sum[:8])+".key")
}

// remedy is what a person does about a relay that did not come back.
func (r *relay) remedy() string {
	return fmt.Sprintf("set the device's own auto-off timer to %v and try it by hand; then write confirmed: %q at this board in the configuration, and it is used again",
		r.config.AutoOff, r.failed)
}

// recall reads whether the relay failed before.
func (r *relay) recall() error {
	if r.mark() == "" {
		return nil
	}
	text, err := os.ReadFile(r.mark())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	r.failed = strings.TrimSpace(string(text))
	if len(text) > maxMark || !stampText().MatchString(r.failed) {
		r.failed = "unknown" // what cannot be read was a failure
	}
	r.tell()
	return nil
}

// tell tells the owner whether a person has to confirm.
func (r *relay) tell() {
	if r.failed == r.config.Confirmed {
		r.env.Problem(stuck, "", false)
		return
	}
	r.env.Problem(stuck, fmt.Sprintf("%s: %s", r.env.Device(), r.remedy()), true)
}

// fail remembers that the relay did not come back, and lets go of the device until a person confirms.
func (r *relay) fail(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = at.UTC().Format(stamp)
	r.drop()
	r.tell()
	r.env.Log.Error().Dur("auto_off", r.config.AutoOff).Msg("a relay did not come back by itself, and is not used any more")
	if r.mark() == "" {
		return
	}
	if err := write(r.mark(), r.failed); err != nil {
		r.env.Log.Error().Err(err).Msg("a relay that must not be used is forgotten at the next start")
	}
}

// write replaces a file, so that there is always the old one or the new.
func write(file, text string) error {
	temporary := file + ".new"
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(temporary, file)
}
