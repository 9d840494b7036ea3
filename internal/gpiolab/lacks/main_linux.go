// Command lacks says what a kernel lacks that the tests of GPIO lines need: nothing, if it has everything.
// It boots the kernel with itself as init, so it must be built without cgo.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/loquet/loquet/internal/gpiolab"
)

func main() {
	if os.Getpid() == 1 {
		fmt.Println(gpiolab.Answer(os.Stdout)) // it does not come back
		return
	}
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: lacks KERNEL")
		os.Exit(2)
	}
	lacks, err := ask(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(lacks)
}

func ask(kernel string) (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return gpiolab.Ask(ctx, kernel, program)
}
