package device

// refusalTexts returns why a command was refused and what to do about it.
func refusalTexts(code RefusalCode) [2]string {
	switch code {
	case RefusedUnavailable:
		return [2]string{"it does not answer", "see that it has power and is connected"}
	case RefusedUnknown:
		return [2]string{"nobody can tell where it is", "look at it, then ask again with a confirmation"}
	case RefusedStale:
		return [2]string{"its sensors did not answer in time", "see that they are connected, then ask again"}
	case RefusedBouncing:
		return [2]string{"its contact does not come to rest", "look at the contact and its magnet"}
	case RefusedMoving:
		return [2]string{"it moves, or may be moving", "wait until it rests"}
	case RefusedTooSoon:
		return [2]string{"the last order is less than two seconds old", "ask again in a moment"}
	case RefusedBusy:
		return [2]string{"another command is in hand", "ask again in a moment"}
	case RefusedRate:
		return [2]string{"too many orders in too short a time", "wait ten seconds"}
	case RefusedExpired:
		return [2]string{"the command came too late", "ask again if you still want it"}
	case RefusedUnattended:
		return [2]string{"this door does not close unless a person stands at it", "close it at the door, or see remote_close in the configuration"}
	case RefusedObstructed:
		return [2]string{"something is in the way", "clear the doorway"}
	case RefusedSuspended:
		return [2]string{"two moves in a row failed", "look at the door, then ask again with a confirmation"}
	case RefusedFailed:
		return [2]string{"the same move failed less than 30 seconds ago", "look at it, then ask again with a confirmation"}
	case RefusedLockedOut:
		return [2]string{"the owner has locked remote operation out", "end the lock-out first"}
	case RefusedNoStop:
		return [2]string{"it cannot be stopped now", "use the button at the door"}
	case RefusedDoorOpen:
		return [2]string{"the bolt is not thrown while the door stands open", "close the door first"}
	case RefusedInterlock:
		return [2]string{"the other door has not been seen closed", "close the other door first"}
	case RefusedUnsupported:
		return [2]string{"it cannot do that", "ask for something else"}
	case RefusedRole:
		return [2]string{"this controller may not do that", "ask the owner"}
	case RefusedJournal:
		return [2]string{"the order could not be written down, so nothing moved", "look at the disk"}
	case RefusedDriver:
		return [2]string{"the driver reports that nothing was switched", "see that the hardware has power and is connected"}
	case RefusedUnsure:
		return [2]string{"it may have been switched; nobody can tell", "look at it before you ask again"}
	case RefusedAborted:
		return [2]string{"something changed meanwhile, so it was given up", "ask again if you still want it"}
	case RefusedJammed:
		return [2]string{"the bolt is jammed", "free the bolt by hand"}
	default: // what a keypad refuses is told by a light
		return [2]string{"it was refused", "ask again"}
	}
}
