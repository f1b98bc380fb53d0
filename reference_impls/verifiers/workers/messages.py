"""Messages over a socket: a length of four bytes, then the bytes. Nothing here reads the content of a message."""

import socket
import struct

LIMIT = 64 << 20  # bytes; a longer message is not ours
_HEAD = struct.Struct(">I")


class BrokenError(Exception):
    """The other process is gone."""


class GarbledError(Exception):
    """The bytes are no message: some other code has written into the connection."""


def send(connection: socket.socket, payload: bytes) -> None:
    """Send one message."""
    try:
        connection.sendall(_HEAD.pack(len(payload)) + payload)
    except TimeoutError:
        raise
    except OSError as error:
        raise BrokenError(f"the other side is gone ({error.strerror})") from error


def receive(connection: socket.socket) -> bytes:
    """Wait for one message and return it; the socket's own time limit is the limit of each wait."""
    (length,) = _HEAD.unpack(_exactly(connection, _HEAD.size))
    if length > LIMIT:
        raise GarbledError(f"a message of {length} bytes, expected at most {LIMIT}")
    return _exactly(connection, length)


def _exactly(connection: socket.socket, count: int) -> bytes:
    parts: list[bytes] = []
    while count:
        try:
            part = connection.recv(min(count, 1 << 20))
        except TimeoutError:
            raise
        except OSError as error:
            raise BrokenError(f"the other side is gone ({error.strerror})") from error
        if not part:
            raise BrokenError("the other side ended")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
