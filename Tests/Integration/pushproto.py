"""Loki's PushRequest, decoded and encoded by hand (`pkg/push/push.proto`), and its label strings."""

import re

NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\\": "\\", '"': '"'}


class PushError(ValueError):
    """The bytes are not a PushRequest that Loki takes."""


def _varint(data, position, end):
    value = shift = 0
    while position < end:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            break
    raise PushError("bad varint at offset %d" % position)


def _sized(data, position, end):
    length, position = _varint(data, position, end)
    if length > end - position:
        raise PushError("field of %d bytes at offset %d where %d are left" % (length, position, end - position))
    return position, position + length


def _timestamp(data, position, end):
    seconds = nanoseconds = 0
    while position < end:
        tag = data[position]
        value, position = _varint(data, position + 1, end)
        if tag == 0x08:
            seconds = value - (1 << 64) if value >> 63 else value
        elif tag == 0x10:
            nanoseconds = value
        else:
            raise PushError("unknown field 0x%02x in a timestamp" % tag)
    if nanoseconds >= 1_000_000_000:
        raise PushError("timestamp with %d nanoseconds" % nanoseconds)
    return seconds * 1_000_000_000 + nanoseconds


def _pair(data, position, end):
    name = value = b""
    while position < end:
        tag = data[position]
        start, position = _sized(data, position + 1, end)
        if tag == 0x0A:
            name = data[start:position]
        elif tag == 0x12:
            value = data[start:position]
        else:
            raise PushError("unknown field 0x%02x in a label pair" % tag)
    return name, value


def _entry(data, position, end):
    """(timestamp in ns, line, metadata pairs)"""
    time, line, pairs = 0, b"", ()
    while position < end:
        tag = data[position]
        start, position = _sized(data, position + 1, end)
        if tag == 0x0A:
            time = _timestamp(data, start, position)
        elif tag == 0x12:
            line = data[start:position]
        elif tag == 0x1A:
            pairs += (_pair(data, start, position),)
        else:
            raise PushError("unknown field 0x%02x in an entry" % tag)
    return time, line, pairs


def decode(data):
    """[(label string, [(timestamp in ns, line, metadata pairs), …]), …]"""
    streams = []
    position, end = 0, len(data)
    while position < end:
        if data[position] != 0x0A:
            raise PushError("unknown field 0x%02x in a PushRequest at offset %d" % (data[position], position))
        at, position = _sized(data, position + 1, end)
        labels, entries = b"", []
        append = entries.append
        while at < position:
            tag = data[at]
            if tag == 0x18:
                value, at = _varint(data, at + 1, position)
                if value:
                    raise PushError("a stream's hash is for Loki itself")
                continue
            start, at = _sized(data, at + 1, position)
            if tag == 0x12:
                append(_entry(data, start, at))
            elif tag == 0x0A:
                labels = data[start:at]
            else:
                raise PushError("unknown field 0x%02x in a stream" % tag)
        streams.append((labels, entries))
    return streams


def _put_varint(value):
    out = bytearray()
    value &= (1 << 64) - 1
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _put(tag, data):
    return bytes([tag]) + _put_varint(len(data)) + data


def encode(streams):
    """The inverse of `decode`."""
    out = bytearray()
    for labels, entries in streams:
        stream = bytearray(_put(0x0A, labels))
        for time, line, pairs in entries:
            seconds, nanoseconds = divmod(time, 1_000_000_000)
            stamp = b"\x08" + _put_varint(seconds)
            if nanoseconds:
                stamp += b"\x10" + _put_varint(nanoseconds)
            entry = _put(0x0A, stamp) + _put(0x12, line)
            for name, value in pairs:
                entry += _put(0x1A, _put(0x0A, name) + _put(0x12, value))
            stream += _put(0x12, entry)
        out += _put(0x0A, bytes(stream))
    return bytes(out)


def parse_labels(text):
    """The pairs of `{a="x", b="y"}`; raises where Loki would or where the form is not the canonical one."""
    if not (text.startswith("{") and text.endswith("}")):
        raise PushError("labels %r are not in braces" % text)
    pairs, at, end = [], 1, len(text) - 1
    while at < end:
        if pairs:
            if text[at : at + 2] != ", ":
                raise PushError("labels %r: expected ', ' at %d" % (text, at))
            at += 2
        name = NAME.match(text, at)
        if not name or text[name.end() : name.end() + 2] != '="':
            raise PushError("labels %r: expected name=\"value\" at %d" % (text, at))
        at = name.end() + 2
        value = []
        while True:
            if at >= end:
                raise PushError("labels %r: value without end" % text)
            char = text[at]
            if char == '"':
                at += 1
                break
            if char == "\\":
                char, at = _escape(text, at)
                value.append(char)
                continue
            if ord(char) < 0x20:
                raise PushError("labels %r: raw control character at %d" % (text, at))
            value.append(char)
            at += 1
        pairs.append((name.group(), "".join(value)))
    if not pairs:
        raise PushError("at least one label is required")
    names = [name for name, _ in pairs]
    if names != sorted(set(names)):
        raise PushError("labels %r are not sorted and distinct" % text)
    return pairs


def _escape(text, at):
    kind = text[at + 1 : at + 2]
    if kind in _ESCAPES:
        return _ESCAPES[kind], at + 2
    width = {"x": 2, "u": 4, "U": 8}.get(kind)
    digits = text[at + 2 : at + 2 + (width or 0)]
    if not width or len(digits) != width or not re.fullmatch("[0-9a-fA-F]+", digits):
        raise PushError("labels %r: bad escape at %d" % (text, at))
    return chr(int(digits, 16)), at + 2 + width
