"""Making the guest image: which packages, which of their files, and the two files that come out."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import argosy.errors
from argosy.errors import NotFound, Unknown

from argosy_shim_kata_v2.image import binaries, debs
from argosy_shim_kata_v2.image.cpio import Cpio

KERNEL_PACKAGE: Final = "linux-image-cloud-amd64"
# The guest's files, and lz4 to unpack the kernel; the interpreter and its release's name come with it.
_PACKAGES: Final = (
    "busybox-static crun libc6 libcap2 libexpat1 libffi8 libgcrypt20 libgpg-error0 liblz4-1 liblzma5 libseccomp2 libsystemd0 "
    "libxxhash0 libyajl2 libzstd1 lz4 zlib1g"
).split()  # fmt: skip
_MODULES: Final = "virtio_pci virtio_console virtio_blk virtio_net overlay erofs virtiofs ext4 pvpanic-pci af_packet".split()  # fmt: skip
_APPLETS: Final = "sh mount umount cat echo sleep mkdir ip ls ps kill dmesg switch_root cp env".split()  # fmt: skip
_LIBRARY_FOLDERS: Final = ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64")
_GUEST: Final = Path(__file__).parent.parent / "guest"
# What copies files on a host does so in the guest: this package, as far as that needs it.
_SDK: Final = Path(argosy.errors.__file__).parent
_GZIP_LEVEL: Final = 6

# Run by the guest's own interpreter: it says which modules the agent imports, and those that copy files, and compiles them as its release does.
_COMPILE: Final = """
import json, os, py_compile, sys
root, out, ours = sys.argv[1:4]
library = "/usr/lib/python%d.%d/" % sys.version_info[:2]
sys.path[:] = [ours, root + library, root + library + "lib-dynload"]
# What its modules can do without, and no package of the guest's has the libraries for.
sys.modules.update(dict.fromkeys(("_bz2", "_hashlib", "_lzma")))
import argosy_shim_kata_v2.guest.agent, argosy.paths.order, argosy.paths.packing, argosy.paths.placing, encodings.utf_8, encodings.ascii, encodings.latin_1
found = {}
for module in list(sys.modules.values()):
    path = getattr(module, "__file__", None) or ""
    if path.startswith(root + library):
        found[path[len(root):]] = path
    elif path.startswith(ours + "/argosy/"):
        found["/agent" + path[len(ours):]] = path
for name in ("os", "stat", "posixpath", "genericpath", "abc", "codecs", "io", "_collections_abc", "zipimport", "encodings/__init__",
             "encodings/aliases", "site", "_sitebuiltins", "importlib/__init__", "importlib/_abc", "importlib/util", "runpy"):
    found[library + name + ".py"] = root + library + name + ".py"
index = {}
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
for number, (guest, path) in enumerate(sorted(found.items())):
    if not path.endswith(".py"):
        index[guest] = path
    elif os.path.exists(path):
        target = os.path.join(out, str(number))
        py_compile.compile(path, target, dfile=guest, doraise=True, optimize=2, invalidation_mode=mode)
        index[guest + "c"] = target
print(json.dumps(index))
"""


class _Tree:
    """The files of all packages together, and a copy on disk of what has to run here."""

    def __init__(self, packages: Mapping[str, Mapping[str, debs.Entry]]) -> None:
        self.files: dict[str, debs.Entry] = {}
        for name in sorted(packages):
            self.files.update(packages[name])

    def resolve(self, path: str) -> str:
        """Follow symbolic links. Raises NotFound."""
        for _ in range(16):
            entry = self.files.get(path)
            if entry is None and path.startswith(("/lib/", "/lib64/", "/bin/", "/sbin/")):
                path = "/usr" + path
                entry = self.files.get(path)
            if entry is None:
                break
            if entry.link is None:
                return path
            path = os.path.normpath(os.path.join(os.path.dirname(path), entry.link))
        raise NotFound(f"no package holds {path}")

    def library(self, name: str) -> str:
        for path in [name] if name.startswith("/") else [f"{folder}/{name}" for folder in _LIBRARY_FOLDERS]:
            try:
                return self.resolve(path)
            except NotFound:
                continue
        raise NotFound(f"no package of the guest image holds the library {name}")

    def unpack(self, root: Path) -> None:
        for path, entry in self.files.items():
            if path.startswith(("/usr/share/", "/boot/", "/lib/modules/")):
                continue
            target = root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            if entry.link is not None:
                if not target.is_symlink():
                    target.symlink_to(entry.link)
            else:
                target.write_bytes(entry.data)
                target.chmod(entry.mode | 0o600)


def _add_binary(archive: Cpio, tree: _Tree, path: str, target: str) -> None:
    data = tree.files[tree.resolve(path)].data
    archive.file(target, data, 0o755)
    for name in binaries.libraries(data):
        where = f"lib/x86_64-linux-gnu/{os.path.basename(name)}"
        if where not in archive:
            _add_binary(archive, tree, tree.library(name), where)
        if name.startswith("/lib64/"):
            archive.link(name, f"/{where}")


def _run_in(tree: _Tree, root: Path) -> Callable[[str], list[str]]:
    """Return a function that makes a command line for one of the packages' programs, with their own libraries."""
    loader = root / tree.library("/lib64/ld-linux-x86-64.so.2").lstrip("/")
    paths = ":".join(str(root / folder.lstrip("/")) for folder in _LIBRARY_FOLDERS)
    return lambda program: [str(loader), "--library-path", paths, str(root / tree.resolve(program).lstrip("/"))]


def _python(tree: _Tree, python: str, root: Path, scratch: Path) -> dict[str, bytes]:
    """Return the part of the standard library and of the SDK that the guest imports, compiled, by its path there."""
    out, ours = scratch / "pyc", scratch / "ours"
    out.mkdir()
    # Of what is beside them, which may be of another release of Python, nothing shall be found.
    ours.mkdir()
    for package in (_GUEST.parent, _SDK):
        (ours / package.name).symlink_to(package)
    command = _run_in(tree, root)(f"/usr/bin/{python}")
    env = {"PYTHONHOME": str(root / "usr"), "PYTHONHASHSEED": "0", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [*command, "-S", "-B", "-c", _COMPILE, str(root), str(out), str(ours)],
        capture_output=True,
        text=True,
        env=env,
    )
    if done.returncode:
        raise Unknown(f"the guest's interpreter does not run here: {done.stderr.strip()[-600:]}")
    index: dict[str, str] = json.loads(done.stdout)
    return {guest: Path(path).read_bytes() for guest, path in index.items()}


class _Modules(Mapping[str, bytes]):
    """A kernel package's modules by name, of which some releases have them compressed: unpacked when they are asked for."""

    def __init__(self, kernel: Mapping[str, debs.Entry]) -> None:
        self._found: dict[str, tuple[str, bytes]] = {}
        self._unpacked: dict[str, bytes] = {}
        for path, entry in kernel.items():
            name, dot, packing = Path(path).name.partition(".ko")
            if dot and packing in ("", ".xz", ".zst"):
                self._found[name.replace("-", "_")] = (path, entry.data)

    def __getitem__(self, name: str) -> bytes:
        if name not in self._unpacked:
            self._unpacked[name] = debs.unpacked(*self._found[name])
        return self._unpacked[name]

    def __contains__(self, name: object) -> bool:
        return name in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def _initrd(tree: _Tree, python: str, kernel: Mapping[str, debs.Entry], root: Path, scratch: Path) -> bytes:
    archive = Cpio()
    for path in ("proc", "sys", "dev", "run", "tmp", "root", "etc", "var", "mnt", "bin"):
        archive.directory(path)
    for path, major, minor in (("console", 5, 1), ("null", 1, 3), ("random", 1, 8), ("urandom", 1, 9)):
        archive.device(f"dev/{path}", major, minor)
    _add_binary(archive, tree, "/bin/busybox", "bin/busybox")
    for applet in _APPLETS:
        archive.link(f"bin/{applet}", "busybox")
    _add_binary(archive, tree, "/usr/bin/crun", "usr/bin/crun")
    _add_binary(archive, tree, f"/usr/bin/{python}", "usr/bin/python3")
    for guest, data in _python(tree, python, root, scratch).items():
        if guest.endswith(".so"):
            _add_binary(archive, tree, guest, guest.lstrip("/"))
        else:
            archive.file(guest, data)
    modules = _Modules(kernel)
    builtin = next(e.data for p, e in kernel.items() if p.endswith("/modules.builtin")).decode().split()
    names = frozenset(Path(line).name.removesuffix(".ko").replace("-", "_") for line in builtin)
    order = binaries.module_order(_MODULES, modules, names)
    for name in order:
        archive.file(f"lib/modules/{name}.ko", modules[name])
    archive.file("lib/modules/order", ("\n".join(order) + "\n").encode())
    archive.file("init", (_GUEST / "init.sh").read_bytes(), 0o755)
    for name in ("__init__.py", *(f"guest/{path.name}" for path in sorted(_GUEST.glob("*.py")))):
        archive.file(f"agent/{_GUEST.parent.name}/{name}", (_GUEST.parent / name).read_bytes())
    return archive.encode()


def build(directory: Path, cache: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Make directory/vmlinux, initrd and image.json from packages in cache. The same packages give the same bytes.

    Nothing of a half-made image is left in directory. Raises NotFound, Unavailable, InvalidArgument, Unknown.
    """
    kernel_package = debs.depended(KERNEL_PACKAGE, "linux-image-")
    python = debs.depended("python3-minimal", "python3.").removesuffix("-minimal")
    packages = [*_PACKAGES, f"{python}-minimal", f"lib{python}-minimal", f"lib{python}-stdlib"]
    say(f"packages: {len(packages)} and {kernel_package}")
    files = debs.download([*packages, kernel_package], cache)
    kernel = debs.read(files.pop(kernel_package))
    tree = _Tree({name: debs.read(path) for name, path in files.items()})
    release = next(p for p in kernel if p.startswith("/boot/vmlinuz-")).removeprefix("/boot/vmlinuz-")
    with tempfile.TemporaryDirectory(prefix="argosy-kata-") as folder:
        scratch = Path(folder)
        root = scratch / "root"
        tree.unpack(root)
        say(f"kernel {release}")
        image = kernel[f"/boot/vmlinuz-{release}"].data
        vmlinux = binaries.vmlinux(image, _run_in(tree, root)("/usr/bin/lz4"))
        say("initrd")
        initrd = _initrd(tree, python, kernel, root, scratch)
    facts = {
        "version": 1,
        "kernel": release,
        "packages": sorted(path.name for path in files.values()),
        "vmlinux_sha256": hashlib.sha256(vmlinux).hexdigest(),
        "initrd_sha256": hashlib.sha256(initrd).hexdigest(),
        "initrd_bytes": len(initrd),
        "initrd_gzip_bytes": len(gzip.compress(initrd, _GZIP_LEVEL, mtime=0)),
    }
    directory.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        made.chmod(0o755)
        (made / "vmlinux").write_bytes(vmlinux)
        (made / "initrd").write_bytes(initrd)
        (made / "image.json").write_text(json.dumps(facts, indent=2) + "\n")
        for name in ("vmlinux", "initrd", "image.json"):
            with open(made / name, "rb") as file:
                os.fsync(file.fileno())
        _replace(made, directory)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return facts


def _replace(made: Path, directory: Path) -> None:
    """Replace a directory by a finished one. A crash in between leaves the older one beside it."""
    older = directory.with_name(f".{directory.name}.old")
    shutil.rmtree(older, ignore_errors=True)
    if directory.exists():
        directory.rename(older)
    made.rename(directory)
    shutil.rmtree(older, ignore_errors=True)


def say_to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
