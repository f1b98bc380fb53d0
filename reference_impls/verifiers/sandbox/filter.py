"""The system calls that a confined process may not make, as a seccomp filter (Linux on x86-64 and ARM64).

A list of denied calls, not of allowed ones: the C library and Python gain harmless calls with every release.
Calls newer than the list are refused as a whole, as if they did not exist; the C library then falls back to older
ones. Numbers: Linux `asm/unistd_64.h` and `asm-generic/unistd.h`; the filter's form: the manual page seccomp(2).
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from functools import cache

Numbers = tuple[int | None, int | None]  # on x86-64 and on ARM64, such as 41 and 198; None where there is no such call
_DENIED: dict[str, Numbers] = {
    # the network, and sockets that others listen on; socketpair stays, for asyncio needs one
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "accept4": (288, 242), "bind": (49, 200),
    "listen": (50, 201), "sendmsg": (46, 211), "sendmmsg": (307, 269),
    # other processes: none is stopped, traced or read, and no other program is started
    "execve": (59, 221), "execveat": (322, 281), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272), "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "setsid": (112, 157), "setpgid": (109, 154),
    # own rights: a right that was given up stays given up; setuid(0) would fail for root too
    "setuid": (105, 146), "setgid": (106, 144), "setreuid": (113, 145),
    "setregid": (114, 143), "setresuid": (117, 147), "setresgid": (119, 149), "setfsuid": (122, 151),
    "setfsgid": (123, 152), "setgroups": (116, 159), "capset": (126, 91), "personality": (135, 92),
    "unshare": (272, 97), "setns": (308, 268),
    # the content, the name, the owner and the times of a file; reading is left to Landlock (confine.py)
    "creat": (85, None), "truncate": (76, 45), "ftruncate": (77, 46), "fallocate": (285, 47), "rename": (82, None),
    "renameat": (264, 38), "renameat2": (316, 276), "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None),
    "link": (86, None), "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36), "unlink": (87, None),
    "unlinkat": (263, 35), "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "mknod": (133, None), "mknodat": (259, 33),
    "utime": (132, None), "utimes": (235, None), "utimensat": (280, 88), "futimesat": (261, None),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14),
    "lremovexattr": (198, 15), "fremovexattr": (199, 16), "open_by_handle_at": (304, 265),
    # memory that outlives the process or escapes its limit
    "memfd_create": (319, 279), "shmget": (29, 194), "shmat": (30, 196), "semget": (64, 190), "msgget": (68, 186),
    "mq_open": (240, 180), "mq_unlink": (241, 181), "io_setup": (206, 0), "userfaultfd": (323, 282),
    # the machine
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "reboot": (169, 142),
    "swapon": (167, 224), "swapoff": (168, 225), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "kexec_load": (246, 104), "kexec_file_load": (320, 294), "bpf": (321, 280),
    "perf_event_open": (298, 241), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "acct": (163, 89), "settimeofday": (164, 170), "clock_settime": (227, 112), "adjtimex": (159, 171),
    "clock_adjtime": (305, 266), "sethostname": (170, 161), "setdomainname": (171, 162), "iopl": (172, None),
    "ioperm": (173, None), "quotactl": (179, 60), "syslog": (103, 116), "modify_ldt": (154, None),
    "vhangup": (153, 58),
}  # fmt: skip
# Calls that the server needs to start a trial and a trial gives up: new processes, own limits, the settings of prctl
_DENIED_IN_TRIAL: dict[str, Numbers] = {
    "fork": (57, None), "vfork": (58, None), "setrlimit": (160, 164), "prctl": (157, 167),
}  # fmt: skip
_NEWER = 424  # from here on both tables agree: 424 pidfd_send_signal, 425 io_uring_setup, 435 clone3, 437 openat2, …
_NEWER_ALLOWED = (436, 439, 449)  # close_range, faccessat2, futex_waitv
# open flags that can change a file: O_RDONLY alone passes. O_TMPFILE contains O_DIRECTORY, which may be opened
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_TMPFILE", 0) & ~os.O_DIRECTORY
_CLONE_THREAD = 0x10000
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, AUDIT_ARCH

# The opcodes of classic BPF that are needed: load a word, jump if equal / at least / any bit set, return.
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2  # prctl(2)
_SOME_PID = 0x7EADBEEF  # stands for the own process id in the prepared filter; larger than any real one

Step = tuple[int, int, int, int]  # opcode, steps to skip if true, steps to skip if false, operand
Rule = tuple[Numbers, int, int, int, bool]  # the call, which argument, test, operand, whether true means denied


def available() -> bool:
    """Return whether this machine is one that the filter is written for."""
    return sys.platform == "linux" and platform.machine() in _ARCHITECTURES and sys.maxsize > 2**32


def install() -> bool:
    """Confine this process and its children for good, all but what `install_in_trial` denies; return whether it holds.

    In two parts, for the kernel compiles a filter where it is installed: the long one once, the short one per trial.
    """
    if not available():
        return False
    column, _ = _here()
    steps: list[Step] = []
    for number in _NEWER_ALLOWED:
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    # also the x32 calls of x86-64, whose numbers begin at 0x40000000; at ENOSYS the C library takes clone for clone3
    steps += [(_AT_LEAST, 0, 1, _NEWER), (_RETURN, 0, 0, _REFUSE | errno.ENOSYS)]
    rules: list[Rule] = [
        ((2, None), 1, _ANY_BIT, WRITES, True),  # open
        ((257, 56), 2, _ANY_BIT, WRITES, True),  # openat
        ((44, 206), 4, _EQUAL, 0, False),  # sendto: only without an address, as send() on a connected socket does
    ]
    libc().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    _in_trial()
    return _install(_packed(steps + _denied(_DENIED, column) + _by_argument(rules, column)))


def install_in_trial(own_pid: int) -> bool:
    """Deny this process other processes and changes of its own limits; threads started later inherit it."""
    if not available():
        return False
    return _install(_in_trial().replace(struct.pack("I", _SOME_PID), struct.pack("I", own_pid)))


@cache
def _in_trial() -> bytes:
    """Return the filter of a trial, for the process `_SOME_PID`; made once, for a trial should take no time."""
    column, _ = _here()
    rules: list[Rule] = [
        ((56, 220), 0, _ANY_BIT, _CLONE_THREAD, False),  # clone: threads only
        ((62, 129), 0, _EQUAL, _SOME_PID, False),  # kill: oneself only
        ((234, 131), 0, _EQUAL, _SOME_PID, False),  # tgkill
        ((302, 261), 2, _EQUAL, 0, False),  # prlimit64: reading only
    ]
    return _packed(_denied(_DENIED_IN_TRIAL, column) + _by_argument(rules, column))


def _here() -> tuple[int, int]:
    return _ARCHITECTURES[platform.machine()]


def _packed(steps: list[Step]) -> bytes:
    """Return a filter of these steps, after a check that the call's number is one of our tables."""
    start = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, _here()[1]), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER)]
    return b"".join(struct.pack("HBBI", *step) for step in [*start, *steps, (_RETURN, 0, 0, _ALLOW)])


def _install(packed: bytes) -> bool:
    content = ctypes.create_string_buffer(packed, len(packed))
    # struct sock_fprog: the number of steps in two bytes, padding, and the address of the steps, 8 bytes each
    head = struct.pack("HxxxxxxP", len(packed) // 8, ctypes.addressof(content))
    return bool(libc().prctl(_SET_SECCOMP, _FILTER, head, 0, 0) == 0)


@cache
def libc() -> ctypes.CDLL:
    """Return the C library of this process, opened once: each opening makes new types."""
    return ctypes.CDLL(None)


def _denied(calls: dict[str, Numbers], column: int) -> list[Step]:
    steps: list[Step] = []
    for numbers in calls.values():
        number = numbers[column]
        if number is not None:  # an equal number meets the refusal, any other skips that step
            steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE | errno.EPERM)]
    return steps


def _by_argument(rules: list[Rule], column: int) -> list[Step]:
    """Return the steps for calls that are denied for some arguments.

    Only the low 32 bits of an argument are compared: those of a pointer are all 0 only where it is null.
    """
    steps: list[Step] = []
    for numbers, position, test, operand, denied_if_true in rules:
        number = numbers[column]
        if number is not None:
            steps += [
                (_EQUAL, 0, 4, number),  # another call: skip the four steps of this rule
                (_LOAD, 0, 0, _ARGUMENTS + 8 * position),
                (test, 0, 1, operand) if denied_if_true else (test, 1, 0, operand),
                (_RETURN, 0, 0, _REFUSE | errno.EPERM),
                (_LOAD, 0, 0, _NUMBER),  # the next rule compares the call's number again
            ]
    return steps
