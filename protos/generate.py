"""Write src/argosy_protos from proto/: typed classes with compiled codecs, service tables, descriptors.

python protos/generate.py            write
python protos/generate.py --check    exit 1 and name the files when what is committed is stale
"""

from __future__ import annotations

import argparse
import keyword
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from google.protobuf import descriptor_pb2

HERE = Path(__file__).parent
PROTO = HERE / "proto"
OUT = HERE / "src" / "argosy_protos"
HEADER = '"""{plate}\n\nWritten by protos/generate.py; change the .proto, not this.\n"""\n'
# What a shim speaks; everything else exists only for services.
LEAN = {
    "google.protobuf", "google.rpc", "ttrpc", "containerd.types", "containerd.v1.types", "containerd.events",
    "containerd.task.v2", "containerd.task.v3", "containerd.runc.v1", "runtimeoptions.v1",
    "containerd.runtime.bootstrap.v1", "containerd.runtime.sandbox.v1", "containerd.services.events.ttrpc.v1",
    "io.containerd.cgroups.v1", "io.containerd.cgroups.v2",
    "containerd.types.transfer", "containerd.services.transfer.v1", "containerd.services.streaming.v1",
}  # fmt: skip

F = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    F.TYPE_STRING: ("string", "str", '""'), F.TYPE_BYTES: ("bytes", "bytes", 'b""'), F.TYPE_BOOL: ("bool", "bool", "False"),
    F.TYPE_INT32: ("int32", "int", "0"), F.TYPE_INT64: ("int64", "int", "0"), F.TYPE_UINT32: ("uint32", "int", "0"),
    F.TYPE_UINT64: ("uint64", "int", "0"), F.TYPE_DOUBLE: ("double", "float", "0.0"), F.TYPE_ENUM: ("enum", "int", "0"),
    F.TYPE_MESSAGE: ("message", "", "None"),
}  # fmt: skip
VARINT_WRITE = {"int32": "vs32", "enum": "vs32", "int64": "vs", "uint32": "vu32", "uint64": "vi"}
VARINT_READ = {
    "int32": "s32(x)", "enum": "s32(x)", "int64": "s64(x)", "uint32": "x & 0xFFFFFFFF", "uint64": "x", "bool": "x != 0",
}  # fmt: skip


def varint(n: int) -> bytes:
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def alias(package: str) -> str:
    return package.replace(".", "__")


class Module:
    """One proto package on its way to one Python package, in one flavour."""

    def __init__(self, package: str, lean: bool, comments: list[str]) -> None:
        self.package, self.lean = package, lean
        self.plate = " ".join(dict.fromkeys(comments))
        self.imports: set[str] = set()
        self.body: list[str] = []
        self.exports: list[str] = []

    def type_name(self, full: str) -> str:
        package, name = SPLIT[full]
        if package == self.package:
            return name
        self.imports.add(package)
        return f"{alias(package)}.{name}"

    def enum(self, name: str, enum: descriptor_pb2.EnumDescriptorProto) -> None:
        self.exports.append(name)
        base = "" if self.lean else "(betterproto2.Enum)"
        self.body += ["", "", f"class {name}{base}:"]
        self.body += [f"    {v.name} = {v.number}" for v in enum.value]

    def message(self, name: str, message: descriptor_pb2.DescriptorProto) -> None:
        self.exports.append(name)
        fields = [Field(self, name, f, message) for f in message.field]
        out = ["", ""]
        if self.lean:
            slots = "".join(f'"{f.name}", ' for f in fields)
            out += [f"class {name}(Message):", f"    __slots__ = ({slots})", f"    __fields__ = ({slots})"]
            out += [f"    {f.name}: {f.hint}" for f in fields]
        else:
            out += [f"class {name}(Message):"]
            out += [f"    {f.name}: {f.hint}" for f in fields]
        known = ", ".join(str(f.number) for f in fields)
        out += ["", "    def __init__(", "        self,"]
        if fields:
            out += ["        *,"] + [f"        {f.name}: {f.argument}," for f in fields]
        out += ["    ) -> None:"]
        if self.lean:
            out += [f"        self.{f.name} = {f.initial()}" for f in fields] + ['        self._unknown_fields = b""']
        else:
            out += ["        self.__dict__ = {"]
            out += [f'            "{f.name}": {f.initial()},' for f in fields] + [
                '            "_unknown_fields": b"",',
                "        }",
            ]
            out += ["", "    @classmethod", "    def _blank(cls):", "        m = new(cls)", "        m.__dict__ = {"]
            out += [f'            "{f.name}": {f.blank},' for f in fields] + [
                '            "_unknown_fields": b"",',
                "        }",
                "        return m",
            ]
            out += ["", "    @staticmethod", "    def _fields() -> dict[str, object]:", "        return {"]
            out += [f'            "{f.name}": {f.betterproto()},' for f in fields] + ["        }"]
        out += ["", "    def encode(self) -> bytes:", "        o = []", "        a = o.append"]
        for f in sorted(fields, key=lambda f: f.number):
            out += ["        " + line for line in f.encode()]
        out += ["        if self._unknown_fields:", "            a(self._unknown_fields)", '        return b"".join(o)']
        out += [
            "",
            "    def _merge(self, b: bytes, p: int, n: int) -> None:",
            "        while p < n:",
            "            t = b[p]",
            "            p += 1",
        ]
        out += ["            if t > 127:", "                t, p = rv(b, p - 1)"]
        word = "if"
        for f in fields:
            for tag, lines in f.decode():
                out += [f"            {word} t == {tag}:"] + ["                " + line for line in lines]
                word = "elif"
        if fields:
            out += ["            else:", f"                p = unknown(self, b, p, t, n, frozenset(({known},)))"]
        else:
            out += ["            p = unknown(self, b, p, t, n, frozenset())"]
        out += ["        if p != n:", '            raise past_end(self, "its last field")']
        self.body += out

    def service(self, service: descriptor_pb2.ServiceDescriptorProto) -> None:
        full = f"{self.package}.{service.name}"
        rows, bases, stubs = [], [], []
        for m in service.method:
            kind = f"{'STREAM' if m.client_streaming else 'UNARY'}_{'STREAM' if m.server_streaming else 'UNARY'}"
            attribute = snake(m.name)
            if keyword.iskeyword(attribute):
                attribute += "_"
            request, response = self.type_name(m.input_type), self.type_name(m.output_type)
            path = f'"/{full}/{m.name}"'
            if self.lean:
                rows.append(f'    "{m.name}": ("{attribute}", {request}, {response}),')
                continue
            rows.append(f'        Method("{m.name}", "{attribute}", Cardinality.{kind}, {request}, {response}),')
            taken = f"requests: AsyncIterator[{request}]" if m.client_streaming else f"request: {request}"
            fail = f'raise unimplemented("{full}", "{m.name}")'
            if m.server_streaming:
                bases += [
                    "",
                    f"    async def {attribute}(self, {taken}) -> AsyncIterator[{response}]:",
                    f"        {fail}",
                    "        yield",
                ]
            else:
                bases += ["", f"    async def {attribute}(self, {taken}) -> {response}:", f"        {fail}"]
            if m.client_streaming:
                stubs += [
                    "",
                    f"    def {attribute}(self, **options: Unpack[_Options]) -> _Stream[{request}, {response}]:",
                    f"        return self._open({path}, Cardinality.{kind}, {request}, {response}, options)",
                ]
            elif m.server_streaming:
                stubs += [
                    "",
                    f"    def {attribute}(self, request: {request}, **options: Unpack[_Options]) -> AsyncIterator[{response}]:",
                    f"        return self._stream({path}, request, {response}, options)",
                ]
            else:
                stubs += [
                    "",
                    f"    async def {attribute}(self, request: {request}, **options: Unpack[_Options]) -> {response}:",
                    f"        return await self._unary({path}, request, {response}, options)",
                ]
        if self.lean:
            upper = snake(service.name).upper()
            self.exports += [f"{upper}_SERVICE", f"{upper}_METHODS"]
            self.body += ["", "", f'{upper}_SERVICE = "{full}"', f"{upper}_METHODS = {{", *rows, "}"]
            return
        self.exports += [f"{service.name}Base", f"{service.name}Stub"]
        self.body += [
            "",
            "",
            f"class {service.name}Base(_ServiceBase):",
            f'    __service__ = "{full}"',
            "    __methods__ = (",
            *rows,
            "    )",
            *bases,
        ]
        self.body += ["", "", f"class {service.name}Stub(_ServiceStub):", f'    __service__ = "{full}"', *stubs]

    def text(self) -> str:
        prefix = "argosy_protos.lean" if self.lean else "argosy_protos"
        body = "\n".join(self.body)
        out = [HEADER.format(plate=self.plate), "from __future__ import annotations", ""]
        has_messages = "(Message)" in body
        has_services = "(_ServiceBase)" in body
        if has_services:
            out += ["from collections.abc import AsyncIterator"]
        if has_services:
            out += ["from typing import TYPE_CHECKING"]
        out += [""]
        if not self.lean and (has_messages or "betterproto2." in body):
            out += ["from argosy_protos._betterproto import betterproto2"]
        if has_services:
            out += ["from grpclib.const import Cardinality"]
        out += [""]
        for package in sorted(self.imports):
            parent, _, leaf = package.rpartition(".")
            out.append(f"from {prefix}{'.' + parent if parent else ''} import {leaf} as {alias(package)}")
        base = "_lean" if self.lean else "_message"
        if has_messages:
            out += [f"from argosy_protos.{base} import Message"]
        if has_services:
            out += ["from argosy_protos._service import Method, unimplemented"]
            out += ["from argosy_protos._service import ServiceBase as _ServiceBase"]
            out += ["from argosy_protos._service import ServiceStub as _ServiceStub"]
        used = [
            w
            for w in (
                "VI",
                "double_at",
                "entry",
                "pack_double",
                "past_end",
                "rv",
                "s32",
                "s64",
                "text",
                "unknown",
                "vi",
                "vs",
                "vs32",
                "vu32",
            )
            if re.search(rf"\b{w}\b", body)
        ]
        if has_messages:
            out += [f"from argosy_protos._wire import {', '.join(used)}"]
        if has_services:
            out += ["", "if TYPE_CHECKING:", "    from typing import Unpack", ""]
            taken = ["Options", *(["Stream"] if "_Stream[" in body else [])]
            out += [f"    from argosy_protos._typing import {name} as _{name}" for name in taken]
        if has_messages and not self.lean:
            out += ["", "new = object.__new__"]
        names = "".join(f'    "{e}",\n' for e in sorted(self.exports))
        out += ["", f"__all__ = (\n{names})"]
        return "\n".join(out) + body + "\n"


class Field:
    """One field: its hint, its default and the lines that encode and decode it."""

    def __init__(
        self, module: Module, owner: str, proto: descriptor_pb2.FieldDescriptorProto, message: descriptor_pb2.DescriptorProto
    ) -> None:
        self.module, self.owner, self.number = module, owner, proto.number
        self.name = proto.name + "_" if keyword.iskeyword(proto.name) else proto.name
        self.kind, self.python, self.zero = SCALARS[proto.type]
        self.repeated = proto.label == F.LABEL_REPEATED
        self.map_value = ""
        self.enum_class = ""
        self.group = ""
        self.siblings: list[str] = []
        self.optional = proto.proto3_optional
        if proto.HasField("oneof_index") and not proto.proto3_optional:
            self.group = message.oneof_decl[proto.oneof_index].name
            self.siblings = [
                f.name
                for f in message.field
                if f.HasField("oneof_index") and f.oneof_index == proto.oneof_index and f.name != proto.name
            ]
        if self.kind == "message":
            if proto.type_name in MAPS and self.repeated:
                value = MAPS[proto.type_name].field[1]
                self.kind, self.map_value = "map", SCALARS[value.type][0]
                self.python = module.type_name(value.type_name) if self.map_value == "message" else SCALARS[value.type][1]
            else:
                self.python = module.type_name(proto.type_name)
        if self.kind == "enum":
            self.enum_class = module.type_name(proto.type_name)

    @property
    def hint(self) -> str:
        python = self.enum_class if self.enum_class and not self.module.lean else self.python
        if self.kind == "map":
            return f'"dict[str, {self.python}]"'
        if self.repeated:
            return f'"list[{python}]"'
        return f'"{python} | None"' if self.nullable else f'"{python}"'

    @property
    def nullable(self) -> bool:
        return self.kind == "message" or bool(self.group) or self.optional

    @property
    def fresh(self) -> str:
        """The expression for an empty container, or ''."""
        return "{}" if self.kind == "map" else "[]" if self.repeated else ""

    @property
    def argument(self) -> str:
        hint = self.hint.strip('"')
        if self.enum_class and not self.module.lean:
            hint = hint.replace(self.enum_class, f"{self.enum_class} | int")
        if self.fresh:
            return f"{hint} | None = None"
        return f"{hint} = {'None' if self.nullable else self.zero}"

    def initial(self) -> str:
        return f"{self.fresh} if {self.name} is None else {self.name}" if self.fresh else self.name

    @property
    def blank(self) -> str:
        return self.fresh or ("None" if self.nullable else self.zero)

    def betterproto(self) -> str:
        extra = ""
        if self.kind == "map":
            extra = f', map_meta=betterproto2.map_meta("string", "{self.map_value}")'
        elif self.repeated:
            extra = ", repeated=True"
        elif self.group:
            extra = f', group="{self.group}"'
        elif self.optional:
            extra = ", optional=True"
        elif self.enum_class:
            extra = f", default_factory=lambda: {self.enum_class}(0)"
        return f'betterproto2.field({self.number}, "{self.kind}"{extra})'

    def key(self, wire: int) -> str:
        return repr(varint(self.number << 3 | wire))

    @staticmethod
    def prefixed(key: str, value: str = "e") -> list[str]:
        return [f"n = len({value})", f"a({key} + (VI[n] if n < 16384 else vi(n)))", f"a({value})"]

    def encode(self) -> list[str]:
        v, key = "v", self.key(2)
        head = [f"v = self.{self.name}"]
        if self.kind == "map":
            value = {"string": "x.encode()", "bytes": "x", "message": "x.encode()"}[self.map_value]
            lines = ["for k, x in v.items():", "    k = k.encode()", f"    x = {value}"]
            lines += ["    e = b'\\n' + vi(len(k)) + k + b'\\x12' + vi(len(x)) + x"]
            return head + ["if v:"] + ["    " + line for line in lines + ["    " + s for s in self.prefixed(key)]]
        if self.kind in ("string", "message", "bytes"):
            made = "x" if self.kind == "bytes" else "x.encode()"
            if self.repeated:
                return head + ["for x in v:", f"    e = {made}"] + ["    " + s for s in self.prefixed(key)]
            test = "if v is not None:" if self.nullable else "if v:"
            return head + [test, f"    e = {made.replace('x', v, 1)}"] + ["    " + s for s in self.prefixed(key)]
        if self.kind == "double":
            assert not self.repeated
            return [
                *head,
                "if v or pack_double(v) != bytes(8):  # -0.0 is a value, as google protobuf has it",
                f"    a({self.key(1)} + pack_double(v))",
            ]
        if self.kind == "bool":
            test = "if v is not None:" if self.nullable else "if v:"
            return [*head, test, f"    a({self.key(0)} + (b'\\x01' if v else b'\\x00'))"]
        write = VARINT_WRITE[self.kind]
        if self.repeated:
            return head + ["if v:", f'    e = b"".join([{write}(x) for x in v])'] + ["    " + s for s in self.prefixed(key)]
        test = "if v is not None:" if self.nullable else "if v:"
        return [*head, test, f"    a({self.key(0)} + {write}(v))"]

    def decode(self) -> list[tuple[int, list[str]]]:
        tag = self.number << 3
        sized = [
            "z = b[p]",
            "p += 1",
            "if z > 127:",
            "    z, p = rv(b, p - 1)",
            "q = p + z",
            "if q > n:",
            f'    raise past_end(self, "{self.name}")',
        ]
        clear = [f"self.{s} = None" for s in self.siblings]
        if self.kind == "map":
            lines = [*sized, "k, r = entry(b, p, q)"]
            if self.map_value == "message":
                lines += [f"x = {self.python}._blank()", "for i, j in r:", "    x._merge(b, i, j)"]
            else:
                take = "text(b, *r[-1])" if self.map_value == "string" else "b[r[-1][0] : r[-1][1]]"
                lines += [
                    f"x = {take} if r else {SCALARS[F.TYPE_STRING][2] if self.map_value == 'string' else SCALARS[F.TYPE_BYTES][2]}"
                ]
            return [(tag | 2, [*lines, f"self.{self.name}[k] = x", "p = q"])]
        if self.kind in ("string", "bytes"):
            take = "text(b, p, q)" if self.kind == "string" else "b[p:q]"
            store = f"self.{self.name}.append({take})" if self.repeated else f"self.{self.name} = {take}"
            return [(tag | 2, [*sized, store, *clear, "p = q"])]
        if self.kind == "message":
            if self.repeated:
                lines = [*sized, f"x = {self.python}._blank()", "x._merge(b, p, q)", f"self.{self.name}.append(x)", "p = q"]
            else:
                lines = [
                    *sized,
                    f"x = self.{self.name}",
                    "if x is None:",
                    f"    x = self.{self.name} = {self.python}._blank()",
                    *clear,
                    "x._merge(b, p, q)",
                    "p = q",
                ]
            return [(tag | 2, lines)]
        if self.kind == "double":
            return [(tag | 1, [f"self.{self.name} = double_at(b, p, n)", "p += 8"])]
        number = ["x = b[p]", "p += 1", "if x > 127:", "    x, p = rv(b, p - 1)"]
        value = VARINT_READ[self.kind]
        if self.enum_class and not self.module.lean:
            value = f"{self.enum_class}({value})"
        if self.repeated:
            packed = [
                *sized,
                "while p < q:",
                "    x, p = rv(b, p)",
                f"    self.{self.name}.append({value})",
                "if p != q:",
                f'    raise past_end(self, "{self.name}")',
            ]
            return [(tag | 2, packed), (tag, [*number, f"self.{self.name}.append({value})"])]
        return [(tag, [*number, f"self.{self.name} = {value}", *clear])]


SPLIT: dict[str, tuple[str, str]] = {}
MAPS: dict[str, descriptor_pb2.DescriptorProto] = {}


def index(file: descriptor_pb2.FileDescriptorProto) -> None:
    def walk(prefix: str, flat: str, messages, enums) -> None:  # type: ignore[no-untyped-def] # protobuf containers are untyped
        for e in enums:
            SPLIT[f"{prefix}.{e.name}"] = (file.package, flat + e.name)
        for m in messages:
            if m.options.map_entry:
                MAPS[f"{prefix}.{m.name}"] = m
                continue
            SPLIT[f"{prefix}.{m.name}"] = (file.package, flat + m.name)
            walk(f"{prefix}.{m.name}", flat + m.name, m.nested_type, m.enum_type)

    walk("." + file.package, "", file.message_type, file.enum_type)


def fill(module: Module, file: descriptor_pb2.FileDescriptorProto) -> None:
    def walk(flat: str, messages, enums) -> None:  # type: ignore[no-untyped-def] # protobuf containers are untyped
        for e in enums:
            module.enum(flat + e.name, e)
        for m in messages:
            if m.options.map_entry:
                continue
            walk(flat + m.name, m.nested_type, m.enum_type)
            module.message(flat + m.name, m)

    walk("", file.message_type, file.enum_type)


def compile_protos() -> descriptor_pb2.FileDescriptorSet:
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "all.pb"
        names = sorted(str(p.relative_to(PROTO)) for p in PROTO.rglob("*.proto"))
        # No include path but our own: the google types are ours as well, so that the set is closed.
        subprocess.run(
            [
                sys.executable,
                "-m",
                "grpc_tools.protoc",
                f"-I{PROTO}",
                "--include_imports",
                f"--descriptor_set_out={out}",
                *names,
            ],
            check=True,
        )
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    for file in files.file:
        file.ClearField("source_code_info")
    ordered = descriptor_pb2.FileDescriptorSet()
    ordered.file.extend(sorted(files.file, key=lambda f: f.name))
    return ordered


def plate(name: str) -> str:
    return (PROTO / name).read_text().splitlines()[0].removeprefix("// ")


def render() -> dict[str, bytes]:
    files = compile_protos()
    for file in files.file:
        index(file)
    out: dict[str, bytes] = {"descriptors.pb": files.SerializeToString(deterministic=True)}
    for lean in (False, True):
        packages = sorted({f.package for f in files.file})
        for package in packages:
            if lean and package not in LEAN:
                continue
            mine = [f for f in files.file if f.package == package]
            module = Module(package, lean, [plate(f.name) for f in mine])
            for file in mine:
                fill(module, file)
            for file in mine:
                for service in file.service:
                    module.service(service)
            folder = ("lean/" if lean else "") + package.replace(".", "/")
            out[f"{folder}/__init__.py"] = module.text().encode()
    for path in list(out):
        parts = Path(path).parts[:-1]
        for i in range(1, len(parts)):
            parent = "/".join(parts[:i]) + "/__init__.py"
            out.setdefault(parent, b"")
    out.setdefault("lean/__init__.py", b"")
    out["py.typed"] = b""
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    wanted = render()
    present = {
        str(p.relative_to(OUT)): p.read_bytes()
        for p in OUT.rglob("*")
        if p.is_file() and "__pycache__" not in p.parts and not (p.parent == OUT and p.name.startswith("_"))
    }
    stale = sorted({k for k in wanted.keys() | present.keys() if wanted.get(k) != present.get(k)})
    if parser.parse_args().check:
        for name in stale:
            print(f"stale: protos/src/argosy_protos/{name} (run `just protos`)", file=sys.stderr)
        return 1 if stale else 0
    for child in OUT.iterdir():
        if child.is_dir():
            shutil.rmtree(child)
    for name, data in wanted.items():
        path = OUT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    print(f"{len(wanted)} files, {len(stale)} changed")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
