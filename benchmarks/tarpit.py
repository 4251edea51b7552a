"""An endpoint that hangs: it takes every request and answers none.

python -m benchmarks.tarpit PORT
"""

import asyncio
import sys

import uvloop


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
