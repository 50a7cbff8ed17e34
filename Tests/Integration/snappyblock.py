"""Snappy's block format: decoding by libsnappy where it is installed, by plain Python where it is not.

The plain decoder is also what the self-test holds libsnappy against.
"""

import ctypes
import ctypes.util


class SnappyError(ValueError):
    """The bytes are not a snappy block."""


def read_varint(data, position, limit=10):
    """The unsigned varint at `position` and the position after it."""
    value = shift = 0
    while True:
        if position >= len(data):
            raise SnappyError("varint at offset %d runs past the end" % position)
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift >= limit * 7:
            raise SnappyError("varint of more than %d bytes" % limit)


def decompress_plain(data):
    """Decodes a block by the format description alone."""
    expected, position = read_varint(data, 0, 5)
    out = bytearray()
    end = len(data)
    while position < end:
        tag = data[position]
        position += 1
        kind = tag & 3
        if kind == 0:
            length = tag >> 2
            if length >= 60:
                extra = length - 59
                if position + extra > end:
                    raise SnappyError("literal length cut off")
                length = int.from_bytes(data[position : position + extra], "little")
                position += extra
            length += 1
            if position + length > end:
                raise SnappyError("literal of %d bytes cut off at offset %d" % (length, position))
            out += data[position : position + length]
            position += length
            continue
        width = (0, 1, 2, 4)[kind]
        if position + width > end:
            raise SnappyError("copy cut off")
        if kind == 1:
            length = ((tag >> 2) & 7) + 4
            offset = ((tag >> 5) << 8) | data[position]
        else:
            length = (tag >> 2) + 1
            offset = int.from_bytes(data[position : position + width], "little")
        position += width
        if offset == 0 or offset > len(out):
            raise SnappyError("copy from %d bytes back with %d decoded" % (offset, len(out)))
        start = len(out) - offset
        if offset >= length:
            out += out[start : start + length]
        else:
            pattern = bytes(out[start:])
            out += (pattern * (length // offset + 1))[:length]
    if len(out) != expected:
        raise SnappyError("decoded %d bytes where the header says %d" % (len(out), expected))
    return bytes(out)


def compress_literal(data):
    """A valid block of literals only."""
    out = bytearray()
    length = len(data)
    while length >= 0x80:
        out.append(length & 0x7F | 0x80)
        length >>= 7
    out.append(length)
    for start in range(0, len(data), 1 << 16):
        piece = data[start : start + (1 << 16)]
        size = len(piece) - 1
        if size < 60:
            out.append(size << 2)
        else:
            out.append(61 << 2)
            out += size.to_bytes(2, "little")
        out += piece
    return bytes(out)


def _load():
    name = ctypes.util.find_library("snappy") or "libsnappy.so.1"
    try:
        library = ctypes.CDLL(name)
    except OSError:
        return None
    size = ctypes.c_size_t
    library.snappy_uncompressed_length.argtypes = [ctypes.c_char_p, size, ctypes.POINTER(size)]
    library.snappy_uncompress.argtypes = [ctypes.c_char_p, size, ctypes.c_char_p, ctypes.POINTER(size)]
    library.snappy_compress.argtypes = [ctypes.c_char_p, size, ctypes.c_char_p, ctypes.POINTER(size)]
    library.snappy_max_compressed_length.argtypes = [size]
    library.snappy_max_compressed_length.restype = size
    return library


_library = _load()


def decompress(data, limit=256 << 20):
    """The block's content; `limit` bounds what a damaged header can ask for."""
    if _library is None:
        return decompress_plain(data)
    length = ctypes.c_size_t()
    if _library.snappy_uncompressed_length(data, len(data), ctypes.byref(length)) != 0:
        raise SnappyError("no snappy block header")
    if length.value > limit:
        raise SnappyError("block of %d bytes; at most %d are taken" % (length.value, limit))
    buffer = ctypes.create_string_buffer(max(1, length.value))
    if _library.snappy_uncompress(data, len(data), buffer, ctypes.byref(length)) != 0:
        raise SnappyError("damaged snappy block")
    return buffer.raw[: length.value]


def compress(data):
    """The data as a block, compressed where libsnappy is there."""
    if _library is None:
        return compress_literal(data)
    length = ctypes.c_size_t(_library.snappy_max_compressed_length(len(data)))
    buffer = ctypes.create_string_buffer(length.value)
    if _library.snappy_compress(data, len(data), buffer, ctypes.byref(length)) != 0:
        raise SnappyError("cannot compress")
    return buffer.raw[: length.value]
