# SPDX-License-Identifier: ISC
"""Puts a program into what a systemd unit allows, as far as it can be had
without systemd: folders read-only, bounding set, no_new_privs, the filter of
system calls, no memory both writable and executable."""
import ctypes
import os
import re
import subprocess
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_MDWE = 38, 65
SCMP_ACT_ALLOW, SCMP_ACT_EPERM = 0x7FFF0000, 0x00050001


def settings(path):
    """name -> the list of values, of all sections."""
    out = {}
    with open(path, encoding="utf-8") as f:
        for name, value in re.findall(r"^(\w+)=(.*)$", f.read(), re.M):
            out.setdefault(name, []).append(value)
    return out


def expand(name, seen=()):
    """The system calls of a group of systemd's."""
    if not name.startswith("@"):
        return {name}
    out = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter", name],
                         capture_output=True, text=True, check=True).stdout
    words = [line.strip() for line in out.splitlines()[1:]
             if line.strip() and not line.strip().startswith("#")]
    return set().union(*(expand(w, (*seen, name)) for w in words if w not in seen))


def allowed(unit):
    calls = set()
    for value in settings(unit)["SystemCallFilter"]:
        words = value.lstrip("~").split()
        some = set().union(*(expand(w) for w in words))
        calls = calls - some if value.startswith("~") else calls | some
    return calls


def command(unit, calls, folder, writable, argv):
    """What to run for argv in there; root only.  The program's PID is that of
    the command.  folder is ours and holds the writable ones."""
    caps = ",".join("+" + c[4:].lower() for c in
                    settings(unit)["CapabilityBoundingSet"][0].split())
    root = os.path.join(folder, "cage")
    os.makedirs(root, exist_ok=True)
    # the folder may be on another mount than /
    script = f"""set -e
mount --rbind / '{root}'
for f in '{folder}' {' '.join(f"'{w}'" for w in writable)}; do
	mount --bind '{root}'"$f" '{root}'"$f"
done
mount -o remount,bind,ro '{root}{folder}'
mount -o remount,bind,ro '{root}'
exec chroot '{root}' setpriv --bounding-set=-all,{caps} {sys.executable} "$@" """
    return ["unshare", "-m", "sh", "-c", script, "cage", os.path.abspath(__file__),
            calls, *argv]


def main(names, *argv):
    lib, libc = ctypes.CDLL("libseccomp.so.2"), ctypes.CDLL(None, use_errno=True)
    lib.seccomp_init.restype = ctypes.c_void_p
    ctx = ctypes.c_void_p(lib.seccomp_init(SCMP_ACT_EPERM))
    for name in names.split(","):
        number = lib.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:     # else another architecture's
            lib.seccomp_rule_add(ctx, SCMP_ACT_ALLOW, number, 0)
    # systemd forbids the same by a filter; kernels from 6.3 know this
    libc.prctl(PR_SET_MDWE, 1, 0, 0, 0)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or lib.seccomp_load(ctx):
        sys.exit("the filter does not load")
    os.execv(argv[0], argv)


if __name__ == "__main__":
    main(*sys.argv[1:])
