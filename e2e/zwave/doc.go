// Package zwave drives the built binary and its Z-Wave driver against the zwave-js-server from npm, with a mock stick
// and mock locks of zwave-js behind it.
package zwave
