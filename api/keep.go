package api

import (
	"context"
	"io"
	"net/http"
	"time"
)

// Keeper looks after what an owner would miss: backups, and what the bridge knows about itself.
type Keeper interface {
	// Backup writes an encrypted copy of the house. An error after the first byte is told by the end of
	// what was written: it is not complete.
	Backup(ctx context.Context, passphrase string, out io.Writer) error
	// Configuration returns the text of the configuration. It wraps ErrNotFound if there is no file.
	Configuration() ([]byte, error)
	// Facts is what a person needs who has to find out why something does not work. It looks now.
	Facts(ctx context.Context) (Facts, error)
}

// BackupRequest is the body of POST /api/v1/backup.
type BackupRequest struct {
	Passphrase string `json:"passphrase" jsonschema:"required,description=at least 12 characters; without it nobody reads the backup"`
}

// Types of answers that are no JSON.
const (
	typeBytes = "application/octet-stream"
	typeYAML  = "application/yaml"
)

func (s *Server) keeperRoutes() []route {
	if s.opts.Keeper == nil {
		return nil
	}
	return []route{
		{"POST", "/api/v1/backup", "makeBackup", "An encrypted backup of the whole house, to be restored with loquet restore", nil, BackupRequest{},
			ok(typeBytes), []int{409, 503, 507}, s.postBackup},
		{"GET", "/api/v1/configuration", "getConfiguration", "The configuration, as its owner wrote it", nil, nil, ok(typeYAML), []int{404}, s.getConfiguration},
		{"GET", "/api/v1/doctor", "getFacts", "What the bridge sees of its network, its disk, its clock and its controllers", nil, nil, ok(Facts{}), nil, s.getFacts},
	}
}

// backupTimeout is for a long history on a slow memory card.
const backupTimeout = 30 * time.Minute

func (s *Server) postBackup(w http.ResponseWriter, r *http.Request) error {
	var body BackupRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(backupTimeout))
	w.Header().Set("Content-Type", typeBytes) // an error before the first byte replaces it
	return s.opts.Keeper.Backup(r.Context(), body.Passphrase, w)
}

func (s *Server) getConfiguration(w http.ResponseWriter, _ *http.Request) error {
	text, err := s.opts.Keeper.Configuration()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", typeYAML)
	_, _ = w.Write(text)
	return nil
}

func (s *Server) getFacts(w http.ResponseWriter, r *http.Request) error {
	facts, err := s.opts.Keeper.Facts(r.Context())
	if err != nil {
		return err
	}
	facts.Controllers, facts.Copies = list(facts.Controllers), list(facts.Copies)
	n := &facts.Network
	n.Interfaces, n.Skipped, n.Services = list(n.Interfaces), list(n.Skipped), list(n.Services)
	return reply(w, http.StatusOK, facts)
}
