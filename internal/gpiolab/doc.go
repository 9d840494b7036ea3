// Package gpiolab is for tests on a real kernel whose GPIO chips are simulated below the character
// devices: User-Mode Linux, an ordinary program, with the test binary as its init. e2e/gpio/kernel says
// how that kernel is made.
//
// A package's TestMain calls Main, its tests that run inside call Guest, or Needs for what not every kernel
// with gpio-sim has, and one test outside calls Boot.
package gpiolab
