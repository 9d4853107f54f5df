"""Frames: the same layout and the same numbers as in Node's `src/wire/messages.ts` (docs/wire.md)."""

import sys
from _socket import MSG_PEEK, MSG_WAITALL, SHUT_RD, SHUT_RDWR, socket
from _struct import Struct
from posix import set_inheritable

PROTOCOL_VERSION = 1

CONFIG = 1
TARGET = 2
CALL = 3
CALLBACK_RESULT = 7
CALLBACK_ERROR = 8
PING = 10
CANCEL = 11
READY = 16
REFUSED = 17
RESULT = 18
ERROR = 19
NOT_SERIALIZABLE = 20
RECALLED = 21
CANCELLED = 22
EXITING = 23
CALLBACK = 27
PONG = 29

KWARGS = 1
PADDED = 2
TAINTED = 4
CONTEXT = 8

_READ_BYTES = 16384
_HEADER = Struct("<IBBHIQ")
_HEADER_BYTES = _HEADER.size
_BULK_OFFSET = _READ_BYTES + _HEADER_BYTES
_TABLE_ENTRY = Struct("<Q")
_LENGTH_MASK = (1 << 56) - 1
_IOV_MAX = 512


class Connection:
    """The worker's end of the socket to Node. One thread reads, and one at a time sends."""

    def __init__(self, fd):
        set_inheritable(fd, False)
        self._socket = socket(fileno=fd)
        self._recv = self._socket.recv
        self._sendall = self._socket.sendall
        self._unpack = _HEADER.unpack_from
        self._pack = _HEADER.pack
        self._data = b""
        self._pos = 0
        self.forked = False
        """Whether this is a child that was forked in the middle of a call."""

    @property
    def buffered(self):
        """Whether bytes of a frame have been received that `read` has not given out."""
        return self._pos < len(self._data)

    def fileno(self):
        """The descriptor, for whoever waits until there is something to read."""
        return self._socket.fileno()

    def wait(self):
        """Waits until there is something to read, or the end of it. An exception may end the waiting; nothing is lost then."""
        if self._pos == len(self._data):
            self._recv(1, MSG_PEEK)

    def read(self):
        """The next frame as `(kind, flags, argument, id, payload, buffers)`; None when Node closed its end."""
        data = self._data
        pos = self._pos
        while len(data) - pos < _HEADER_BYTES:
            chunk = self._recv(_READ_BYTES)
            if not chunk:
                return None
            data = data[pos:] + chunk if pos < len(data) else chunk
            pos = 0
        size, kind, flags, count, argument, call = self._unpack(data, pos)
        begin = pos + _HEADER_BYTES
        end = begin + size
        if count == 0 and end <= len(data):
            self._data = data
            self._pos = end
            return kind, flags, argument, call, data[begin:end], ()
        self._data = data
        self._pos = begin
        payload = self._take(size)
        if payload is None:
            return None
        buffers = self._buffers(count, flags, _HEADER_BYTES + size) if count else ()
        if buffers is None:
            return None
        return kind, flags, argument, call, payload, buffers

    def _buffers(self, count, flags, before):
        table = self._take(count * _TABLE_ENTRY.size)
        if table is None:
            return None
        if flags & PADDED:
            padding = _BULK_OFFSET - before - len(table)
            if padding > 0 and self._take(padding) is None:
                return None
        buffers = []
        for (entry,) in _TABLE_ENTRY.iter_unpack(table):
            tag = entry >> 56
            size = entry & _LENGTH_MASK
            buffer = self._take(size) if tag == 0 else self._receive(tag, size)
            if buffer is None:
                return None
            buffers.append(buffer)
        return buffers

    def _take(self, size):
        """`size` bytes: received whole and uncopied when nothing of them was read before."""
        data = self._data
        pos = self._pos
        have = data[pos : pos + size]
        self._pos = pos + len(have)
        missing = size - len(have)
        if missing == 0:
            return have
        parts = [have] if have else []
        while missing:
            part = self._recv(missing, MSG_WAITALL)
            if not part:
                return None
            parts.append(part)
            missing -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _receive(self, tag, size):
        """`size` bytes in a `bytearray`, or in an `array.array` when the tag is a typecode."""
        if tag == 1:
            target = bytearray(size)
        else:
            from array import array

            target = array(chr(tag))
            count, rest = divmod(size, target.itemsize)
            if rest:
                raise ValueError("a buffer of %d bytes cannot be an array of %r" % (size, chr(tag)))
            target = array(chr(tag), (0,)) * count
        with memoryview(target) as whole, whole.cast("B") as view:
            data = self._data
            pos = self._pos
            filled = min(len(data) - pos, size)
            view[:filled] = data[pos : pos + filled]
            self._pos = pos + filled
            while filled < size:
                got = self._socket.recv_into(view[filled:], size - filled, MSG_WAITALL)
                if not got:
                    return None
                filled += got
        return target

    def send(self, kind, flags, argument, call, pieces, buffers):
        """Writes one frame now. `pieces` together are the payload, `buffers` are pairs of tag and bytes."""
        if not buffers:
            if len(pieces) == 1:
                payload = pieces[0]
                self._sendall(self._pack(len(payload), kind, flags, 0, argument, call) + payload)
                return
            size = sum(map(len, pieces))
            header = self._pack(size, kind, flags, 0, argument, call)
            self._send_gathered([header, *pieces])
            return
        size = sum(map(len, pieces))
        header = self._pack(size, kind, flags, len(buffers), argument, call)
        views = [memoryview(data).cast("B") for _, data in buffers]
        table = b"".join(
            _TABLE_ENTRY.pack(tag << 56 | view.nbytes) for (tag, _), view in zip(buffers, views)
        )
        self._send_gathered([b"".join([header, *pieces, table]), *views])

    def _send_gathered(self, parts):
        parts = [memoryview(part) for part in parts if len(part)]
        first = 0
        while first < len(parts):
            sent = self._socket.sendmsg(parts[first : first + _IOV_MAX])
            while first < len(parts) and sent >= len(parts[first]):
                sent -= len(parts[first])
                first += 1
            if sent:
                parts[first] = parts[first][sent:]

    def stop_reading(self):
        """Ends a `read` that another thread waits in: it gives None, as if Node had closed its end."""
        self._socket.shutdown(SHUT_RD)

    def close(self):
        """Ends the connection for both sides, whoever else has its descriptor."""
        try:
            self._socket.shutdown(SHUT_RDWR)
        except OSError:
            pass

    def close_after_fork(self):
        """For a forked child: lets go of the descriptor, so that the worker's end can be seen by Node."""
        self._socket.close()
        self.forked = True
        self.send = self.read = _leave


def _leave(*_):
    """A forked child came back from the call that made it. The rest of this program is not its own to run."""
    exit_now(0)


def exit_now(status):
    """Ends the process without finalization: nothing is waited for, and only what was printed is kept."""
    from posix import _exit

    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    _exit(status)
