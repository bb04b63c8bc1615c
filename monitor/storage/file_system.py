"""Refuse a directory that lies on another machine, where SQLite cannot keep a state whole."""

from __future__ import annotations

import errno
import re
from pathlib import Path, PurePosixPath

_MOUNTS = Path("/proc/self/mountinfo")
_REMOTE = re.compile(
    r"nfs4?|cifs|smb3|smbfs|9p|afs|ceph|glusterfs|lustre|fuse\.(sshfs|glusterfs|s3fs|rclone)"
)
# Four fields, the mount point, options of any number, and behind a lone hyphen the kind.
_MOUNT = re.compile(
    r"^(?:\S+ ){4}(?P<point>\S+) (?:.*? )?- (?P<kind>\S+)", re.MULTILINE
)
# Blanks, tabs, newlines and backslashes are written as octal numbers.
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
    kind = ""
    depth = -1
    for mount in _MOUNT.finditer(mounts):
        point = PurePosixPath(_unescaped(mount["point"]))
        # Of two mounts on one point the later one covers the earlier.
        if path.is_relative_to(point) and len(point.parts) >= depth:
            kind = mount["kind"]
            depth = len(point.parts)
    return kind


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), text)
