"""The floor: what a Python process on a duplex fd can do when it decodes nothing. Frames are a length, an id and
a body (u32, u32, bytes); each goes back as it came, small ones of one read together, big ones received in place."""

import _socket

connection = _socket.socket(fileno=3)
pending = b""
while data := connection.recv(65536):
    pending += data
    at = 0
    while len(pending) - at >= 8:
        end = at + 8 + int.from_bytes(pending[at : at + 4], "little")
        if end > len(pending):
            if end - len(pending) > 65536:
                have = len(pending) - at
                big = memoryview(bytearray(end - at))
                big[:have] = pending[at:]
                while have < len(big):
                    got = connection.recv_into(big[have:], 0, _socket.MSG_WAITALL)
                    if not got:
                        raise SystemExit
                    have += got
                connection.sendall(pending[:at])
                connection.sendall(big)
                pending, at = b"", 0
            break
        at = end
    if at:
        connection.sendall(pending[:at])
        pending = pending[at:]
