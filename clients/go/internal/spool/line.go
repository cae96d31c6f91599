package spool

import (
	"encoding/hex"
	"hash/crc32"
)

// Prefix is how many bytes of a line come before its JSON: eight hex digits and
// a space.
const Prefix = 9

// Frame completes a line: line has Prefix bytes of room, JSON without a line
// feed in it, and a line feed. The checksum is CRC-32/ISO-HDLC of the JSON.
func Frame(line []byte) {
	sum := crc32.ChecksumIEEE(line[Prefix : len(line)-1])
	digits := [4]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}
	hex.Encode(line, digits[:])
	line[Prefix-1] = ' '
}

// unframe returns the JSON of a line, which comes without its line feed.
func unframe(line []byte) (json []byte, ok bool) {
	if len(line) < Prefix || line[Prefix-1] != ' ' {
		return nil, false
	}
	var digits [4]byte
	if _, err := hex.Decode(digits[:], line[:Prefix-1]); err != nil {
		return nil, false
	}
	want := uint32(digits[0])<<24 | uint32(digits[1])<<16 | uint32(digits[2])<<8 | uint32(digits[3])
	json = line[Prefix:]
	return json, crc32.ChecksumIEEE(json) == want
}
