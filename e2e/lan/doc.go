// Package lan runs the built binary against devices of the home network that are played by programs of our
// own, written from their published protocols and apart from the drivers: a ratgdo board with ESPHome.
package lan
