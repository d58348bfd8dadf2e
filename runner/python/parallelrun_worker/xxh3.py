"""XXH3 of 64 bits without a seed, where the library that computes it (runner/process/slice_hash.c) cannot be loaded:
the same values, several hundred times slower."""

import struct

_SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221"
    "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb"
    "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
)
_MASK = (1 << 64) - 1
_P32_1, _P32_2, _P32_3 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
_P64_1, _P64_2, _P64_3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
_P64_4, _P64_5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
_STRIPE, _BLOCK = 64, 1024
_LANES = struct.Struct("<8Q")
_BLOCK_LANES = struct.Struct("<128Q")
_KEYS = [_LANES.unpack_from(_SECRET, 8 * stripe) for stripe in range(16)]


def xxh3(data):
    size = len(data)
    if size > 240:
        return _long(data, size)
    if size > 128:
        return _middle(data, size)
    if size > 16:
        return _short(data, size)
    return _tiny(data, size)


def _u32(data, at):
    return int.from_bytes(data[at : at + 4], "little")


def _u64(data, at):
    return int.from_bytes(data[at : at + 8], "little")


def _fold(a, b):
    product = a * b
    return (product & _MASK) ^ (product >> 64)


def _avalanche(h):
    h ^= h >> 37
    h = h * 0x165667919E3779F9 & _MASK
    return h ^ (h >> 32)


def _avalanche64(h):
    h ^= h >> 33
    h = h * _P64_2 & _MASK
    h ^= h >> 29
    h = h * _P64_3 & _MASK
    return h ^ (h >> 32)


def _rotated(h, bits):
    return (h << bits | h >> (64 - bits)) & _MASK


def _mixed(data, at, secret_at):
    return _fold(_u64(data, at) ^ _u64(_SECRET, secret_at), _u64(data, at + 8) ^ _u64(_SECRET, secret_at + 8))


def _tiny(data, size):
    if size > 8:
        low = _u64(data, 0) ^ _u64(_SECRET, 24) ^ _u64(_SECRET, 32)
        high = _u64(data, size - 8) ^ _u64(_SECRET, 40) ^ _u64(_SECRET, 48)
        swapped = int.from_bytes(low.to_bytes(8, "little"), "big")
        return _avalanche((size + swapped + high + _fold(low, high)) & _MASK)
    if size > 3:
        h = (_u32(data, size - 4) + (_u32(data, 0) << 32)) ^ _u64(_SECRET, 8) ^ _u64(_SECRET, 16)
        h ^= _rotated(h, 49) ^ _rotated(h, 24)
        h = h * 0x9FB21C651E98DF25 & _MASK
        h ^= ((h >> 35) + size) & _MASK
        h = h * 0x9FB21C651E98DF25 & _MASK
        return h ^ (h >> 28)
    if size:
        combined = data[0] << 16 | data[size >> 1] << 24 | data[size - 1] | size << 8
        return _avalanche64(combined ^ _u32(_SECRET, 0) ^ _u32(_SECRET, 4))
    return _avalanche64(_u64(_SECRET, 56) ^ _u64(_SECRET, 64))


def _short(data, size):
    total = size * _P64_1
    for i in range((size - 1) // 32, -1, -1):
        total += _mixed(data, 16 * i, 32 * i) + _mixed(data, size - 16 * (i + 1), 32 * i + 16)
    return _avalanche(total & _MASK)


def _middle(data, size):
    total = size * _P64_1 + sum(_mixed(data, 16 * i, 16 * i) for i in range(8))
    total = _avalanche(total & _MASK)
    total += sum(_mixed(data, 16 * i, 16 * (i - 8) + 3) for i in range(8, size // 16))
    return _avalanche((total + _mixed(data, size - 16, 136 - 17)) & _MASK)


def _accumulate(sums, lanes, key):
    for i in range(8):
        lane = lanes[i]
        keyed = lane ^ key[i]
        sums[i ^ 1] += lane
        sums[i] += (keyed & 0xFFFFFFFF) * (keyed >> 32)


def _long(data, size):
    sums = [_P32_3, _P64_1, _P64_2, _P64_3, _P64_4, _P32_2, _P64_5, _P32_1]
    scramble = _LANES.unpack_from(_SECRET, len(_SECRET) - _STRIPE)
    blocks = (size - 1) // _BLOCK
    for block in range(blocks):
        lanes = _BLOCK_LANES.unpack_from(data, block * _BLOCK)
        for stripe in range(16):
            _accumulate(sums, lanes[8 * stripe : 8 * stripe + 8], _KEYS[stripe])
        for i in range(8):
            h = sums[i] & _MASK
            sums[i] = (h ^ (h >> 47) ^ scramble[i]) * _P32_1 & _MASK
    for stripe in range((size - 1 - blocks * _BLOCK) // _STRIPE):
        _accumulate(sums, _LANES.unpack_from(data, blocks * _BLOCK + stripe * _STRIPE), _KEYS[stripe])
    last = _LANES.unpack_from(_SECRET, len(_SECRET) - _STRIPE - 7)
    _accumulate(sums, _LANES.unpack_from(data, size - _STRIPE), last)
    total = size * _P64_1
    for i in range(0, 8, 2):
        total += _fold(
            (sums[i] & _MASK) ^ _u64(_SECRET, 11 + 8 * i), (sums[i + 1] & _MASK) ^ _u64(_SECRET, 19 + 8 * i)
        )
    return _avalanche(total & _MASK)
