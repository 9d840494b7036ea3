package gpio

import (
	"testing"
	"unsafe"
)

// The numbers of the calls follow from the sizes of what they carry (include/uapi/asm-generic/ioctl.h).
func TestCallNumbers(t *testing.T) {
	const read, readWrite = 2, 3
	number := func(direction, size uintptr, nr uint) uint { return uint(direction<<30|size<<16|0xB4<<8) | nr }
	for _, tt := range []struct{ got, want uint }{
		{getChipInfo, number(read, unsafe.Sizeof(chipInfo{}), 0x01)},
		{getLineInfo, number(readWrite, unsafe.Sizeof(lineInfo{}), 0x05)},
		{getLine, number(readWrite, unsafe.Sizeof(lineRequest{}), 0x07)},
		{getValues, number(readWrite, unsafe.Sizeof(lineValues{}), 0x0E)},
		{setValues, number(readWrite, unsafe.Sizeof(lineValues{}), 0x0F)},
	} {
		if tt.got != tt.want {
			t.Errorf("%#x, want %#x", tt.got, tt.want)
		}
	}
}
