package device

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
)

// Everything that is given to a crew is done once, also at the same time and after the end, and nobody
// stays behind.
func TestACrewDoesEverythingOnce(t *testing.T) {
	for name, crew := range map[string]*Crew{"nobody": nil, "a crew": {}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				done := map[int]int{}
				var giving sync.WaitGroup
				for i := range 200 {
					giving.Go(func() {
						crew.Do(func() {
							runtime.Gosched()
							mu.Lock()
							defer mu.Unlock()
							done[i]++
						})
					})
				}
				giving.Wait()
				synctest.Wait()
				if crew != nil {
					if n := len(crew.idle); n < 1 || n > keptHands {
						t.Errorf("%d wait for work", n)
					}
					crew.Close()
				}
				crew.Do(func() { mu.Lock(); done[200]++; mu.Unlock() })
				synctest.Wait()
				for i := range 201 {
					if done[i] != 1 {
						t.Errorf("%d was done %d times", i, done[i])
					}
				}
			})
		})
	}
}
