package health

// Codes of the problems with storage and history.
const (
	DiskFull         Code = "disk-full"
	DiskLow          Code = "disk-low"
	InodesLow        Code = "inodes-low"
	DiskReadOnly     Code = "disk-read-only"
	DiskFailed       Code = "disk-failed"
	DatabaseLost     Code = "database-lost"
	IdentityRebuilt  Code = "identity-rebuilt"
	RecordDamaged    Code = "record-damaged"
	JournalGap       Code = "journal-gap"
	JournalTampered  Code = "journal-tampered"
	InterruptedMove  Code = "interrupted-move"
	ClockUntrusted   Code = "clock-untrusted"
	ClockJumped      Code = "clock-jumped"
	ClockWordEnds    Code = "clock-known-until"
	ReloadRefused    Code = "reload-refused"
	RestartNeeded    Code = "restart-needed"
	ConfigWarning    Code = "config-warning"
	ProgramRestarted Code = "restarted-after-crash"
	AlertUndelivered Code = "alert-undelivered"
)

// Codes of the problems with devices.
const (
	DeviceUnavailable Code = "device-unavailable"
	DeviceFault       Code = "device-fault"
	ContactsDisagree  Code = "contacts-disagree"
	ContactBounces    Code = "contact-bounces"
	RelayStuck        Code = "relay-stuck"
	GuardDown         Code = "guard-down"
	OutputsKept       Code = "outputs-kept"
	WarningFailed     Code = "warning-failed"
	Suspended         Code = "door-suspended"
	Obstructed        Code = "door-obstructed"
	DeclaredProtected Code = "declared-protected"
	LockJammed        Code = "lock-jammed"
	LockedOut         Code = "locked-out"
	BatteryLow        Code = "battery-low"
	InterlockHeld     Code = "interlock-held"
	KeypadGuessed     Code = "keypad-guessed"
	KeypadTampered    Code = "keypad-tampered"
	KeypadUnsaved     Code = "keypad-unsaved"
	CodesUnreadable   Code = "codes-unreadable"
	DuressUsed        Code = "duress-used"
	CalendarStale     Code = "calendar-stale"
	CodeNotOnLock     Code = "code-not-on-lock"
	UnknownCode       Code = "unknown-code"
	CodeNotInHome     Code = "code-not-in-home"
	StayNotReady      Code = "stay-not-ready"
	StayFallback      Code = "stay-fallback"
	CodesKeyPlain     Code = "codes-key-plain"
	CodesKeyOther     Code = "codes-key-other"
)

// Codes of the problems with Apple Home and the network.
const (
	NotPaired           Code = "not-paired"
	PairingLocked       Code = "pairing-locked"
	ControllerNeverSeen Code = "controller-never-seen"
	PortMoved           Code = "homekit-port-moved"
	NameConflict        Code = "mdns-name-conflict"
	NoMulticast         Code = "no-multicast"
	NoSocket            Code = "no-socket"
	SecondResponder     Code = "second-responder"
	PartDown            Code = "part-down"
	CloneSeen           Code = "clone-seen"
	InterfaceMissing    Code = "interface-missing"
	SingleStack         Code = "single-stack"
	NetworkSilent       Code = "network-silent"
	SlowAnswers         Code = "slow-answers"
	MatterPortMoved     Code = "matter-port-moved"
	MatterWindowOpen    Code = "matter-window-open"
	MatterLocked        Code = "matter-locked"
	MatterCrowded       Code = "matter-crowded"
	MatterSingleStack   Code = "matter-single-stack"
)

// All returns every problem that is declared, in the order of the documentation.
func All() []Declared {
	all := storage()
	all = append(all, devices()...)
	all = append(all, network()...)
	return append(all, mqtt()...)
}

func storage() []Declared {
	return []Declared{
		{DiskFull, Error, "The disk is full",
			"Doors and locks still work for everybody who could operate them. Nothing can be paired or changed, and history is kept only until the next restart.",
			"Free some space on the disk that holds loquet's state. Within a minute loquet goes on as before; if the disk was full when it started, restart it."},
		{DiskLow, Warning, "The disk is nearly full",
			"Little room is left on the disk that holds loquet's state. When there is none, nothing can be paired or changed.",
			"Free some space: old logs and packages (`apt-get clean`, `journalctl --vacuum-size=50M`) are often the most of it."},
		{InodesLow, Warning, "The disk can hold few more files",
			"The disk that holds loquet's state has room, but hardly any number of files left. When there is none, nothing can be paired or changed.",
			"Find the folder with the many small files (`du --inodes -x / | sort -n | tail`) and empty it."},
		{DiskReadOnly, Error, "The disk cannot be written",
			"Doors and locks still work for everybody who could operate them. Nothing can be paired or changed, and history is kept only until the next restart. A memory card that wears out often begins like this.",
			"Copy the folder with loquet's state to another disk now, then check the disk or replace the memory card."},
		{DiskFailed, Error, "The disk lost what was written to it",
			"The disk reported that it could not keep data. Doors and locks still work; nothing can be paired or changed, because it might be lost.",
			"Copy the folder with loquet's state to another disk now, then replace the disk or memory card and copy it back."},
		{DatabaseLost, Error, "The database is lost",
			"The database was missing or damaged at the start. The bridge kept its identity from its second copy, so that phones stay paired; what is not in that copy is gone.",
			"Put the newest backup back, or look through names and roles and enter again what is missing. No phone needs to be paired again."},
		{IdentityRebuilt, Warning, "The identity came from its second copy",
			"One of the two copies of the bridge's identity and pairings could not be read. The other one was good, and both are whole again.",
			"Nothing is lost. If this comes again, replace the disk or memory card."},
		{RecordDamaged, Error, "A record is damaged",
			"One stored record could not be read. It is neither used nor replaced, so that a damaged disk never makes the bridge forget who may enter.",
			"Put the newest backup back. If this comes again, replace the disk or memory card."},
		{JournalGap, Warning, "History has a gap",
			"For some time the history could not be written to the disk. What happened then is missing.",
			"Nothing can bring the missing rows back. If this comes again, check the disk."},
		{JournalTampered, Error, "History does not add up",
			"The chain that ties the rows of history together is broken: rows were changed, removed or put in another order, or the disk damaged them.",
			"Run `loquet history verify` to see where. Compare with a backup, and find out who had access to this machine."},
		{InterruptedMove, Warning, "A move was interrupted",
			"The bridge was stopped after it had decided to move this door or lock and before it knew how that ended. It has not tried again and will not.",
			"Look at the door. If it stands where it should, there is nothing to do."},
		{ClockUntrusted, Warning, "The time is not known",
			"This machine does not know what time it is. Owners and paired phones are not affected; codes with dates are refused until the time is known.",
			"Connect the machine to the network so that it can set its clock. Where there is none, look at `loquet clock`: if the time is right, say so with `loquet clock confirm`; else set it first."},
		{ClockJumped, Warning, "The time jumped",
			"The machine's time was set by more than an hour, or back by more than a minute. Until that is confirmed by two, the old time is counted on, for three days at most; then codes with dates are refused.",
			"If you set it, look at `loquet clock`, and confirm it with `loquet clock confirm`, from two computers where no network keeps the time. If nobody set it, find out who keeps this machine's time."},
		{ClockWordEnds, Warning, "The time is known for less than a day",
			"Nothing keeps this machine's time right any more, and what is counted on ends soon. Codes with dates are refused from then on; owners and paired phones are not affected.",
			"Connect the machine to the network, or look at `loquet clock` and say that the time is right with `loquet clock confirm`."},
		{ReloadRefused, Warning, "The new configuration was refused",
			"The configuration was read again and has errors. The bridge goes on with the one it had.",
			"Run `loquet check`: it shows each line that is wrong and what to do. Then run `loquet reload`."},
		{RestartNeeded, Info, "A change waits for a restart",
			"The configuration has a change that takes effect only when the bridge starts.",
			"Restart loquet at a time when nobody needs the doors; it takes a second or two and moves nothing."},
		{ConfigWarning, Info, "The configuration has a warning",
			"The configuration is used, but something in it deserves a look.",
			"Run `loquet check`: it shows the line and what to do."},
		{ProgramRestarted, Warning, "The bridge was restarted after a crash",
			"The program ended unexpectedly and was started again. No door was moved by that.",
			"If this comes again, please report it with the output of `loquet doctor`."},
		{AlertUndelivered, Warning, "An alert was not delivered",
			"The receiver of alerts does not take them. The doors are not affected; alerts wait for a day and are tried again.",
			"The detail says what the receiver answered. Check its address, its token or password, and whether it runs."},
	}
}

func devices() []Declared {
	return []Declared{
		{DeviceUnavailable, Error, "A device does not answer",
			"Nothing is heard from this door, lock, contact or keypad. What is shown is what was last seen.",
			"See that it has power and is connected. The wall button, the remote and the key work as always."},
		{DeviceFault, Warning, "A device reports a fault",
			"The device itself, or the way it behaves, says that something is wrong.",
			"The detail says what was seen. Look at the device before you operate it from afar."},
		{ContactsDisagree, Error, "The contacts of a door disagree",
			"The door is reported closed and open at the same time, so nobody knows where it is. It is not closed from afar until that is over.",
			"Check both contacts and their magnets and wires; one of them is stuck, or wired the wrong way round."},
		{ContactBounces, Warning, "A contact does not come to rest",
			"The contact changes again and again. Commands wait for it, and are refused if it goes on.",
			"Bring the contact and its magnet closer together, and check the wire for a loose end."},
		{RelayStuck, Error, "A relay is stuck",
			"A relay did not go back to rest after its pulse, or the door did not move although it should have. The bridge has stopped using it.",
			"Switch the power of the relay board off and on. If the relay stays on, replace it: a stuck relay holds the opener's button down."},
		{GuardDown, Error, "The guard of the relays is down",
			"A second process brings the relays on this machine's pins to rest when the bridge hangs or dies. It ended, and is started again by itself. Relays still go to rest by the bridge's own timers.",
			"If this stays, restart loquet. If it comes again, please report it with the output of `loquet doctor`."},
		{OutputsKept, Warning, "This machine keeps relays on when a program dies",
			"Its kernel leaves a pin as it was driven when the program that held it ends. The guard and the service bring relays to rest all the same; only when both are killed at once with the bridge, a relay stays on.",
			"On Raspberry Pi OS write `dtparam=strict_gpiod` into config.txt and start the machine again."},
		{WarningFailed, Error, "The warning light or beeper does not work",
			"The door cannot warn before it closes, so it is not closed unless a person stands at it.",
			"Check the light, the beeper and their wires."},
		{Suspended, Error, "A door waits for a person",
			"Two moves in a row did not end where they should, or two closes with nobody at the door were obstructed. The door is neither toggled nor closed from afar until a person has looked at it; opening with a code at the door still works.",
			"Go and look at the door, and clean the photo-eye if it was obstructed. If it is free and whole, confirm the next move in person: `loquet open` or `loquet close` with --confirm."},
		{Obstructed, Warning, "Something is in the way of a door",
			"The door reports an obstruction.",
			"Clear the doorway; if nothing is there, clean and align the photo-eye."},
		{DeclaredProtected, Info, "A door closes without a warning, as its owner declared",
			"The owner states that the entrapment protection of this door is wired and works, and that local rules allow it to close with nobody at it.",
			"Test the photo-eyes and edges every month. To take the declaration back, remove remote_close from the configuration."},
		{LockJammed, Error, "A lock is jammed",
			"The bolt did not reach its end. The door may be neither locked nor open.",
			"Push or pull the door and try again by hand with the key or the thumb turn; then check the strike plate."},
		{LockedOut, Info, "Remote operation is locked out",
			"The owner has switched off operation from afar for this door. Wall button, remote and key work as always.",
			"Take the lock-out back where it was set, in Apple Home or on the page."},
		{BatteryLow, Warning, "A battery is low",
			"The battery of this device will soon be empty.",
			"Replace the battery. Keep the key at hand until then."},
		{InterlockHeld, Warning, "A mantrap waits for its door",
			"The other doors of this mantrap stay closed because this one was not seen to close.",
			"Close the door. If it is closed and still shown open, check its contact, then confirm the next move in person: `loquet open` with --confirm."},
		{KeypadGuessed, Warning, "Somebody tried wrong codes",
			"Five or more wrong codes in a row were typed at this keypad, so it stops to listen: a minute first, then longer each time. Keys, phones and other keypads work as always.",
			"If it was you, wait until it listens again. If it was not, look at `loquet history --device` with this keypad's id; a right code at the keypad ends this warning."},
		{KeypadTampered, Error, "A keypad was opened or taken off the wall",
			"The keypad says that its case is open. Whoever has it in hand may listen to what is typed later.",
			"Go and look at it. If it was not you, give everybody who used it a new code."},
		{KeypadUnsaved, Warning, "A wrong code could not be counted on the disk",
			"Wrong codes are counted in memory for now: a power cut would begin the count anew. Right codes work as always.",
			"Check the disk: `loquet doctor` says what is wrong with it."},
		{DuressUsed, Error, "Somebody was made to open",
			"A code that its owner set aside for duress was typed at this keypad. The keypad shows nothing of it.",
			"Get help to that door. Do not call the person there: whoever stands beside must not notice. This warning ends with a restart of loquet; history keeps it."},
		{CodeNotOnLock, Warning, "A code is not on a lock as it should be",
			"This lock keeps codes of its own. One that should be on it is not, or one that was taken back may still open it.",
			"`loquet codes list --copies` shows how it is with every code at every lock, and what to do at the lock by hand. It is tried again by itself."},
		{UnknownCode, Warning, "A lock holds a code that nobody here gave",
			"A place of this lock holds a code that loquet did not put there: somebody typed it at the lock itself, or another system wrote it. It may open, and it is left as it is.",
			"`loquet codes unknown` lists them. With `--adopt --person` it becomes somebody's code, `--clear` takes it off the lock, `--leave` ends this warning."},
		{CodeNotInHome, Info, "Apple Home cannot be shown a code",
			"A code opens this door, and Apple Home does not list it among its access codes: the detail says which and why. It opens all the same.",
			"There is nothing to do, unless you want Home to list it: then give that person a PIN without a count and without a card. `loquet codes list --copies` shows all."},
		{CalendarStale, Warning, "A calendar brings no news",
			"For six hours this booking calendar could not be read. Guests that are known keep their codes; new guests and changes are not seen.",
			"`loquet calendars list` says why. Copy the export link from the channel again if it changed: `loquet calendars change` takes it."},
		{StayNotReady, Error, "A guest comes and the code is not ready",
			"Within a day a guest is expected, and the code of this stay would not open every door that it should.",
			"The detail says what is missing. Mend it, or give the guest another way in before they stand at the door: `loquet stays list` shows who it is."},
		{StayFallback, Error, "A guest needs the code in reserve",
			"The code of this stay is not on a lock in time. The lock holds another one, which was kept in reserve; the guest has it now, and nobody has told them.",
			"Send the message that `loquet stays message` prints, also where you sent one before: it has the other code in it. It opens as long as the stay lasts."},
		{CodesUnreadable, Error, "People and codes cannot be read",
			"No keypad lets anybody in, because the key file for codes is missing or damaged, or belongs to other codes, or cannot be made. Phones, keys and buttons work as always.",
			"Put the newest backup back, or bring the key back: the file codes.key into the folder with loquet's state, or the credential of the service; then restart loquet. Nothing is lost meanwhile."},
		{CodesKeyOther, Warning, "The credential is not the key of the codes",
			"systemd hands a key to loquet that is damaged or belongs to other codes. The file beside the database is used, and every code works.",
			"Make the credential anew from that file: README of the package, The key of the codes. Do not remove the file before."},
		{CodesKeyPlain, Info, "The key of the codes lies beside them",
			"Whoever takes the disk of this machine has the PINs of the house: the key is a plain file in the folder of the database.",
			"Where the machine has a TPM, let it keep the key: README of the package, The key of the codes. Once the credential is used, remove the file codes.key."},
	}
}

func network() []Declared {
	return []Declared{
		{NotPaired, Info, "The bridge is not in Apple Home yet",
			"No phone is paired with this bridge.",
			"In the Home app choose Add Accessory and scan the code that `loquet pair homekit` shows."},
		{PairingLocked, Warning, "Too many wrong setup codes",
			"Somebody entered a wrong setup code ten times, so pairing is closed. Phones that are paired already are not affected.",
			"If it was you, run `loquet pair homekit`: it opens pairing for 15 minutes and shows the code. If it was not, find out who is on your network."},
		{ControllerNeverSeen, Info, "A paired controller was never seen",
			"This phone or home hub is paired and has not connected since the bridge started.",
			"If the phone is gone or sold, remove it from the bridge's controllers."},
		{PortMoved, Info, "The bridge listens on another port",
			"The port from the configuration was in use by another program, so the bridge took the next free one and keeps it. Apple Home finds it by itself.",
			"Nothing needs to be done, unless a firewall names the port. To move back, stop the other program and restart loquet."},
		{NameConflict, Warning, "Another device has the bridge's name",
			"Something on the network announces the same name, so the bridge announces itself with a number behind it. The names in Apple Home are not changed.",
			"Give the bridge a name of its own under homekit: name: in the configuration, and see whether a second loquet runs."},
		{NoMulticast, Error, "The bridge cannot be found on the network",
			"No network interface carries multicast, which phones need to find the bridge. Phones that are connected stay connected for a while.",
			"Connect the machine to the same network as the phones. In a container use the host's network."},
		{NoSocket, Warning, "Commands on this machine cannot reach the bridge",
			"The socket that commands like `loquet open` use could not be made. Doors, locks and Apple Home work as always.",
			"See that the folder with loquet's state can be written and has room, then restart loquet. Until then, commands need --url and --token."},
		{PartDown, Error, "A part of the bridge is down",
			"It ended unexpectedly and is opened again by itself, a little later each time. Other ways to the doors work as always.",
			"If this stays, restart loquet. If it comes again, please report it with the output of `loquet doctor`."},
		{SecondResponder, Warning, "Another program answers for this machine on the network",
			"A second mDNS responder (avahi, another bridge) runs here. That is often harmless; sometimes phones then see No Response.",
			"If phones lose the bridge, stop the other responder, or let it leave this machine's name alone."},
		{InterfaceMissing, Warning, "A network interface is missing",
			"The bridge was told to announce itself on this interface, and cannot. Phones on that network do not find it.",
			"Check the cable or the Wi-Fi, and the name after --interface: `ip link` lists the interfaces of this machine."},
		{SingleStack, Info, "A network interface has no IPv6",
			"The bridge is found over IPv4 alone there. That is enough for Apple Home.",
			"Nothing needs to be done. If phones lose the bridge, switch IPv6 on in the router and on this machine."},
		{NetworkSilent, Warning, "Nobody asks for the bridge",
			"Phones are paired, but for an hour nobody has asked anything over multicast. Either no phone and no home hub was there, or the network does not carry multicast to this machine.",
			"If phones show No Response, switch off client isolation and IGMP snooping in the router or access point, and see that phones are not in a guest network."},
		{SlowAnswers, Warning, "A controller waits long for its answers",
			"Of the last requests of this phone or home hub some took more than a second inside the bridge. It may show No Response meanwhile.",
			"See what else keeps this machine busy, and whether a device answers slowly: `loquet doctor` shows the times."},
		{CloneSeen, Error, "The same bridge is announced twice",
			"Another machine announces this bridge's identity: probably a copy of it that was restored elsewhere. Phones talk to either of them.",
			"Switch one of the two off for good. Never run a backup on a second machine while the first is running."},
		{MatterPortMoved, Warning, "Matter listens on another port",
			"The port from the configuration was in use by another program, so the Matter bridge took the next free one and keeps it. Alexa looks at port 5540 and nowhere else; the other ecosystems find it by themselves.",
			"For Alexa stop the other program, which is often another Matter bridge on this machine, and restart loquet. Otherwise nothing needs to be done."},
		{MatterWindowOpen, Info, "Another ecosystem can be added to Matter",
			"Whoever has the code and is in your network can add this bridge to an ecosystem of theirs while this lasts.",
			"It ends by itself. To end it now, run `loquet pair matter --close`."},
		{MatterLocked, Warning, "Too many wrong Matter codes",
			"Somebody entered a wrong code twenty times, so nobody can add the Matter bridge. Ecosystems that have added it are not affected.",
			"If it was you, run `loquet pair matter`: it opens it for 15 minutes and shows the code. If it was not, find out who is on your network."},
		{MatterCrowded, Warning, "More devices than some ecosystems take",
			"Every device is offered, but some ecosystems show no more than about 80 devices of one Matter bridge, and leave out the others without a word.",
			"Keep devices out of Matter that nobody uses there: `matter: none` for a door, `matter: false` for a lock or a contact."},
		{MatterSingleStack, Warning, "Matter has no IPv6",
			"No network interface of this machine has IPv6, which most Matter controllers need.",
			"Switch IPv6 on, on this machine and in the router; it needs no connection to the internet."},
	}
}
