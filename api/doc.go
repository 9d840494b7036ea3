// Package api serves the house over HTTP, as scripts, the command line and the page use it: devices
// and their commands, the history, a stream of what changes, health, pairings, tokens and metrics.
//
// Who may ask: over the unix socket the permission of the socket is the authentication, and the
// cause of a command is the peer's user id; over TCP every request, whatever its path, needs
// "Authorization: Bearer <token>". Nothing moves by GET, and a browser on another page cannot reach
// anything: foreign Host names are answered 421, cross-origin writes 403.
//
// The server is plain net/http with one table of routes, from which the mux, the 405 answers, the
// metrics and the OpenAPI document all come. huma was looked at and left out: the shape of its
// errors is a package variable (huma.NewError) that the whole program would share, its 404 and 405
// come from the mux as plain text, and our error bodies (code, detail, remedy) are what scripts
// depend on most.
package api
