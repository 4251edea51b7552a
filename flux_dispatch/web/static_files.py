"""Serves the stylesheets and scripts of the pages, under addresses that change with what is in them."""

import mimetypes
from hashlib import sha256
from pathlib import Path
from typing import Final

from aiohttp import web

from flux_dispatch.web.compressed import Compressed

FOLDER: Final = Path(__file__).parent / "static"
FOR_EVER: Final = "public, max-age=31536000, immutable"
FOR_NOW: Final = "no-cache"
"""For who asks by the address of another release: its page is gone, or its other processes are still being replaced."""


class StaticFiles:
    """The files of a folder, each read and compressed once."""

    def __init__(self, folder: Path = FOLDER) -> None:
        contents = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
        digest = sha256(b"".join(name.encode() + b"\0" + content + b"\0" for name, content in contents.items()))
        self.version = digest.hexdigest()[:12]
        """One for all of them, so that a script finds another one beside itself."""
        self._files = {name: Compressed(content, _media_type(name)) for name, content in contents.items()}

    def url(self, name: str) -> str:
        """Return the path at which a file is served.

        Raises:
            KeyError: there is no such file.
        """
        if name not in self._files:
            raise KeyError(name)
        return f"/static/{self.version}/{name}"

    def routes(self) -> web.RouteTableDef:
        """Return the route that serves them."""
        table = web.RouteTableDef()

        @table.get("/static/{version}/{name}")
        async def get_static_file(request: web.Request) -> web.Response:
            """Answer a stylesheet or a script."""
            file = self._files.get(request.match_info["name"])
            if file is None:
                raise web.HTTPNotFound
            is_current = request.match_info["version"] == self.version
            return file.response(request, {"Cache-Control": FOR_EVER if is_current else FOR_NOW})

        return table


def _media_type(name: str) -> str:
    # not what the machine's own tables say: a script of another type is not run
    known = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    return known.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


STATIC_FILES: Final = StaticFiles()
"""Those of our own pages."""
