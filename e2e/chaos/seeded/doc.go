// Package seeded shows that the suites can fail: each test build that is told to make a mistake must be
// caught by one of them, and the same build without a mistake must pass.
package seeded
