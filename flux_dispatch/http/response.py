"""An answer as it comes in: its status line decides, and of the rest little is read, in bounded memory.

Receivers run every kind of server, and some of them break their own framing. Whatever follows a well-formed status
line, the receiver has the event; so nothing after that line can turn the answer into another one. What was odd is
noted, and its connection is not used again.
"""

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from flux_dispatch.http.chunks import Chunks

MAX_BYTES_READ: Final = 65_536
"""Of the head, of interim answers, and of the body, each: a body that ends within this leaves its connection usable."""

MAX_EXCERPT_LENGTH: Final = 1024
MAX_BYTES_KEPT: Final = 6144
"""Of the body: an excerpt, and what must be known behind it so that nothing that is hidden ends with it by halves."""

MAX_STATUS: Final = 599

MAX_HEADERS: Final = 20
MAX_HEADERS_LENGTH: Final = 4096


class NotHttp(Exception):
    """What came does not begin with the status line of an HTTP/1 answer; the message says what is wrong."""


class Answer:
    """One answer, fed with bytes in whatever pieces they arrive.

    `status` is 0 until the status line of the final answer was read. `note` says what was odd, and `is_reusable` that
    the connection stands where the next answer begins.
    """

    __slots__ = (
        *("_announced", "_body_bytes", "_chunks", "_field_values", "_head_at", "_interim_bytes", "_kept", "_line"),
        *("_head", "_may_reuse", "_text", "has_head", "is_over", "is_whole", "note", "status"),
    )

    def __init__(self) -> None:
        self._kept = b""
        self._head_at = 0  # where to go on looking for the end of the head
        self._line: re.Match[bytes] | None = None
        self._interim_bytes = self._body_bytes = 0
        self._announced: int | None = None  # the length of the body, where that is known
        self._chunks: Chunks | None = None
        self._field_values: dict[bytes, bytes] = {}
        self._may_reuse = False
        self._head = b""  # kept where the answer is no success
        self._text = b""
        self.status = 0
        self.note = ""
        self.has_head = self.is_over = False
        self.is_whole = True  # as long as nothing was left unread on purpose

    @property
    def is_reusable(self) -> bool:
        """Say whether another answer may follow on the same connection."""
        return self.is_over and self.is_whole and self._may_reuse

    @property
    def is_success(self) -> bool:
        """Say whether its status is 2xx."""
        return _OK <= self.status < _MULTIPLE_CHOICES

    @property
    def is_decided(self) -> bool:
        """Say whether it would count if nothing more came in time: a head that still drips in is no answer."""
        return self.has_head or self.is_over

    def feed(self, data: bytes) -> None:
        """Take what came; `is_over` says then whether more is wanted.

        Raises:
            NotHttp: there is no status line.
        """
        if self.has_head:
            self._take_body(data)
        else:
            self._take_head(self._kept + data if self._kept else data)

    def end(self, *, is_clean: bool) -> None:
        """Take note that nothing more will come: `is_clean` when the receiver closed, not when the connection broke.

        Raises:
            NotHttp: what came is not even a status line.
            ConnectionResetError: nothing came.
        """
        if self.is_over:
            return
        if not self.status:
            if self._kept.strip(b"\r\n"):
                message = "The connection was closed within the status line of the answer."
                raise NotHttp(message)
            raise ConnectionResetError
        if not self.has_head:
            self._read_fields(self._kept)
            self._finish("the head of the answer broke off")
        elif is_clean and self._announced is None and self._chunks is None:
            self._finish()
        else:
            self._finish("the body broke off")

    def stop(self, note: str) -> None:
        """Take it as it is, for this reason; only when it is decided."""
        if not self.is_over:
            self._finish(note)

    def excerpt(self, hide: Callable[[str], str] = str) -> str:
        """Return the beginning of the body as harmless text, without what `hide` takes out, with the note on it."""
        text = hide(_printable(self._text))[:MAX_EXCERPT_LENGTH] if self._text else ""
        return f"{text} [{self.note}]".lstrip() if self.note else text

    def headers(self, hide: Callable[[str], str] = str) -> Mapping[str, str]:
        """Return the first of its headers as harmless text, by name in lower case; none of a success.

        At most `MAX_HEADERS`, and of names and values together `MAX_HEADERS_LENGTH` characters. What a cookie holds is
        left out, for it may be a secret, and so is what `hide` takes out.
        """
        kept: dict[str, str] = {}
        left = MAX_HEADERS_LENGTH
        for line in hide(_printable(self._head.replace(b"\r\n", b"\n"))).split("\n"):
            name, colon, value = line.partition(":")
            name, value = name.strip().lower(), value.strip()
            if not (colon and name) or line[:1] in {" ", "\t"}:
                continue
            if name in _SECRET_HEADERS:
                value = "[left out]"
            is_full = name not in kept and len(kept) == MAX_HEADERS
            if is_full or len(name) >= left:
                break
            value = f"{kept[name]}, {value}" if name in kept and name not in _SECRET_HEADERS else value
            kept[name] = value[: left - len(name)]
            left -= len(name) + len(kept[name])
        return kept

    def asked_delay(self) -> str:
        """Return the text of Retry-After (RFC 9110, 10.2.3), empty unless the status may carry it."""
        if self.status not in _BUSY:
            return ""
        return self._field_values.get(b"retry-after", b"").decode("latin-1")

    def _take_head(self, received: bytes) -> None:
        while True:
            if self._line is None:
                received = received.lstrip(b"\r\n") if received[:1] in {b"\r", b"\n"} else received
                self._line = _status_line(received)
                if self._line is None:
                    self._kept = received
                    return
                self._head_at = self._line.end() - 1
                self.status = _final_status(self._line)
            end = _end_of_head(received, self._head_at)
            if self.status:
                if end or len(received) > MAX_BYTES_READ:
                    self._read_head(received, end if end <= MAX_BYTES_READ else 0)
                else:
                    self._keep_head(received)
                return
            # an interim answer (RFC 9110, 15.2) is waited through, but not without bound
            if self._interim_bytes + (end or len(received)) > MAX_BYTES_READ:
                message = "Nothing but interim answers (1xx) came."
                raise NotHttp(message)
            if not end:
                self._keep_head(received)
                return
            self._interim_bytes += end
            self._line, received = None, received[end:]

    def _keep_head(self, received: bytes) -> None:
        self._kept = received
        self._head_at = max(self._head_at, len(received) - len(_MAX_END) + 1)

    def _read_head(self, received: bytes, end: int) -> None:
        self._kept = b""
        if not end:
            self._read_fields(received)
            self._finish(f"its head is longer than {MAX_BYTES_READ} bytes")
            return
        if _CLEAN_HEAD.fullmatch(self._read_fields(received[:end])):
            self._choose_framing()
        else:
            self.note = "its headers are malformed"
        self.has_head = True
        rest = received[end:]
        if self.note:
            self._text = rest[:MAX_BYTES_KEPT]
            self._finish()
        elif rest or self._announced == 0:
            self._take_body(rest)

    def _read_fields(self, head: bytes) -> bytes:
        """Take the few fields that matter; return the head without its status line, in lower case."""
        fields = self._field_values
        if self.status >= _MULTIPLE_CHOICES:
            self._head = head[self._line.end() if self._line else 0 :]
        lowered = head[self._line.end() - 1 if self._line else 0 :].lower()
        for name, value in _FIELDS.findall(lowered):
            stripped = value.strip()
            fields[name] = fields[name] + b"," + stripped if name in fields else stripped
        return lowered

    def _choose_framing(self) -> None:
        """Say where the body ends (RFC 9112, 6.3); where the answer contradicts itself, it ends here."""
        fields = self._field_values
        lengths, codings = fields.get(b"content-length"), fields.get(b"transfer-encoding")
        self._may_reuse = self._keeps_alive(fields.get(b"connection", b""))
        if self.status in _BODILESS:
            self._announced = 0
            self._may_reuse = self._may_reuse and not codings and lengths in {None, b"0"}
            if self.status == _NO_CONTENT and not (codings is None and lengths in {None, b"0"}):
                self.note = "it announces a body, which a 204 cannot have"
        elif codings is not None and lengths is not None:
            self.note = "it gives both a length and a transfer coding"
        elif codings is not None:
            if codings.rpartition(b",")[2].strip() == b"chunked":
                self._chunks = Chunks()
            else:
                self._may_reuse = False
        elif lengths is not None:
            if _LENGTH.fullmatch(lengths):
                self._announced = int(lengths)
                self.is_whole = self._announced <= MAX_BYTES_READ
            else:
                self.note = "its length is given twice, or is not a number"
        else:
            self._may_reuse = False

    def _keeps_alive(self, connection: bytes) -> bool:
        if self.status == _SWITCHING_PROTOCOLS:
            return False
        if not connection:
            return self._line is not None and self._line[1] != b"0"
        options = {each.strip() for each in connection.split(b",")}
        return b"close" not in options and (
            (self._line is not None and self._line[1] != b"0") or b"keep-alive" in options
        )

    def _take_body(self, data: bytes) -> None:
        self._body_bytes += len(data)
        if self._chunks is not None:
            self._take_chunks(self._chunks, data)
        elif self._announced is not None:
            left = self._announced - self._body_bytes + len(data)
            if len(data) > left:
                self._finish("it sent more than it announced")
                data = data[:left]
            elif len(data) == left:
                self.is_over = True
            self._add_text(data)
        else:
            self._add_text(data)
        if self._body_bytes >= MAX_BYTES_READ and not self.is_over:
            self.is_whole = False
            self.is_over = True

    def _take_chunks(self, chunks: Chunks, data: bytes) -> None:
        self._add_text(chunks.feed(data))
        if chunks.is_broken:
            self._finish("its chunks are broken")
        elif chunks.is_over:
            self._finish("it sent more than it announced" if chunks.rest else "")

    def _add_text(self, data: bytes) -> None:
        if len(self._text) < MAX_BYTES_KEPT:
            self._text += data[: MAX_BYTES_KEPT - len(self._text)]

    def _finish(self, note: str = "") -> None:
        self.note = self.note or note
        self.is_whole = self.is_whole and not self.note
        self.is_over = True


def _status_line(received: bytes) -> re.Match[bytes] | None:
    """Return the status line, or None while it is not complete."""
    if b"\n" in received:
        line, is_possible = _STATUS_LINE.match(received), False
    else:
        line, is_possible = None, received[: len(_PROTOCOL)] == _PROTOCOL[: len(received)]
    if line is None and (not is_possible or len(received) > MAX_BYTES_READ):
        message = "What came is not an HTTP/1 answer."
        raise NotHttp(message)
    return line


def _final_status(line: re.Match[bytes]) -> int:
    """Return the status of a final answer, 0 for an interim one."""
    status = int(line[2])
    if not _CONTINUE <= status <= MAX_STATUS:
        message = f"The status {status} is not one of HTTP."
        raise NotHttp(message)
    return 0 if status < _OK and status != _SWITCHING_PROTOCOLS else status


def _end_of_head(received: bytes, start: int) -> int:
    """Return where the body begins, 0 while the empty line before it is not there; lines may end without CR."""
    end = received.find(b"\n\r\n", start)
    bare = received.find(b"\n\n", start, end if end >= 0 else len(received))
    if bare >= 0:
        return bare + 2
    return end + 3 if end >= 0 else 0


def _printable(body: bytes) -> str:
    """Decode the beginning of a body; control characters, which terminals obey and PostgreSQL refuses, are replaced."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", body.decode("utf-8", "replace"))


# plain numbers, for to compare with a member of the enumeration takes as long as to read a field
_CONTINUE = HTTPStatus.CONTINUE.value
_SWITCHING_PROTOCOLS = HTTPStatus.SWITCHING_PROTOCOLS.value
_OK = HTTPStatus.OK.value
_NO_CONTENT = HTTPStatus.NO_CONTENT.value
_MULTIPLE_CHOICES = HTTPStatus.MULTIPLE_CHOICES.value

_SECRET_HEADERS = frozenset({"set-cookie", "set-cookie2"})
_PROTOCOL = b"HTTP/1."
_MAX_END = b"\n\r\n"
_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_BODILESS = frozenset({HTTPStatus.SWITCHING_PROTOCOLS, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) ([0-9]{3})(?: [^\n]*)?\r?\n")
# of the head in lower case, from the end of its status line
_CLEAN_HEAD = re.compile(rb"\n(?:[!#$%&'*+.^_`|~0-9a-z-]+:[^\x00-\x08\x0a-\x1f\x7f]*\r?\n)*\r?\n")
_FIELDS = re.compile(
    rb"\n(content-length|transfer-encoding|connection|retry-after)[ \t]*:([^\r\n]*(?:\r?\n[ \t]+[^\r\n]*)*)"
)
_LENGTH = re.compile(rb"[0-9]{1,19}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
