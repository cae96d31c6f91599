package promise

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/google/uuid"
)

// place is where an event comes from.
type place struct{ request, event int }

// id is a UUID of version 8, whose content is free: the request, the event in it, the
// salt.
func (p place) id(salt uint32) string {
	var u uuid.UUID
	binary.BigEndian.PutUint32(u[0:], uint32(p.request))
	binary.BigEndian.PutUint16(u[4:], uint16(p.event))
	u[6], u[8] = 8<<4, 2<<6 // version and variant
	binary.BigEndian.PutUint32(u[12:], salt)
	return u.String()
}

func parse(id string) (p place, salt uint32, ok bool) {
	u, err := uuid.Parse(id)
	if err != nil {
		return place{}, 0, false
	}
	p = place{int(binary.BigEndian.Uint32(u[0:])), int(binary.BigEndian.Uint16(u[4:]))}
	salt = binary.BigEndian.Uint32(u[12:])
	return p, salt, p.id(salt) == id
}

// details are those of one event of a request.
func (p place) details(r *request) string {
	size := int(r.filler &^ noisy)
	filler := strings.Repeat("x", size)
	if r.filler&noisy != 0 {
		filler = p.noise(r.salt, size)
	}
	return fmt.Sprintf(`{"request":%d,"event":%d,"filler":"%s"}`, p.request, p.event, filler)
}

// noise is the same for the same event.
func (p place) noise(salt uint32, size int) string {
	var seed [32]byte
	copy(seed[:], p.id(salt))
	raw := make([]byte, size)
	_, _ = rand.NewChaCha8(seed).Read(raw) // never fails
	return base32.StdEncoding.EncodeToString(raw)[:size]
}
