// Package clock runs the built binary on a machine of its own, a User-Mode Linux whose clock the tests set while a
// house lives on it: lines with an opener, a strike and a keypad, a Garadget board at loquet's own broker, phones of
// Apple Home, a Matter controller. Its time is virtual, so that an hour of waiting costs nothing and no host is too
// busy. Nothing moves that nobody asked for, what lasts a while lasts as long as it should, nobody is thrown out, and
// no code with dates opens outside of them. Its test binary is the init of that kernel (internal/gpiolab).
package clock
