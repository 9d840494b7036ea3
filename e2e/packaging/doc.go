// Package packaging tests what is shipped: the service's unit, the example configuration, the scripts
// of the Debian package, and, where there is time (LOQUET_LONG), a system that is installed, booted,
// upgraded and emptied again.
package packaging
