"""What this package raises on purpose."""

from __future__ import annotations

from typing import Literal

Code = Literal["missing_header", "malformed", "no_match", "too_old", "too_new", "bad_secret"]


class SignatureError(Exception):
    """A signature does not prove what it should; `code` says why, the message how to mend it.

    Every code but `bad_secret`, which is the receiver's own mistake, is the sender's: answer it with 400.
    """

    def __init__(self, code: Code, message: str) -> None:
        # both are its arguments, so that it survives pickling on its way out of another process
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message
