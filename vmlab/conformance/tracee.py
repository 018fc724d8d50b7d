"""Tracee: a process of the running kernel that does, one by one, what it is told, by ptrace(2). x86-64 only.

It runs a program of one page, written here as bytes: nothing else is in its address space, so that the addresses of the
record are free and its own work takes no page fault. To make a system call is to write its registers, let it run to the
next `int3`, and read them:

    0x200000   64 KiB rw-   buffer: bytes on their way in or out, path names, mincore's vector
    0x400000    4 KiB r-x   the program: trace me; syscall; copy bytes
               the heap begins behind it
"""

import ctypes
import errno
import os
import signal
import struct
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

from .outcome import Result, error_name
from .vocabulary import PAGE, RLIMIT, WORD

BUFFER = 0x200000
BUFFER_SIZE = 16 * PAGE
TEXT = 0x400000
MEMLOCK = 8 << 20  # bytes it may lock, where that is allowed: the default of today's systems
PATIENCE = 10.0  # seconds that one step may take
SPINS = 300  # looks at a step that is not done before we sleep between them

# ptrace(2), <linux/ptrace.h>
CONT, GETREGS, SETREGS, SETOPTIONS, GETEVENTMSG, GETSIGINFO = 7, 12, 13, 0x4200, 0x4201, 0x4202
O_TRACEFORK, O_EXITKILL, EVENT_FORK = 0x2, 0x100000, 1
WALL = 0x40000000  # waitpid(2): of whatever kind the child is

CLONE_FILES, CLONE_PARENT = 0x400, 0x8000
RLIMIT_MEMLOCK = 8
PR_SET_THP_DISABLE = 41
CAPABILITY_VERSION_3 = 0x20080522

CALLS = {
    "read": 0, "write": 1, "close": 3, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "pread": 17, "pwrite": 18,
    "mremap": 25, "msync": 26, "mincore": 27, "madvise": 28, "clone": 56, "capset": 126, "mlock": 149, "munlock": 150,
    "mlockall": 151, "munlockall": 152, "prctl": 157, "remap_file_pages": 216, "exit_group": 231, "openat": 257,
    "pipe2": 293, "mlock2": 325,
}  # fmt: skip

# The program. Every way through it ends in int3 (cc), where it stops and we are told.
_TRACE_ME = bytes.fromhex(
    "31ff b865000000 0f05"  # ptrace(PTRACE_TRACEME)
    "85c0 7501 cc"  # done: stop
    "89c7 f7df b8e7000000 0f05"  # refused: exit with its errno
)
_SYSCALL = bytes.fromhex("0f05 cc")
_COPY = bytes.fromhex("8a06 8807 48ffc6 48ffc7 48ffc9 75f1 cc")  # rcx bytes from rsi to rdi, one by one, upwards
_HEADERS = 64 + 3 * 56
START = TEXT + _HEADERS
SYSCALL = START + len(_TRACE_ME)
COPY = SYSCALL + len(_SYSCALL)
RETURN = COPY + len(_COPY) - 1  # an int3, to come back to


class Gone(Exception):
    """A process that is no more, though it should be: killed from outside, or by us since it did not come back."""


class Registers(ctypes.Structure):
    """struct user_regs_struct of x86-64, <sys/user.h>."""

    _fields_ = [
        (name, ctypes.c_ulong)
        for name in (
            "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss "
            "fs_base gs_base ds es fs gs"
        ).split()
    ]


@dataclass(slots=True)
class Stop:
    """Why a tracee stopped: int3 (no signal), or a signal with its si_code; its registers then."""

    registers: Registers
    signal: str = ""
    code: int = 0


class Tracee:
    """One process, stopped except inside a method. Only the thread that started the first one may drive it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.memory = os.open(f"/proc/{pid}/mem", os.O_RDWR)
        self.stat = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
        self.registers = Registers()

    # its life
    @classmethod
    def start(cls) -> Self:
        """A process with an empty address space, no capabilities and pages of 4 KiB; OSError where ptrace is refused."""
        program = os.memfd_create("vmlab")
        try:
            os.write(program, _program())
            null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in range(3)]
            pid = os.posix_spawn(f"/proc/{os.getpid()}/fd/{program}", ["vmlab"], {}, file_actions=null, setpgroup=0)
        finally:
            os.close(program)
        status = _wait(pid)
        if not os.WIFSTOPPED(status):
            number = os.WEXITSTATUS(status) if os.WIFEXITED(status) else errno.EPERM
            raise OSError(number, os.strerror(number))
        tracee = cls(pid)
        try:
            _ptrace(SETOPTIONS, pid, 0, O_TRACEFORK | O_EXITKILL)
            _ptrace(GETREGS, pid, 0, ctypes.byref(tracee.registers))
            tracee._undress()
            tracee.settle()
        except BaseException:  # Ctrl-C too
            tracee.kill()
            raise
        return tracee

    def _undress(self) -> None:
        """Leave nothing that depends on who runs it and where: the stack, the vDSO, limits, capabilities, huge pages."""
        for line in Path(f"/proc/{self.pid}/maps").read_text().splitlines():
            start, stop = (int(address, 16) for address in line.split()[0].split("-"))
            if start > TEXT and stop < 1 << 63:
                self.syscall("munmap", start, stop - start)
        self.limit(RLIMIT["AS"], -1)
        self.limit(RLIMIT["DATA"], -1)
        self.limit(RLIMIT_MEMLOCK, MEMLOCK)
        self.write(struct.pack("<8I", CAPABILITY_VERSION_3, *[0] * 7))
        self.syscall("capset", BUFFER, BUFFER + 8)
        self.syscall("prctl", PR_SET_THP_DISABLE, 1)

    def settle(self) -> None:
        """Touch its own pages, so that no later step pays for them: at the start and, in both processes, after a fork."""
        self.run(COPY, rsi=BUFFER, rdi=BUFFER, rcx=BUFFER_SIZE)

    def fork(self) -> Self:
        """The child, stopped. Descriptors stay shared, and its parent is ours, so that it is we who reap it."""
        self._go(SYSCALL, rax=CALLS["clone"], rdi=CLONE_PARENT | CLONE_FILES | signal.SIGCHLD)
        status = self._wait()
        if status >> 8 != signal.SIGTRAP | EVENT_FORK << 8:
            number = -ctypes.c_long(self._stop(status).registers.rax).value
            raise OSError(number, os.strerror(number))
        pid = ctypes.c_ulong()
        _ptrace(GETEVENTMSG, self.pid, 0, ctypes.byref(pid))
        status = _wait(pid.value)  # the child's first stop
        if not os.WIFSTOPPED(status):
            raise Gone(f"process {pid.value} was ended at its birth")
        child = type(self)(pid.value)
        child.registers = type(self.registers).from_buffer_copy(self.registers)
        _ptrace(CONT, self.pid, 0, 0)
        self._stop(self._wait())
        self.settle()
        child.settle()
        return child

    def exit(self) -> None:
        """exit_group(0), and wait for the end."""
        self._go(SYSCALL, rax=CALLS["exit_group"], rdi=0)
        status = _wait(self.pid)
        self._close()
        if not os.WIFEXITED(status):
            raise Gone(f"process {self.pid} did not exit when it called exit_group(2): status {status:#x}")

    def kill(self) -> None:
        """End it, whatever it does, and reap it; nothing if that is done."""
        if self.memory < 0:
            return
        try:
            os.kill(self.pid, signal.SIGKILL)
            while os.WIFSTOPPED(os.waitpid(self.pid, WALL)[1]):
                pass
        except (ProcessLookupError, ChildProcessError):
            pass
        self._close()

    def _close(self) -> None:
        for fd in (self.memory, self.stat):
            if fd >= 0:
                os.close(fd)
        self.memory = self.stat = -1

    # what it does
    def run(self, rip: int, **registers: int) -> Stop:
        """Go on at rip with these registers, up to the next int3 or signal. The signal is not delivered."""
        self._go(rip, **registers)
        return self._stop(self._wait())

    def syscall(self, name: str, *arguments: int) -> Result:
        """Make a system call; its value or its error."""
        words = (argument & WORD for argument in arguments)
        given = dict(zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), words, strict=False))
        stop = self.run(SYSCALL, rax=CALLS[name], **given)
        value = stop.registers.rax
        if value > WORD - PAGE:  # -4095 .. -1, as in every libc
            return Result(errno=error_name((-value) & WORD))
        return Result(value)

    def copy(self, source: int, target: int, n: int) -> Result:
        """Copy n bytes upwards, one load and one store each; done: how many were, up to the signal."""
        stop = self.run(COPY, rsi=source, rdi=target, rcx=n)
        return Result(signal=stop.signal, code=stop.code, done=n - stop.registers.rcx)

    def jump(self, address: int) -> Result:
        """Call the code at an address; value: what it returned in rax."""
        stack = BUFFER + BUFFER_SIZE - 64
        self.write(struct.pack("<Q", RETURN), stack)
        stop = self.run(address, rsp=stack)
        return Result(stop.registers.rax, signal=stop.signal, code=stop.code)

    def limit(self, kind: int, soft: int) -> None:
        """Set a soft limit, setrlimit(2), as far as the hard one allows; -1: no other limit than that."""
        import resource  # here, since only Unix has it, and the module can be read everywhere

        hard = resource.prlimit(self.pid, kind)[1]
        allowed = soft >= 0 and (hard == resource.RLIM_INFINITY or soft <= hard)
        resource.prlimit(self.pid, kind, (soft if allowed else hard, hard))

    # what can be seen
    def read(self, n: int, address: int = BUFFER) -> bytes:
        """n bytes of its own pages."""
        return os.pread(self.memory, n, address)

    def write(self, data: bytes, address: int = BUFFER) -> None:
        """Put bytes into its own pages."""
        if os.pwrite(self.memory, data, address) != len(data):
            raise Gone(f"process {self.pid} is gone: killed from outside")

    def faults(self) -> tuple[int, int]:
        """Minor and major faults so far, proc_pid_stat(5) fields 10 and 12."""
        fields = os.pread(self.stat, 1024, 0).rpartition(b")")[2].split()
        return int(fields[7]), int(fields[9])

    # ptrace
    def _go(self, rip: int, **registers: int) -> None:
        self.registers.rip = rip
        self.registers.orig_rax = WORD  # not in a system call: nothing to restart
        for name, value in registers.items():
            setattr(self.registers, name, value)
        _ptrace(SETREGS, self.pid, 0, ctypes.byref(self.registers))
        _ptrace(CONT, self.pid, 0, 0)

    def _wait(self) -> int:
        status = _wait(self.pid)
        if not os.WIFSTOPPED(status):
            self._close()
            how = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "its own exit"
            raise Gone(f"process {self.pid} was ended by {how} in the middle of a step")
        return status

    def _stop(self, status: int) -> Stop:
        registers = Registers()
        _ptrace(GETREGS, self.pid, 0, ctypes.byref(registers))
        number = os.WSTOPSIG(status)
        if number == signal.SIGTRAP:
            return Stop(registers)
        about = (ctypes.c_int * 32)()  # siginfo_t: si_signo, si_errno, si_code, ...
        _ptrace(GETSIGINFO, self.pid, 0, ctypes.byref(about))
        return Stop(registers, signal.Signals(number).name, about[2])


def _wait(pid: int) -> int:
    """The status of a process's next stop or end. One that takes too long is killed: Gone."""
    deadline = time.monotonic() + PATIENCE
    spins = 0
    while True:
        found, status = os.waitpid(pid, WALL | os.WNOHANG)
        if found:
            return status
        spins += 1
        if spins < SPINS:
            os.sched_yield()
        elif time.monotonic() < deadline:
            time.sleep(0.0005)
        else:
            os.kill(pid, signal.SIGKILL)
            raise Gone(f"process {pid} did not come back within {PATIENCE:g} seconds and was killed")


def _ptrace(request: int, pid: int, address: int, data: object) -> None:
    """ptrace(2); Gone if there is no such process any more."""
    if _libc().ptrace(request, pid, address, data) == -1:
        number = ctypes.get_errno()
        if number == errno.ESRCH:
            raise Gone(f"process {pid} is gone: killed from outside")
        raise OSError(number, os.strerror(number))


@cache
def _libc() -> ctypes.CDLL:
    """The C library of this Python."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    return libc


def _program() -> bytes:
    """The ELF file, elf(5): the buffer, the program, and a header that asks for no executable stack."""
    load, gnu_stack, r, w, x = 1, 0x6474E551, 4, 2, 1
    elf = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, START, 64, 0, 0, 64, 56, 3, 64, 0, 0)
    for kind, rights, offset, address, size in (
        (load, r | w, PAGE, BUFFER, BUFFER_SIZE),
        (load, r | x, 0, TEXT, PAGE),
        (gnu_stack, r | w, 0, 0, 0),
    ):
        elf += struct.pack("<IIQQQQQQ", kind, rights, offset, address, address, size, size, PAGE)
    return (elf + _TRACE_ME + _SYSCALL + _COPY).ljust(PAGE, b"\0") + bytes(BUFFER_SIZE)
