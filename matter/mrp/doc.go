// Package mrp carries messages between nodes over UDP: exchanges, and the Message Reliability Protocol that repeats what
// is not acknowledged (Matter 1.4 4.10, 4.12).
//
//	ep, err := mrp.New(mrp.Config{Conns: []net.PacketConn{conn}, Sessions: table, Handlers: map[uint32]mrp.ProtocolHandler{
//		message.SecureChannel: channel.Handle, message.InteractionModel: model.Handle}})
//	err = ep.Run(ctx)
//
// A message that begins an exchange runs the handler of its protocol in a goroutine of its own; when the handler
// returns, the exchange is closed. To speak first, NewExchange begins an exchange on an established session. On an
// exchange the sides take turns:
//
//	err := ex.Send(ctx, opcode, payload, true)  // returns when the peer has acknowledged, or not after all tries
//	msg, err := ex.Receive(ctx)
//
// Acknowledgements travel on the next message of the exchange, or alone after 200 ms, or when the exchange is closed.
// Duplicates are acknowledged again and never reach a handler.
package mrp
