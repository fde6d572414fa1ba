"""The process that custom code runs under: a script of its own that imports nothing of Flowapp but its fork server.

`ProcessSandbox` starts it with a clean environment and one socket. It imports the interpreter once, gives up what it may
do, and forks a *runner* for each run; the runner starts the interpreter (the program `monty`, a process of its own),
locks it up and hands it the code. When a run's channel is closed the run is ended (see fork_server.py).

On the socket comes one byte for each run, together with that run's channel. On a channel: in, the request, a JSON object
{source, inputs, timeout (seconds)} until end of file; out, a line of JSON for each message: ["ready"], ["print", text]
…, and as the last ["done", result] or ["failed", kind, details].

All limits are the kernel's. Namespaces and the change to “nobody” are taken where the system grants them.
"""

from __future__ import annotations

import ast
import contextlib
import ctypes
import errno
import importlib
import json
import keyword
import math
import os
import pwd
import resource
import shutil
import signal
import socket
import struct
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from flowapp.security.helpers.fork_server import ForkServer

if TYPE_CHECKING:
    from pydantic_monty import MontySession

MIB = 1024 * 1024
CPU_SECONDS = 2
MEMORY = 128 * MIB
MAX_OUTPUT = 256 * 1024
MAX_LINES = 200
MAX_LOG = 64 * 1024
MAX_MESSAGE = 2000
MAX_DIGITS = 300  # of a whole number: flowapp.exact_json
MAX_DEPTH = 100  # the most that expressions read
GRACE = 3  # seconds past the timeout until the kernel ends a runner that did not end its run itself
# Address space beyond what a process holds before it sees any code (that depends on the machine's processors). The
# interpreter counts its memory itself and stops at MEMORY; with allocator and copies it was measured to take 148 MiB then.
# The runner takes up to 120 MiB while it takes over the largest result.
INTERPRETER_SPACE = MEMORY + 64 * MIB
RUNNER_SPACE = 256 * MIB
NEW_NETWORK, NEW_USERS = 0x40000000, 0x10000000  # linux/sched.h: CLONE_NEW…
FILTER, NO_NEW_PRIVILEGES = 22, 38  # linux/prctl.h: PR_SET_…
# What reaches another process: kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo, pidfd_send_signal, ptrace,
# process_vm_readv, process_vm_writev, pidfd_open, pidfd_getfd; by machine, after its number in linux/audit.h.
REACHING_OUT = {
    "x86_64": (0xC000003E, (62, 200, 234, 129, 297, 424, 101, 310, 311, 434, 438)),
    "aarch64": (0xC00000B7, (129, 130, 131, 138, 240, 424, 117, 270, 271, 434, 438)),
}

# Runs beside the code. The interpreter gives what it has no other word for as the text that Python shows of it, so what is
# to become a list, and what cannot be handed on, is told while its type is known. The code may give our names other meanings.
PLAIN = """
def _flowapp_plain(value, type=type, list=list, repr=repr, enumerate=enumerate):
    odd = []
    single = ('str', 'int', 'float', 'bool', 'NoneType')

    def plain(value, where, depth):
        name = type(value).__name__
        if name in ('dict_keys', 'dict_values', 'dict_items', 'range') or name.endswith('iterator'):
            value, name = list(value), 'list'
        if depth > 100 or name in single:
            return value
        if name in ('list', 'tuple'):
            return [plain(part, where + '[' + repr(at) + ']', depth + 1) for at, part in enumerate(value)]
        if name == 'dict':
            odd.extend(['key', where, type(key).__name__] for key in value if type(key).__name__ not in single)
            return {key: plain(part, where + '[' + repr(key)[:50] + ']', depth + 1) for key, part in value.items()}
        odd.append(['type', where, name])
        return value

    return plain(value, 'result', 0), odd
"""
Given = tuple[object, list[list[str]]]  # a value; and of its parts that are no JSON: what is not, where, its type


class Printer:
    """Passes on whole lines until there are too many; ends a run that floods it."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._rest = ""
        self._lines = self._taken = self._logged = 0

    def __call__(self, _stream: Literal["stdout", "stderr"], text: str) -> None:
        self._taken += len(text.encode())
        if self._taken > MAX_OUTPUT:
            send(self._channel, "failed", "printed")
            os._exit(0)
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._pass_on(line)

    def close(self) -> None:
        """Passes on a last line without an end."""
        if self._rest:
            self._pass_on(self._rest)

    def _pass_on(self, line: str) -> None:
        self._lines += 1
        self._logged += len(line.encode())
        if self._lines <= MAX_LINES and self._logged <= MAX_LOG:
            send(self._channel, "print", line)
        elif self._lines <= MAX_LINES or self._lines == MAX_LINES + 1:
            self._lines = MAX_LINES + 1
            send(self._channel, "cut")


def send(channel: socket.socket, *message: object) -> None:
    """One message."""
    channel.sendall(json.dumps(message, ensure_ascii=False).encode(errors="replace") + b"\n")


def main(control: socket.socket) -> None:
    """Forks a runner for each channel that comes, until the socket is closed."""
    # What runners need: they may not be let into the folders of the libraries any more.
    for library in ("pydantic_monty", "datetime", "decimal", "fractions", "traceback", "uuid", "zoneinfo"):
        importlib.import_module(library)
    program = find_interpreter()
    give_up_rights()
    os.dup2(1, 2)  # until here, the server's log; the interpreter writes there what code makes it write
    ForkServer(control, lambda channel, _message: become_runner(channel, program)).run()


def find_interpreter() -> str:
    """Its path; held open where possible, since “nobody” may not be let into the folder that it is in."""
    search_path = os.pathsep.join((sysconfig.get_path("scripts"), os.environ["PATH"]))
    path = shutil.which("monty", path=search_path)
    if path is None:
        raise FileNotFoundError("monty, of pydantic-monty-runtime, is not installed.")
    return f"/proc/self/fd/{os.open(path, os.O_RDONLY)}" if sys.platform == "linux" else path


def give_up_rights() -> None:
    """No network, no rights of root, none to be got back."""
    root = os.geteuid() == 0
    if sys.platform == "linux":
        unshare(NEW_NETWORK if root else NEW_USERS | NEW_NETWORK)
    if root:
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
    if sys.platform == "linux":
        prctl(NO_NEW_PRIVILEGES, 1)


def unshare(flags: int) -> bool:
    """Whether the kernel gave namespaces of one's own: in many containers it may not."""
    return bool(ctypes.CDLL(None).unshare(flags) == 0)


def prctl(option: int, value: int, pointer: int = 0) -> None:
    """A setting of this process that the kernel keeps."""
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, ctypes.c_void_p(pointer), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def keep_off_other_processes() -> None:
    """Whatever runs from here on cannot read, trace or signal a process, not even one of the same user.

    A filter of system calls: a list of instructions {code, jump if true, jump if false, value}, see linux/filter.h.
    """
    if os.uname().machine not in REACHING_OUT:
        return
    architecture, calls = REACHING_OUT[os.uname().machine]
    no = len(calls) + 5
    lines = [
        (0x20, 0, 0, 4),  # load the architecture
        (0x15, 0, no - 2, architecture),
        (0x20, 0, 0, 0),  # load the call's number
        (0x35, no - 4, 0, 0x40000000),  # the same calls by other numbers
        *((0x15, no - at, 0, call) for at, call in enumerate(calls, 5)),
        (0x06, 0, 0, 0x7FFF0000),  # yes
        (0x06, 0, 0, 0x00050000 | errno.EPERM),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    program = ctypes.create_string_buffer(struct.pack("HP", len(lines), ctypes.addressof(code)))
    with contextlib.suppress(OSError):  # a kernel without filters
        prctl(FILTER, 2, ctypes.addressof(program))


def lock_up() -> None:
    """The interpreter has its threads and pipes: from here on it can open no file, no socket, and start nothing."""
    if sys.platform != "linux":
        return
    children = [int(pid) for file in Path("/proc/self/task").glob("*/children") for pid in file.read_text().split()]
    if len(children) != 1:
        raise RuntimeError("The interpreter's process is not to be found under /proc.")
    for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE):
        resource.prlimit(children[0], limit, (0, 0))
    for pid, more in ((children[0], INTERPRETER_SPACE), (os.getpid(), RUNNER_SPACE)):
        space = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize() + more
        resource.prlimit(pid, resource.RLIMIT_AS, (space, space))


def become_runner(channel: socket.socket, program: str) -> None:
    """Does one run."""
    try:
        if sys.platform == "linux":
            keep_off_other_processes()
        for limit, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, 32)):
            resource.setrlimit(limit, (most, most))
        # The interpreter inherits it. SIGXCPU, unlike what the hard limit sends, says what happened.
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
        send(channel, "ready")
        with channel.makefile("rb") as request:
            serve(channel, json.load(request), program)
    except Exception as error:  # noqa: BLE001 - whatever it was, it was not the code's doing
        send(channel, "unable", f"{type(error).__name__}: {error}"[:MAX_MESSAGE])


def serve(channel: socket.socket, request: dict[str, Any], program: str) -> None:
    """Runs the code and sends what came of it; the kernel ends the run where this cannot."""
    from pydantic_monty import Monty, MontyError

    timeout = request["timeout"]
    signal.setitimer(signal.ITIMER_REAL, timeout + GRACE)
    with (
        Monty(binary_path=program, max_processes=1) as pool,
        pool.checkout(
            limits={"max_memory": MEMORY, "max_feed_duration_secs": timeout, "max_total_sleep_secs": 0.0}
        ) as session,
    ):
        session.feed_run("None")  # it is up, and has all its threads
        lock_up()
        printer = Printer(channel)
        try:
            value, odd = evaluate(session, request["source"], request["inputs"], printer)
            printer.close()
            answer(channel, value, odd)
        except (MontyError, MemoryError, RecursionError) as error:
            printer.close()
            send(channel, "failed", *reason(error))
        os._exit(0)  # the zygote ends the interpreter


def evaluate(session: MontySession, source: str, inputs: dict[str, Any], printer: Printer) -> Given:
    """What the code hands on: `result` if it sets one, else what it returns, else the value of its last line.

    A `return` wins over `result`: whoever writes it means it.
    """
    from pydantic_monty import MontyRuntimeError

    names = {name: value for name, value in inputs.items() if name.isidentifier() and not keyword.iskeyword(name)}
    session.feed_run(PLAIN)
    given: Given | None = session.feed_run(
        handing_on(source), inputs={**names, "input": inputs}, print_callback=printer
    )
    value, odd = given or (None, [])
    if value is not None and returns(source):
        return value, odd
    try:
        result: Given = session.feed_run("_flowapp_plain(result)")
    except MontyRuntimeError as error:
        if isinstance(error.exception(), NameError):
            return value, odd
        raise
    return result


def handing_on(source: str) -> str:
    """The code, on the same lines: what it returns, and the value of its last line, are seen by `_flowapp_plain`."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the interpreter says what is wrong with it
        return source
    values = [node.value for node in of_the_code_itself(tree) if isinstance(node, ast.Return) and node.value]
    values += [node.value for node in tree.body[-1:] if isinstance(node, ast.Expr)]
    lines = source.encode().split(b"\n")
    for node in sorted(values, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        for line, column, text in (
            (node.end_lineno or node.lineno, node.end_col_offset or 0, b"))"),
            (node.lineno, node.col_offset, b"_flowapp_plain(("),
        ):
            lines[line - 1] = lines[line - 1][:column] + text + lines[line - 1][column:]
    return b"\n".join(lines).decode()


def returns(source: str) -> bool:
    """Whether the code itself, not a function in it, has a `return`."""
    try:
        return any(isinstance(node, ast.Return) for node in of_the_code_itself(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def of_the_code_itself(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes that are not inside a function or class."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield child
            yield from of_the_code_itself(child)


def answer(channel: socket.socket, value: object, odd: list[list[str]]) -> None:
    """Sends the result if it is JSON and of decent size. `odd`: of its parts, what the interpreter can only describe."""
    told = [(kind, {"where": where[:MAX_MESSAGE], "type": name}) for kind, where, name in odd[:1]]
    if bad := objection(value) or (told[0] if told else None):
        send(channel, "failed", *bad)
        return
    text = json.dumps(value, ensure_ascii=False).encode(errors="replace")
    if len(text) > MAX_OUTPUT:
        send(channel, "failed", "output")
    else:
        channel.sendall(b'["done", ' + text + b"]\n")


def objection(value: Any, where: str = "result", depth: int = 0) -> tuple[str, dict[str, str]] | None:
    """Why a value cannot be handed on as JSON, and which part of it; None for a good one."""
    kind = ""
    if isinstance(value, dict | list | tuple):
        kind = "deep" if depth == MAX_DEPTH else ""
    elif isinstance(value, int):
        kind = "" if abs(value) < 10**MAX_DIGITS else "big"
    elif isinstance(value, float):
        kind = "" if math.isfinite(value) else "infinite"
    elif not isinstance(value, str | None):
        kind = "type"
    if kind:
        name = value.name if type(value).__module__ == "pydantic_monty" else type(value).__name__
        return kind, {"where": where[:MAX_MESSAGE], "type": str(name)}
    if isinstance(value, dict):
        odd = next((key for key in value if not isinstance(key, str | int | float | None)), None)
        if odd is not None:
            return "key", {"where": where[:MAX_MESSAGE], "type": type(odd).__name__}
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    return next(filter(None, (objection(part, f"{where}[{key!r:.50}]", depth + 1) for key, part in parts)), None)


def reason(error: Exception) -> tuple[str, dict[str, str]]:
    """What went wrong, as a kind and what the message about it needs."""
    from pydantic_monty import MontyCrashedError, MontyRuntimeError, MontySyntaxError

    if isinstance(error, MontyCrashedError):
        return "time" if error.timed_out else "cpu" if "SIGXCPU" in str(error) else "crashed", {}
    if not isinstance(error, MontySyntaxError | MontyRuntimeError):
        return "lost", {}  # what it gave could not be taken over
    inner, frames = error.exception(), error.traceback()
    message = str(inner)
    if isinstance(inner, MemoryError) and "memory limit" in message:
        return "memory", {}
    if isinstance(inner, TimeoutError) and "limit exceeded" in message:
        return "sleep" if message.startswith("sleep") else "time", {}
    details = {"type": type(inner).__name__, "message": message[:MAX_MESSAGE]}
    if frames:
        details["line"] = str(frames[-1].line)
    return "syntax" if isinstance(error, MontySyntaxError) else "error" if frames else "error_somewhere", details


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
