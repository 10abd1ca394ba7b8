"""The shim over crun. Debian's crun refuses a hybrid cgroup tree, so it gets a mount namespace without the unified half."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.harness.mesh import ARGOSY, IMAGE
from tests.harness.programs import SPEAKER
from tests.harness.sockets import Listener

pytestmark = pytest.mark.root

SCRIPT = r"""
umount /sys/fs/cgroup/unified 2>/dev/null
"$ARGOSY" up --root "$BASE/R" --state "$BASE/S" --address "$BASE/a.sock" >"$BASE/out" 2>"$BASE/log" &
mesh=$!
for i in $(seq 200); do grep -q ready "$BASE/out" && break; sleep 0.05; done
c() { ctr --connect-timeout 5s -a "$BASE/a.sock" "$@"; }
c images import "$ARCHIVE" >/dev/null
c run --rm --runc-binary crun $IMAGE c1 sh -c 'echo out; exit 3'; echo "run $?"
c run --rm --runc-binary crun --mount "type=bind,src=$BASE/speaker,dst=/speaker,options=rbind:ro" \
  --mount "type=uds,src=$BASE/s,dst=/s,options=rbind" $IMAGE c0 sh -c 'echo socket | /speaker /s'
c run -d --runc-binary crun $IMAGE c2 sleep 100
c tasks exec --exec-id e c2 sh -c 'echo in; exit 4'; echo "exec $?"
c tasks pause c2; c tasks ls | grep -c PAUSED; c tasks resume c2; c tasks ls | grep -c RUNNING
c tasks ps c2 | tail -n +2 | wc -l
c tasks metrics c2 | grep -c memory.usage
c tasks kill -s KILL c2; for i in $(seq 50); do c tasks ls | grep -q STOPPED && break; sleep 0.1; done
c tasks rm c2 2>&1 | grep -o 'exit code 137'
c containers rm c2
c run --rm --runc-binary crun $IMAGE c3 no-such-program 2>&1 | grep -c 'OCI runtime create failed'
c containers rm c3
ls "$BASE/S/io.containerd.runtime.v2.task/default" | wc -l
kill $mesh; wait $mesh; echo "stopped $?"
"""


def test_crun_does_what_runc_does(short_path: Path, image_archive: Path) -> None:
    (short_path / "speaker").write_bytes(SPEAKER)
    (short_path / "speaker").chmod(0o755)
    env = {"ARGOSY": str(ARGOSY), "BASE": str(short_path), "ARCHIVE": str(image_archive), "IMAGE": IMAGE}
    with Listener(short_path / "s"):
        done = subprocess.run(
            ["unshare", "--mount", "bash", "-c", SCRIPT], capture_output=True, text=True, timeout=100,
            env={**env, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )  # fmt: skip
    wanted = ["out", "run 3", "SOCKET", "in", "exec 4", "1", "1", "1", "1", "exit code 137", "1", "0", "stopped 0"]
    assert done.stdout.split("\n")[:-1] == wanted, done.stdout + done.stderr
