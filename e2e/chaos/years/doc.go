// Package years lets simulated doors be lived with for years: people with phones and keypads, wall buttons,
// things in the way, sensors that fail, drivers whose answers are lost, journals that fail, restarts, kills
// and power cuts. Machines, actors and drivers are those of the product, the physics that of hw/sim, the
// time that of testing/synctest.
//
// Every order to a relay is judged where it reaches the world, past everything that was decided. A seed is
// one house for one year. LOQUET_YEARS sets how many door-years are lived through (4 by default), LOQUET_SEED
// which is the first.
package years
