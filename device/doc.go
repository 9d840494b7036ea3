// Package device is the doors, locks and contacts of a house: what is known of them, and who may make
// them move when. It knows no hardware and no protocol. A driver stands below it (Opener, Bolt,
// Sensor and the optional Refresher, BoltRefresher, Stopper, Warner, Identifier); the faces (HomeKit,
// the API, keypads, timers) stand above it, call Command and read State.
//
// There is exactly one Door, Lock or Contact for each real one:
//
//	door, err := device.NewDoor(cfg, opener, device.Deps[device.DoorState]{Journal: j, Memory: m, Publish: show})
//	go door.Run(ctx)
//	answer, err := door.Command(ctx, device.Command{Action: device.ActionOpen, Cause: who})
//
// # What it guarantees
//
// An output is switched at most once for each intent, and the intent is in the journal before. Nothing
// is switched because the program starts, a driver comes back, a reading changes, or a command is
// repeated. A command is a level: what is so, or on its way, is answered with Already. The same
// command of the same controller within 30 s gets the answer of the first, unless everybody was told
// in between that the target went back. A target that failed is refused for 30 s to all. Two edges of
// one relay are two seconds apart.
//
// An opener with one button is only pulsed on the truth: a reading taken at most two seconds ago that
// has not changed for 300 ms. Where the next pulse may close the door although it is asked to open,
// it counts as a close. A close that no person asks for at the door (Cause.AtTheDoor) needs a kind of
// door and the owner's permission that allow it, and light and sound for at least five seconds
// before; it is given up on any change. Two moves in a row that failed suspend remote toggles and
// closes until a person confirms one (Command.Confirm).
//
// Nothing is shown that was not observed: the zero value of every state is unknown, position and
// target change together, and Confidence says whether a sensor saw it, a clock counted it, or it
// follows from what was not seen.
//
// # Ordering
//
// For one device everything happens in one order, the same for all: a row WARNING, then light and
// sound, then the answer, for closes that are warned of; a row INTENT, the output, a row STARTED, the
// answer; later the rows RELEASED and OUTCOME, in the order in which the sensors tell. Whoever has an
// answer finds its state in State. Publish gets every state in order, one call at a time; a state
// that was replaced within the same step is left out. Between two devices there is no order.
//
// # What a slow driver or journal does
//
// The goroutine of a device never waits. It hands calls of the driver, the journal and the memory to
// one worker, one at a time, with a context of 3 s (1 s for a refresh). A call that ignores its
// context is given up 100 ms later: a move counts as one that may have happened (RefusedUnsure), and
// is never tried again; an intent that comes back after all is written off in the journal. Until the
// call returns the device refuses what needs another one (RefusedBusy), and goes on telling its
// state. A panic in a call is an error of that call. Readings that come faster than they are read
// replace each other; readings that end make the device unavailable, and are asked for again after
// 250 ms, then ever later up to 30 s.
//
// Command returns within three seconds whatever happens. Publish and Notice run in the device's turn:
// if they wait, everything about this device waits, and a call of the device from within them waits for
// itself.
//
// # Testing
//
// The rules are machines without goroutine, clock or I/O (doorMachine, lockMachine): every input
// carries the time. Package devicetest has drivers, a journal and a memory for tests; everything runs
// in a testing/synctest bubble.
package device
