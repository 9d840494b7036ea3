package cli

import "github.com/loquet/loquet/api"

// ShowBridge prints how to pair with a bridge: QR code and setup code while it can pair.
func ShowBridge(s Streams, b api.HomeKitBridge) error {
	a := &app{streams: s}
	return a.printBridge(b)
}
