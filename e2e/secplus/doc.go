// Package secplus runs the built binary at Chamberlain openers in software, over serial ports of the kernel: Security+ 2.0,
// and 1.0 with a wall panel and without one. The openers have doors that move, and count what they are told.
package secplus
