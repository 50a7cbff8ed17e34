"""A peer that speaks as much D-Bus as it must to be misunderstood: authentication, then what a script makes of each call."""

import os
import socket
import struct
import threading


def padded(data, to):
    return data + bytes(-len(data) % to)


def text(value):
    """A string as D-Bus writes it."""
    raw = value.encode()
    return struct.pack("<I", len(raw)) + raw + b"\0"


def message(kind, fields, signature="", body=b"", length=None, serial=1):
    """A message in little endian; `fields` are (number, signature, bytes)."""
    if signature:
        fields = fields + [(8, "g", bytes([len(signature)]) + signature.encode() + b"\0")]
    header = b""
    for number, kind_of, value in fields:
        header = padded(header, 8) + bytes([number, 1]) + kind_of.encode() + b"\0"
        header = (header if kind_of == "g" else padded(header, 4)) + value
    start = struct.pack("<cBBBIII", b"l", kind, 0, 1, len(body) if length is None else length, serial, len(header))
    return padded(start + header, 8) + body


def answer(call, signature="", body=b"", **more):
    return message(2, [(5, "u", struct.pack("<I", call))], signature, body, **more)


def refusal(call, name):
    return message(3, [(4, "s", text(name)), (5, "u", struct.pack("<I", call))])


def signal(path="/a", interface="a.b", member="C"):
    return message(4, [(1, "o", text(path)), (2, "s", text(interface)), (3, "s", text(member))])


class BusPeer:
    """Listens on a socket. `script(connection, call)` is asked for each call after the greeting, by its serial number; what
    it returns is sent, and None closes. `greets` False: nothing is said at all."""

    def __init__(self, path, script=None, greets=True, first=b""):
        self.path, self.script, self.greets, self.first = path, script, greets, first
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen(8)
        self.accepted = 0
        self.open = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection = self.socket.accept()[0]
            except OSError:
                return
            self.accepted += 1
            self.open.append(connection)
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        try:
            connection.sendall(self.first)
            if not self.greets:
                return
            data = b""
            while b"BEGIN\r\n" not in data:
                got = connection.recv(65536)
                if not got:
                    return
                data += got
            connection.sendall(b"DATA\r\nOK 0123456789abcdef0123456789abcdef\r\n")
            data = data.split(b"BEGIN\r\n", 1)[1]
            is_first = True
            while True:
                while len(data) < 16:
                    data += self.more(connection)
                body, serial, fields = struct.unpack("<III", data[4:16])
                whole = 16 + fields + -fields % 8 + body
                while len(data) < whole:
                    data += self.more(connection)
                data = data[whole:]
                said = answer(serial, "s", text(":1.7")) if is_first else self.script(connection, serial)
                is_first = False
                if said is None:
                    break
                connection.sendall(said)
        except OSError:
            pass
        connection.close()

    @staticmethod
    def more(connection):
        got = connection.recv(65536)
        if not got:
            raise OSError("closed")
        return got

    def stop(self):
        self.socket.close()
        for connection in self.open:
            connection.close()
        if os.path.exists(self.path):
            os.unlink(self.path)
