"""Kernels that need not import torch: each is forked from one process that has imported it.

A kernel is a process of its own, as ever: only the seconds that its imports take are spent once for all of them. Two programs:

    python warm_kernels.py stove SOCKET            imports, then forks a kernel whenever it is asked to
    python warm_kernels.py kernel SOCKET FILE      what a Jupyter server starts: asks for a kernel and stands for it

What stands for a kernel and the kernel itself hold the two ends of one connection: where one goes, the other goes, too.
Where the stove is out, a kernel is started as usual.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import traceback

TYPE = getattr(socket, "SOCK_SEQPACKET", 0)  # Linux alone forks safely after so many imports
MOST = 1 << 20  # bytes of a message


def available() -> bool:
    """Whether kernels can be forked here."""
    return sys.platform == "linux"


# what stands for a kernel; it imports next to nothing ----------------------------------------------------------------


def stand_for_a_kernel(address: str, connection_file: str) -> None:
    """Ask for a kernel, hand interrupts on to it, and end with it."""
    line = socket.socket(socket.AF_UNIX, TYPE)
    try:
        line.connect(address)
    except OSError:
        os.execv(sys.executable, [sys.executable, "-m", "ipykernel_launcher", "-f", connection_file])
    signal.signal(signal.SIGINT, lambda *_: line.send(b"interrupt"))
    # Importing pathlib would take longer than all the rest.
    wish = {"file": connection_file, "folder": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109
    socket.send_fds(line, [json.dumps(wish).encode()], [0, 1, 2])
    line.recv(1)  # nothing is ever said: it ends


# the stove -----------------------------------------------------------------------------------------------------------


def keep_warm(address: str) -> None:
    """Import what kernels need and fork one for whoever asks, until standard input ends."""
    listener = socket.socket(socket.AF_UNIX, TYPE)
    listener.bind(address)
    listener.listen(64)  # who asks meanwhile, waits
    import_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the kernels
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        line, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            become_a_kernel(line)
        line.close()


def import_all() -> None:
    """Import what a notebook with our widgets does."""
    import cnnvis_widgets

    for module in ("ipykernel.kernelapp", "ipykernel.zmqshell", "ipywidgets"):
        importlib.import_module(module)
    for name in cnnvis_widgets.__all__:
        getattr(cnnvis_widgets, name)


def become_a_kernel(line: socket.socket) -> None:
    """Be the kernel that is asked for; does not return."""
    from ipykernel.kernelapp import IPKernelApp

    try:
        file = take_the_place(line)
        threading.Thread(target=listen, args=(line,), daemon=True).start()
        IPKernelApp.launch_instance(["-f", file])
    except Exception:  # noqa: BLE001 — there must not be a second stove
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)  # taking torch down object by object takes a second


def take_the_place(line: socket.socket) -> str:
    """Take folder, environment and standard streams of what stands for the kernel; the file that says how to connect."""
    import numpy as np

    message, streams, _, _ = socket.recv_fds(line, MOST, 3)
    wish = json.loads(message)
    for standard, given in enumerate(streams):
        os.dup2(given, standard)
        os.close(given)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(wish["folder"])
    os.environ.clear()
    os.environ.update(wish["environment"])
    os.environ.pop("JPY_PARENT_PID", None)  # it is not the parent of this process; the line tells more
    np.random.seed()  # noqa: NPY002 — what drew from the system's noise when it was imported, does so again
    return str(wish["file"])


def listen(line: socket.socket) -> None:
    """Pass interrupts on to this process, and end it when nobody stands for it any more."""
    while line.recv(16):
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(1)


if __name__ == "__main__":
    {"stove": keep_warm, "kernel": stand_for_a_kernel}[sys.argv[1]](*sys.argv[2:])
