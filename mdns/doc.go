// Package mdns is a multicast DNS responder and DNS-SD publisher (RFC 6762, RFC 6763), one for a whole
// process however many services it offers.
//
//	r, err := mdns.New(mdns.Config{Hostname: "villa", Log: log})
//	...
//	go r.Run(ctx)
//	reg, err := r.Publish(mdns.Service{Instance: "Villa Rose", Type: "_hap._tcp", Port: 51826, TXT: txt})
//	...
//	reg.Update(txt)          // announces the change
//	<-reg.Renamed()          // "Villa Rose (2)": another host had the name
//	reg.Withdraw(ctx)        // says goodbye
//
// # What it does
//
// It joins 224.0.0.251 and ff02::fb on port 5353 of each served interface, next to other responders of
// the machine, and hears itself, so that controllers on the same machine find the services too. One
// list of interfaces decides both where it listens and where it announces; see Config.Interfaces.
// Answers leave through the interface on which the question came, with the addresses of that
// interface only. When interfaces or addresses change (told by the kernel on Linux, compared every
// five seconds elsewhere) memberships and announcements follow.
//
// A name, the host's or a service's instance, is probed before it is used (RFC 6762 8.1), with the
// tie-break of 8.2 when two hosts start together; a lost name becomes "Name (2)" and the owner is told.
// Names stay watched after that (9). Then the records are announced twice (8.3), again when they change
// (8.4), and taken back when the service is withdrawn or Run ends (10.1).
//
// Questions are answered by multicast, at once for records that only we can have and after 20 to 120 ms
// for shared ones (6), by unicast when asked so (5.4), and in the old way for resolvers that know only
// ordinary DNS (6.7). Known answers are left out (7.1), also when they come in several packets (7.2),
// and so are answers that somebody else has just given (7.4). A name without the type that was asked for
// is answered with an NSEC record (6.1). Service types are listed under _services._dns-sd._udp
// (RFC 6763 9), subtypes under _sub (7.1).
//
// # Inside
//
// One goroutine, the owner, holds all state; callers post functions to its mailbox and readers put
// packets into its inbox. Neither ever waits for the network: delayed answers, probes and announcements
// are times in the state.
//
//	sockets --> gate --> inbox --+
//	  size, rates, syntax        |
//	callers ----> mailbox -------+--> owner --> sockets
//	kernel -----> changes -------+
//
// What comes from the network is bounded before it costs anything: packets by size and number of
// records, sources by token buckets of their own, strangers by one for all of them, queues and tables by
// their length. A flood costs its sender its answers and nobody else's.
//
// Package mdnstest has a network in memory on which several responders meet in tests.
package mdns
