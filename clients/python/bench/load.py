"""Load on a port: some connections, each with one request after the other.

Prints ``{"requests", "all_requests", "p50_ms", "p99_ms"}``; all but the second
are of what came after the warm-up.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

WARM_UP_SECONDS = 1.0
REQUEST = (
    b"GET /orders/7 HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench/1\r\n"
    b"X-Forwarded-For: 203.0.113.7\r\n\r\n"
)


async def connection(port: int, until: float, took: list[tuple[float, float]]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (start := time.perf_counter()) < until:
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the server answered {head!r}")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        end = time.perf_counter()
        took.append((end, end - start))
    writer.close()


async def main(port: int, connections: int, seconds: float) -> None:
    begin = time.perf_counter() + WARM_UP_SECONDS
    took: list[tuple[float, float]] = []
    await asyncio.gather(*(connection(port, begin + seconds, took) for _ in range(connections)))
    latencies = sorted(latency for end, latency in took if end >= begin)
    result = {
        "requests": len(latencies),
        "all_requests": len(took),
        "p50_ms": latencies[len(latencies) // 2] * 1000,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1000,
    }
    print(json.dumps(result))


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
