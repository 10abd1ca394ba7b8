"""What does this server serve?

Written by protos/generate.py; change the .proto, not this.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from argosy_protos._betterproto import betterproto2
from grpclib.const import Cardinality

from argosy_protos._message import Message
from argosy_protos._service import Method, unimplemented
from argosy_protos._service import ServiceBase as _ServiceBase
from argosy_protos._service import ServiceStub as _ServiceStub
from argosy_protos._wire import VI, past_end, rv, s32, text, unknown, vi, vs32

if TYPE_CHECKING:
    from typing import Unpack

    from argosy_protos._typing import Options as _Options
    from argosy_protos._typing import Stream as _Stream

new = object.__new__

__all__ = (
    "ErrorResponse",
    "ExtensionNumberResponse",
    "ExtensionRequest",
    "FileDescriptorResponse",
    "ListServiceResponse",
    "ServerReflectionBase",
    "ServerReflectionRequest",
    "ServerReflectionResponse",
    "ServerReflectionStub",
    "ServiceResponse",
)

class ServerReflectionRequest(Message):
    host: "str"
    file_by_filename: "str | None"
    file_containing_symbol: "str | None"
    file_containing_extension: "ExtensionRequest | None"
    all_extension_numbers_of_type: "str | None"
    list_services: "str | None"

    def __init__(
        self,
        *,
        host: str = "",
        file_by_filename: str | None = None,
        file_containing_symbol: str | None = None,
        file_containing_extension: ExtensionRequest | None = None,
        all_extension_numbers_of_type: str | None = None,
        list_services: str | None = None,
    ) -> None:
        self.__dict__ = {
            "host": host,
            "file_by_filename": file_by_filename,
            "file_containing_symbol": file_containing_symbol,
            "file_containing_extension": file_containing_extension,
            "all_extension_numbers_of_type": all_extension_numbers_of_type,
            "list_services": list_services,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "host": "",
            "file_by_filename": None,
            "file_containing_symbol": None,
            "file_containing_extension": None,
            "all_extension_numbers_of_type": None,
            "list_services": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "host": betterproto2.field(1, "string"),
            "file_by_filename": betterproto2.field(3, "string", group="message_request"),
            "file_containing_symbol": betterproto2.field(4, "string", group="message_request"),
            "file_containing_extension": betterproto2.field(5, "message", group="message_request"),
            "all_extension_numbers_of_type": betterproto2.field(6, "string", group="message_request"),
            "list_services": betterproto2.field(7, "string", group="message_request"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.host
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.file_by_filename
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x1a' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.file_containing_symbol
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.file_containing_extension
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'*' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.all_extension_numbers_of_type
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.list_services
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b':' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "host")
                self.host = text(b, p, q)
                p = q
            elif t == 26:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "file_by_filename")
                self.file_by_filename = text(b, p, q)
                self.file_containing_symbol = None
                self.file_containing_extension = None
                self.all_extension_numbers_of_type = None
                self.list_services = None
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "file_containing_symbol")
                self.file_containing_symbol = text(b, p, q)
                self.file_by_filename = None
                self.file_containing_extension = None
                self.all_extension_numbers_of_type = None
                self.list_services = None
                p = q
            elif t == 42:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "file_containing_extension")
                x = self.file_containing_extension
                if x is None:
                    x = self.file_containing_extension = ExtensionRequest._blank()
                self.file_by_filename = None
                self.file_containing_symbol = None
                self.all_extension_numbers_of_type = None
                self.list_services = None
                x._merge(b, p, q)
                p = q
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "all_extension_numbers_of_type")
                self.all_extension_numbers_of_type = text(b, p, q)
                self.file_by_filename = None
                self.file_containing_symbol = None
                self.file_containing_extension = None
                self.list_services = None
                p = q
            elif t == 58:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "list_services")
                self.list_services = text(b, p, q)
                self.file_by_filename = None
                self.file_containing_symbol = None
                self.file_containing_extension = None
                self.all_extension_numbers_of_type = None
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 3, 4, 5, 6, 7,)))
        if p != n:
            raise past_end(self, "its last field")


class ExtensionRequest(Message):
    containing_type: "str"
    extension_number: "int"

    def __init__(
        self,
        *,
        containing_type: str = "",
        extension_number: int = 0,
    ) -> None:
        self.__dict__ = {
            "containing_type": containing_type,
            "extension_number": extension_number,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "containing_type": "",
            "extension_number": 0,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "containing_type": betterproto2.field(1, "string"),
            "extension_number": betterproto2.field(2, "int32"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.containing_type
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.extension_number
        if v:
            a(b'\x10' + vs32(v))
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "containing_type")
                self.containing_type = text(b, p, q)
                p = q
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.extension_number = s32(x)
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class ServerReflectionResponse(Message):
    valid_host: "str"
    original_request: "ServerReflectionRequest | None"
    file_descriptor_response: "FileDescriptorResponse | None"
    all_extension_numbers_response: "ExtensionNumberResponse | None"
    list_services_response: "ListServiceResponse | None"
    error_response: "ErrorResponse | None"

    def __init__(
        self,
        *,
        valid_host: str = "",
        original_request: ServerReflectionRequest | None = None,
        file_descriptor_response: FileDescriptorResponse | None = None,
        all_extension_numbers_response: ExtensionNumberResponse | None = None,
        list_services_response: ListServiceResponse | None = None,
        error_response: ErrorResponse | None = None,
    ) -> None:
        self.__dict__ = {
            "valid_host": valid_host,
            "original_request": original_request,
            "file_descriptor_response": file_descriptor_response,
            "all_extension_numbers_response": all_extension_numbers_response,
            "list_services_response": list_services_response,
            "error_response": error_response,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "valid_host": "",
            "original_request": None,
            "file_descriptor_response": None,
            "all_extension_numbers_response": None,
            "list_services_response": None,
            "error_response": None,
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "valid_host": betterproto2.field(1, "string"),
            "original_request": betterproto2.field(2, "message"),
            "file_descriptor_response": betterproto2.field(4, "message", group="message_response"),
            "all_extension_numbers_response": betterproto2.field(5, "message", group="message_response"),
            "list_services_response": betterproto2.field(6, "message", group="message_response"),
            "error_response": betterproto2.field(7, "message", group="message_response"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.valid_host
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.original_request
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.file_descriptor_response
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'"' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.all_extension_numbers_response
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'*' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.list_services_response
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b'2' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.error_response
        if v is not None:
            e = v.encode()
            n = len(e)
            a(b':' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "valid_host")
                self.valid_host = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "original_request")
                x = self.original_request
                if x is None:
                    x = self.original_request = ServerReflectionRequest._blank()
                x._merge(b, p, q)
                p = q
            elif t == 34:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "file_descriptor_response")
                x = self.file_descriptor_response
                if x is None:
                    x = self.file_descriptor_response = FileDescriptorResponse._blank()
                self.all_extension_numbers_response = None
                self.list_services_response = None
                self.error_response = None
                x._merge(b, p, q)
                p = q
            elif t == 42:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "all_extension_numbers_response")
                x = self.all_extension_numbers_response
                if x is None:
                    x = self.all_extension_numbers_response = ExtensionNumberResponse._blank()
                self.file_descriptor_response = None
                self.list_services_response = None
                self.error_response = None
                x._merge(b, p, q)
                p = q
            elif t == 50:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "list_services_response")
                x = self.list_services_response
                if x is None:
                    x = self.list_services_response = ListServiceResponse._blank()
                self.file_descriptor_response = None
                self.all_extension_numbers_response = None
                self.error_response = None
                x._merge(b, p, q)
                p = q
            elif t == 58:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "error_response")
                x = self.error_response
                if x is None:
                    x = self.error_response = ErrorResponse._blank()
                self.file_descriptor_response = None
                self.all_extension_numbers_response = None
                self.list_services_response = None
                x._merge(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2, 4, 5, 6, 7,)))
        if p != n:
            raise past_end(self, "its last field")


class FileDescriptorResponse(Message):
    file_descriptor_proto: "list[bytes]"

    def __init__(
        self,
        *,
        file_descriptor_proto: list[bytes] | None = None,
    ) -> None:
        self.__dict__ = {
            "file_descriptor_proto": [] if file_descriptor_proto is None else file_descriptor_proto,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "file_descriptor_proto": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "file_descriptor_proto": betterproto2.field(1, "bytes", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.file_descriptor_proto
        for x in v:
            e = x
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "file_descriptor_proto")
                self.file_descriptor_proto.append(b[p:q])
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ExtensionNumberResponse(Message):
    base_type_name: "str"
    extension_number: "list[int]"

    def __init__(
        self,
        *,
        base_type_name: str = "",
        extension_number: list[int] | None = None,
    ) -> None:
        self.__dict__ = {
            "base_type_name": base_type_name,
            "extension_number": [] if extension_number is None else extension_number,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "base_type_name": "",
            "extension_number": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "base_type_name": betterproto2.field(1, "string"),
            "extension_number": betterproto2.field(2, "int32", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.base_type_name
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        v = self.extension_number
        if v:
            e = b"".join([vs32(x) for x in v])
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "base_type_name")
                self.base_type_name = text(b, p, q)
                p = q
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "extension_number")
                while p < q:
                    x, p = rv(b, p)
                    self.extension_number.append(s32(x))
                if p != q:
                    raise past_end(self, "extension_number")
            elif t == 16:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.extension_number.append(s32(x))
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class ListServiceResponse(Message):
    service: "list[ServiceResponse]"

    def __init__(
        self,
        *,
        service: list[ServiceResponse] | None = None,
    ) -> None:
        self.__dict__ = {
            "service": [] if service is None else service,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "service": [],
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "service": betterproto2.field(1, "message", repeated=True),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.service
        for x in v:
            e = x.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "service")
                x = ServiceResponse._blank()
                x._merge(b, p, q)
                self.service.append(x)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ServiceResponse(Message):
    name: "str"

    def __init__(
        self,
        *,
        name: str = "",
    ) -> None:
        self.__dict__ = {
            "name": name,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "name": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "name": betterproto2.field(1, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.name
        if v:
            e = v.encode()
            n = len(e)
            a(b'\n' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 10:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "name")
                self.name = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1,)))
        if p != n:
            raise past_end(self, "its last field")


class ErrorResponse(Message):
    error_code: "int"
    error_message: "str"

    def __init__(
        self,
        *,
        error_code: int = 0,
        error_message: str = "",
    ) -> None:
        self.__dict__ = {
            "error_code": error_code,
            "error_message": error_message,
            "_unknown_fields": b"",
        }

    @classmethod
    def _blank(cls):
        m = new(cls)
        m.__dict__ = {
            "error_code": 0,
            "error_message": "",
            "_unknown_fields": b"",
        }
        return m

    @staticmethod
    def _fields() -> dict[str, object]:
        return {
            "error_code": betterproto2.field(1, "int32"),
            "error_message": betterproto2.field(2, "string"),
        }

    def encode(self) -> bytes:
        o = []
        a = o.append
        v = self.error_code
        if v:
            a(b'\x08' + vs32(v))
        v = self.error_message
        if v:
            e = v.encode()
            n = len(e)
            a(b'\x12' + (VI[n] if n < 16384 else vi(n)))
            a(e)
        if self._unknown_fields:
            a(self._unknown_fields)
        return b"".join(o)

    def _merge(self, b: bytes, p: int, n: int) -> None:
        while p < n:
            t = b[p]
            p += 1
            if t > 127:
                t, p = rv(b, p - 1)
            if t == 8:
                x = b[p]
                p += 1
                if x > 127:
                    x, p = rv(b, p - 1)
                self.error_code = s32(x)
            elif t == 18:
                z = b[p]
                p += 1
                if z > 127:
                    z, p = rv(b, p - 1)
                q = p + z
                if q > n:
                    raise past_end(self, "error_message")
                self.error_message = text(b, p, q)
                p = q
            else:
                p = unknown(self, b, p, t, n, frozenset((1, 2,)))
        if p != n:
            raise past_end(self, "its last field")


class ServerReflectionBase(_ServiceBase):
    __service__ = "grpc.reflection.v1.ServerReflection"
    __methods__ = (
        Method("ServerReflectionInfo", "server_reflection_info", Cardinality.STREAM_STREAM, ServerReflectionRequest, ServerReflectionResponse),
    )

    async def server_reflection_info(self, requests: AsyncIterator[ServerReflectionRequest]) -> AsyncIterator[ServerReflectionResponse]:
        raise unimplemented("grpc.reflection.v1.ServerReflection", "ServerReflectionInfo")
        yield


class ServerReflectionStub(_ServiceStub):
    __service__ = "grpc.reflection.v1.ServerReflection"

    def server_reflection_info(self, **options: Unpack[_Options]) -> _Stream[ServerReflectionRequest, ServerReflectionResponse]:
        return self._open("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Cardinality.STREAM_STREAM, ServerReflectionRequest, ServerReflectionResponse, options)
