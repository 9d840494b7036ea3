package lines

import (
	"time"

	"github.com/loquet/loquet/hw"
)

// OpenerOn is an opener on a relay that the test has borrowed itself.
func OpenerOn(relay hw.Output, pulse time.Duration) *Opener {
	return &Opener{id: "garage", pulse: pulse, button: relay}
}
