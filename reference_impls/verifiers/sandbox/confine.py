"""The rights that a process gives up for good before it runs code that it does not trust."""

import os
import resource
import struct
import sys
from contextlib import suppress
from functools import partial
from math import ceil

from reference_impls.verifiers.sandbox import filter as system_calls
from reference_impls.verifiers.sandbox.filter import libc

_NEW_USER, _NEW_PID, _NEW_NET, _NEW_IPC = 0x10000000, 0x20000000, 0x40000000, 0x08000000
_NO_NEW_PRIVILEGES, _DUMPABLE = 38, 4
# Landlock (Linux 5.13): the numbers of its calls, and its rights by version of its interface
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}  # how many of the rights' bits the version knows; 16 from 5 on
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/dev/urandom", "/dev/null")


def apart() -> bool:
    """Move this process to namespaces without a network and, for its children, without other processes.

    Returns whether the next child is the first process of its own world: when that one ends, all in it end.
    Where namespaces are not allowed (some containers) the system-call filter still holds.
    """
    if sys.platform != "linux":
        return False
    world = _NEW_PID | _NEW_NET | _NEW_IPC
    return bool(libc().unshare(_NEW_USER | world) == 0 or libc().unshare(world) == 0)


def read_only_libraries() -> bool:
    """Leave this process and its children only Python's own files to open; return whether the kernel does so.

    Otherwise a program could read the expected answers from the task's file.
    """
    if sys.platform != "linux":
        return False
    libc().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    version = libc().syscall(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return False
    handled = struct.pack("Q", (1 << _RIGHTS.get(version, 16)) - 1)
    ruleset = libc().syscall(_CREATE_RULESET, handled, len(handled), 0)
    if ruleset < 0:
        return False
    for path in {*sys.path, *_LIBRARIES}:
        with suppress(OSError):
            beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
            rights = _READ_FILE | _READ_FOLDER if os.path.isdir(path) else _READ_FILE  # noqa: PTH112 - one call
            libc().syscall(_ADD_RULE, ruleset, 1, struct.pack("=Qi", rights, beneath), 0)
            os.close(beneath)
    done = bool(libc().syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    os.close(ruleset)
    return done


def limit(memory_mb: int) -> None:
    """Limit each child of this process; `confine` sets the limits that the server itself could not bear."""
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_AS, memory_mb << 20),
    ):
        with suppress(OSError, ValueError):  # macOS refuses some
            resource.setrlimit(what, (most, most))


def confine(seconds: float, child: int = 0) -> None:
    """Limit this process's time, and deny it other processes; where the filter is missing, all that Python can deny.

    Where its child does not end with it by itself, it may still end that one. Kept short: it runs in every trial.
    """
    resource.setrlimit(resource.RLIMIT_CPU, (ceil(seconds) + 1, ceil(seconds) + 2))
    if not system_calls.install_in_trial(os.getpid()):
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        sys.addaudithook(partial(_refuse, child))


def unreadable() -> None:
    """Close this process's memory to others of the same user, who could read the tests from it."""
    if sys.platform == "linux":
        libc().prctl(_DUMPABLE, 0, 0, 0, 0)


_REFUSED = (
    "socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "subprocess.Popen", "os.fork",
    "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.kill", "os.killpg", "os.remove",
    "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown", "os.utime",
    "shutil.rmtree", "ctypes.dlopen",
)  # fmt: skip


def _refuse(child: int, event: str, arguments: tuple[object, ...]) -> None:
    """Refuse in Python the calls that the filter would refuse in the kernel; it does not stop native code."""
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & system_calls.WRITES
    ends_child = event == "os.kill" and child and arguments[0] == child
    if (event in _REFUSED and not ends_child) or writes:
        raise PermissionError(f"{event} is not allowed here")
