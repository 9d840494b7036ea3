package usbrelay

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/hw/board"
)

const answerWithin = time.Second // boards answer in some ten milliseconds

// relays is a board that is connected.
type relays interface {
	// set gives one order, once, and says whether the relay obeyed. An error says that it did not, unless
	// it is device.ErrUnsure.
	set(ctx context.Context, channel int, on bool) error
	// Gone is closed when the board does not answer any more.
	Gone() <-chan struct{}
	Close()
}

// Board is a relay board that may be pulled out and put back.
type Board = board.Board

// newBoard starts to connect. The lines are the relays' numbers as they are printed on the board.
func newBoard(log zerolog.Logger, first, count int, connect func(context.Context) (relays, error)) *Board {
	return board.New(log, board.Plan{
		Name: "the relay board", Reach: "see that the board is plugged in and has power",
		Relays: board.Lines{First: first, Count: count},
		Connect: func(ctx context.Context, _ bool) (board.Link, error) {
			r, err := connect(ctx)
			if err != nil {
				return nil, err
			}
			return link{r}, nil
		},
		Retry: 50 * time.Millisecond, LastRetry: 5 * time.Second,
	})
}

// link is a board.Link of which nothing can be asked.
type link struct{ relays }

// Ask implements board.Link.
func (l link) Ask(context.Context, board.Asked) (board.Status, error) { return board.Status{}, nil }

// Changed implements board.Link.
func (l link) Changed() <-chan struct{} { return nil }

// Rest implements board.Link.
func (l link) Rest(ctx context.Context, r board.Relay) error {
	return l.order(ctx, r.N, r.Rest, time.Now().Add(answerWithin))
}

// Set implements board.Link. Once it is under way it does not matter that ctx ends.
func (l link) Set(ctx context.Context, o board.Order) error {
	return l.order(context.WithoutCancel(ctx), o.N, o.High, o.Until)
}

// order ends the connection where the relay did not obey: it is made anew.
func (l link) order(ctx context.Context, channel int, on bool, until time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	err := l.set(ctx, channel, on)
	if err != nil {
		l.Close()
	}
	return err
}
