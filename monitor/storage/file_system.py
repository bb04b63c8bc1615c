"""Refuse a directory that lies on another machine, where SQLite cannot keep a state whole."""

from __future__ import annotations

import errno
import re
from pathlib import Path, PurePosixPath

_MOUNTS = Path("/proc/self/mountinfo")
_REMOTE = re.compile(
    r"nfs4?|cifs|smb3|smbfs|9p|afs|ceph|glusterfs|lustre|fuse\.(sshfs|glusterfs|s3fs|rclone)"
)
_ESCAPED = re.compile(r"\\([0-7]{3})")


def require_local(directory: Path) -> None:
    """Raise OSError for a directory of a network file system.

    Its locks and its shared memory, which a WAL needs, do not hold for two machines
    (https://sqlite.org/wal.html). Where the system does not say what is mounted, nothing is refused.
    """
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    kind = file_system_of(PurePosixPath(directory.resolve()), mounts)
    if _REMOTE.fullmatch(kind):
        raise OSError(
            errno.EREMOTE,
            f"it is on a network file system ({kind}), give it a local disk",
        )


def file_system_of(path: PurePosixPath, mounts: str) -> str:
    """Return the kind of file system of a path in the text of mountinfo (proc_pid_mountinfo(5)); "" if none."""
    found, longest = "", -1
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split()
        if len(fields) < 5 or not right:
            continue
        point = PurePosixPath(
            _ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[4])
        )
        # Of two mounts on one point the later one covers the earlier.
        if path.is_relative_to(point) and len(point.parts) >= longest:
            found, longest = right.split()[0], len(point.parts)
    return found
