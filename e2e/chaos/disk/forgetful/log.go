package forgetful

import (
	"encoding/gob"
	"os"
	"time"
)

// Kind is what an operation does.
type Kind uint8

// Operations. Those from Mark on change nothing.
const (
	Create     Kind = iota // Name in Dir is a new file, Inode
	Mkdir                  // Name in Dir is a new folder, Inode
	Link                   // Name in Dir is the file Inode, too
	Unlink                 // Name in Dir is gone
	Rename                 // Name in Dir becomes Name2 in Dir2
	Write                  // Data at Off of Inode
	Truncate               // Inode is Off bytes long
	Sync                   // what was done to the file Inode before Upto is durable
	SyncFailed             // what was done to the file Inode before Upto will never be
	SyncDir                // what was done to the names in Inode before Upto is durable
	Mark                   // the program under test has promised Name
	Tick                   // time goes on
)

// Op is one operation, in the order in which they were answered.
type Op struct {
	Kind        Kind
	At          time.Duration // since the file system began
	Inode       uint64
	Dir, Dir2   uint64
	Name, Name2 string
	Off         int64
	Data        []byte
	Upto        int
}

// Log is everything that was done to a volume. Its root folder is the inode Root.
type Log struct {
	Root uint64
	Ops  []Op
}

// writeFile and readLog move a log between processes.
func (l *Log) writeFile(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return gob.NewEncoder(f).Encode(l)
}

func readLog(path string) (*Log, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	l := &Log{}
	return l, gob.NewDecoder(f).Decode(l)
}
