package store

import "sync"

// recent holds the last rows for those who follow the journal.
type recent struct {
	mu    sync.Mutex
	since int64         // every row after this one is held
	rows  []Row         // in order
	more  chan struct{} // closed when a row comes
}

const recentRows = 1024

func (c *recent) add(r Row) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.rows) == 2*recentRows {
		c.since = c.rows[recentRows-1].Seq
		c.rows = append(c.rows[:0], c.rows[recentRows:]...)
	}
	c.rows = append(c.rows, r)
	if c.more != nil {
		close(c.more)
		c.more = nil
	}
}

// after returns the rows after seq. all is false if some of them are not held here any more. wait is
// closed when another row comes.
func (c *recent) after(seq int64) (rows []Row, all bool, wait <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.more == nil {
		c.more = make(chan struct{})
	}
	first := len(c.rows)
	for first > 0 && c.rows[first-1].Seq > seq {
		first--
	}
	rows = append(rows, c.rows[first:]...)
	return rows, seq >= c.since, c.more
}
