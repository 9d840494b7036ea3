package keypads

import (
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/accessories/homekit"
	"github.com/loquet/loquet/accessories/matter"
	"github.com/loquet/loquet/health"
)

// Register is people and codes for the locks that Matter shows: the same as for keypads.
func (k *Keypads) Register() *matter.Register {
	return &matter.Register{Group: Group, Clock: k.o.Clock, Zone: k.o.Zone, Notice: k.noticed,
		Ledger: func() (matter.Ledger, error) {
			codes, err := k.Ledger()
			if err != nil {
				return nil, err // not a nil ledger in an interface
			}
			return codes, nil
		}}
}

// InHome is people and codes for the doors that Apple Home shows: the same again.
func (k *Keypads) InHome(opens func(c access.Code, door string) access.Decision, digits func(door string) (least, most int)) *homekit.Register {
	return &homekit.Register{Group: Group, Opens: opens, Digits: digits,
		Ledger: func() (homekit.Ledger, error) {
			codes, err := k.Ledger()
			if err != nil {
				return nil, err // not a nil ledger in an interface
			}
			return codes, nil
		}}
}

// noticed tells the owner of PINs that were guessed over Matter. Who was made to type one is told nowhere that whoever stands
// beside could look.
func (k *Keypads) noticed(n matter.Notice) {
	switch n.Kind {
	case matter.NoticeClosed:
		k.o.Board.Raise(health.KeypadGuessed, n.Lock, "over Matter")
		time.AfterFunc(n.Wait, func() { k.o.Board.Clear(health.KeypadGuessed, n.Lock) })
	case matter.NoticeUnsaved:
		k.o.Board.Raise(health.KeypadUnsaved, n.Lock, n.Err.Error())
	case matter.NoticeDamaged:
		k.o.Board.Raise(health.RecordDamaged, n.Lock, "wrong PINs over Matter")
	case matter.NoticeDuress:
		k.o.Log.Warn().Str("lock", n.Lock).Str("code", n.Code).Msg("a code was used")
	case matter.NoticeNone:
	}
}
