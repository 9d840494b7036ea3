package cli

import "github.com/loquet/loquet/api"

// ShowBridge prints how to pair with a bridge: QR code and setup code while it can pair.
func ShowBridge(s Streams, b api.HomeKitBridge) error {
	a := &app{streams: s}
	return a.printBridge(b)
}

// ShowMatter prints how to add the Matter bridge: its code while that is accepted. The QR code is left to loquet pair matter.
func ShowMatter(s Streams, b api.MatterBridge) error {
	a := &app{streams: s}
	if b.ManualCode != "" {
		a.say("Matter   %s (Google Home, Alexa, SmartThings, ...; loquet pair matter shows the QR code)", spaced(b.ManualCode))
	}
	return a.lost
}
