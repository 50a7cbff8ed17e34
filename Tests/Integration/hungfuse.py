"""A file system that answers nothing after it is mounted: `unshare -m python3 hungfuse.py DIRECTORY`.

Ends with the process that holds /dev/fuse, and the mount with its namespace.
"""

import ctypes
import os
import struct
import sys

INIT = 26


def main(directory):
    libc = ctypes.CDLL(None, use_errno=True)
    device = os.open("/dev/fuse", os.O_RDWR)
    options = "fd=%d,rootmode=40000,user_id=0,group_id=0" % device
    if libc.mount(b"hung", directory.encode(), b"fuse.hung", 0, options.encode()) != 0:
        raise OSError(ctypes.get_errno(), "mounting %s" % directory)
    while True:
        request = os.read(device, 1 << 17)
        _, operation, unique = struct.unpack_from("=IIQ", request)
        if operation != INIT:
            continue  # and this one waits for ever
        body = struct.pack("=IIIIHHIIHHI28x", 7, 31, 0, 0, 12, 10, 1 << 16, 1, 0, 0, 0)
        os.write(device, struct.pack("=IiQ", 16 + len(body), 0, unique) + body)
        print("mounted", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
