// Package hwtest is the suite that every driver passes: TestOpener and TestBolt for drivers of devices,
// TestBoard for providers of lines. A driver's test builds a rig, which is the driver together with the
// device behind it (a simulation, a fake, a real kernel), and hands the suite a function that makes one.
//
// What the suites hold a driver to: nothing moves when it is opened, closed or connected again; the first
// reading comes on subscription and a slow reader gets the newest; an order is one click, never two, also
// when its answer is late or lost; cancelled means not sent; errors name the device and the remedy; every
// output is at rest after its cap and after Close, and its release comes as a reading.
//
// The suites run in real time and never sleep: they wait for readings.
package hwtest
