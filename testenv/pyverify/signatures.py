"""Signatures of docs/format/ledger.md part 1: Ed25519, and ECDSA on P-256. Verification only; slow, which is fine."""

import hashlib


class Refused(Exception):
    """What was read is not true."""


def want(condition, message):
    if not condition:
        raise Refused(message)


# --- Ed25519, RFC 8032 part 5.1 ---

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def point_add(a, b):
    x, y, z, t = a
    u, v, w, s = b
    e, f = (y - x) * (v - u) % P, (y + x) * (v + u) % P
    g, h = 2 * t * s * D % P, 2 * z * w % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def point_mul(n, a):
    q = (0, 1, 1, 0)
    while n:
        if n & 1:
            q = point_add(q, a)
        a = point_add(a, a)
        n >>= 1
    return q


def point(raw):
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    want(y < P, "public key: not a point")
    xx = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    want((x * x - xx) % P == 0 and (x or not sign), "public key: not a point")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def ed25519_ok(public, message, signature):
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(r + public + message).digest(), "little") % L
    a, base = point(public), point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    # R = sB - kA, compared as bytes.
    minus_a = (P - a[0], a[1], a[2], P - a[3])
    x, y, z, _ = point_add(point_mul(s, base), point_mul(k, minus_a))
    z = pow(z, -1, P)
    x, y = x * z % P, y * z % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == r


# --- ECDSA, FIPS 186-5 part 6.4, on P-256 with SHA-256 ---

FIELD = 2**256 - 2**224 + 2**192 + 2**96 - 1
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
BASE = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296, 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)
# SubjectPublicKeyInfo of an uncompressed point: id-ecPublicKey, prime256v1, BIT STRING of 04 || x || y.
SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")


def p256_add(a, b):
    """Adds two points; None is the point at infinity."""
    if a is None or b is None:
        return a or b
    (x, y), (u, v) = a, b
    if x == u:
        if (y + v) % FIELD == 0:
            return None
        slope = (3 * x * x - 3) * pow(2 * y, -1, FIELD)
    else:
        slope = (v - y) * pow(u - x, -1, FIELD)
    w = (slope * slope - x - u) % FIELD
    return w, (slope * (x - w) - y) % FIELD


def p256_mul(n, a):
    q = None
    while n:
        if n & 1:
            q = p256_add(q, a)
        a = p256_add(a, a)
        n >>= 1
    return q


def p256_key(der):
    """Returns the point that a public key in DER is."""
    want(len(der) == len(SPKI) + 64 and der.startswith(SPKI), "public key: not ECDSA on P-256, spelled as it must be")
    x, y = int.from_bytes(der[-64:-32], "big"), int.from_bytes(der[-32:], "big")
    want(x < FIELD and y < FIELD and (y * y - x * x * x + 3 * x - B) % FIELD == 0, "public key: not a point")
    return x, y


def der_integer(n):
    raw = n.to_bytes(n.bit_length() // 8 + 1, "big")
    return b"\x02" + bytes([len(raw)]) + raw


def ecdsa_ok(public, message, signature):
    """Accepts one spelling: DER, with the lower of the two values of s."""
    if not 8 <= len(signature) <= 72 or signature[3] > len(signature) - 7:
        return False
    split = 4 + signature[3]
    r, s = int.from_bytes(signature[4:split], "big"), int.from_bytes(signature[split + 2:], "big")
    body = der_integer(r) + der_integer(s)
    if signature != b"\x30" + bytes([len(body)]) + body or not 0 < r < ORDER or not 0 < s <= ORDER // 2:
        return False
    inverse = pow(s, -1, ORDER)
    z = int.from_bytes(hashlib.sha256(message).digest(), "big")
    at = p256_add(p256_mul(z * inverse % ORDER, BASE), p256_mul(r * inverse % ORDER, public))
    return at is not None and at[0] % ORDER == r
