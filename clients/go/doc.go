// Package audit sends audit events to an archiver sidecar.
//
// There are two verbs. [Client.Record] returns once the sidecar has the event on
// its disk: use it where an action must not happen unless its record exists.
// [Client.Enqueue] returns once the event is in a file on the local disk, which
// costs one write; a background sender delivers it, also when this process is
// killed and the next one has to.
//
// No event is ever dropped quietly. What cannot be taken is an [*Error] that
// carries the event; what the sidecar can never store goes to a dead-letter file
// and is reported. A retry sends the same bytes with the same id, which the
// sidecar recognises, so an event is stored once.
//
// What an event does not say itself is taken from the context of its request:
// see [NewContext] and package audithttp. Package audittest has what tests need.
package audit
