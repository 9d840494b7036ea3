package health

// Codes of the problems with MQTT.
const (
	MQTTPortBusy Code = "mqtt-port-busy"
	MQTTAway     Code = "mqtt-away"
	MQTTRefused  Code = "mqtt-refused"
	MQTTSameName Code = "mqtt-same-name"
	MQTTTooMuch  Code = "mqtt-too-much"
	MQTTDenied   Code = "mqtt-denied"
	MQTTOrder    Code = "mqtt-order"
	MQTTAutoOff  Code = "mqtt-auto-off"
)

func mqtt() []Declared {
	return []Declared{
		{MQTTPortBusy, Error, "The MQTT broker's port is in use",
			"Another program listens on the port of the built-in MQTT broker, so no device reaches it. It is tried again every few seconds.",
			"Stop the other program (often mosquitto: `sudo systemctl disable --now mosquitto`), or name it under mqtt: url: instead of listen:."},
		{MQTTAway, Error, "The MQTT broker cannot be reached",
			"Devices behind it are unavailable until it is back. What was asked of them meanwhile is refused, and never sent later.",
			"See that the broker runs and that mqtt: url:, user: and password_file: in the configuration are right."},
		{MQTTRefused, Warning, "A device knocks at the MQTT broker and is not let in",
			"Its user or password is wrong, or it uses the name of another device. If it is none of yours, somebody on your network is trying. " +
				"This is over when it gets in, or ten minutes after its last try.",
			"If it is yours, run `loquet adopt` for it again and enter what that prints on the device's own set-up page."},
		{MQTTSameName, Error, "Two MQTT devices have the same name",
			"They throw each other out of the broker again and again, so neither can be relied on.",
			"Give one of them another name (its topic) on its own set-up page: plain letters and digits."},
		{MQTTTooMuch, Warning, "An MQTT device sends far too much",
			"It was disconnected, and is let in again when it comes back.",
			"Look for a fault in that device or in an automation that answers itself."},
		{MQTTDenied, Error, "The MQTT broker does not let loquet read a topic",
			"The devices behind it are unavailable. It is asked again every half minute.",
			"Give loquet's user at that broker the right to read and write the topics of the devices."},
		{MQTTOrder, Warning, "An order over MQTT was not followed",
			"An account that may give none asked a door or lock to move, or an order was to be kept by the broker, which would give it again and again. " +
				"Nothing moved. This is over ten minutes after the last one.",
			"If it is a device's account, look at that device: somebody may use it. If it is Home Assistant's, use the entity of the door, or publish without retain."},
		{MQTTAutoOff, Error, "A relay did not come back by itself",
			"Its board says after how long the device itself brings it back (auto_off), and it did not. loquet brought it to rest, and does not use it again until you confirm " +
				"that the device is set right: were the network to die during a pulse, the relay would stay on.",
			"Set the device's own auto-off timer and try it by hand. Then write `confirmed:` with the time that stands here at the board in the configuration."},
	}
}
