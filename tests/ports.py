#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Free ports of 127.0.0.1 for servers of tests.

    ports.py [N]

prints N of them, or one."""
import random
import socket
import sys

ours = []       # marks of ports, for as long as we live


def free_port():
    """Below the kernel's own range, so that no outgoing connection takes it, and
    marked, so that no other test does before whoever asked listens there."""
    for _ in range(1000):
        port = random.randrange(12000, 32000)
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0slackmcpd-test-port-{port}")
        except OSError:
            mark.close()
            continue
        ours.append(mark)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


if __name__ == "__main__":
    print(*(free_port() for _ in range(int(sys.argv[1]) if sys.argv[1:] else 1)))
