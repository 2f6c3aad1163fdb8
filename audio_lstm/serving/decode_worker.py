"""The process that decodes uploads: if one crashes the decoder or asks for too much, only this process dies.

`python -m audio_lstm.serving.decode_worker` is started by decode_process.py and spoken to over a Unix socket. A request
is one line of JSON with two open files: the upload, and where the samples go, float32 in the machine's byte order. The
answer is one line of JSON: `{"n_samples": n, "notes": [text], "channel_peaks_db": [number]}`, `{"error": text}`, or
`{"failure": text}` if it is not the upload's fault. Files have no names here, so that nothing has to be deleted and no
path can get into a message.
"""

from __future__ import annotations

import faulthandler
import io
import json
import math
import os
import socket
import sys
from typing import Any

from audio_lstm.audio.files import read_blocks
from audio_lstm.errors import AudioLSTMError

__all__ = ["answer", "main", "receive_line"]

_MOST_BYTES = 1 << 16  # of a line
_BYTES_A_SAMPLE = 4


def receive_line(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Receive one line of JSON and the files that came with it.

    Args:
        connection: The other side's socket.

    Returns:
        The object and the files' descriptors, or None where the other side has gone.
    """
    line, files = b"", []
    while not line.endswith(b"\n"):
        data, received, _, _ = socket.recv_fds(connection, _MOST_BYTES, 2)
        files += received
        if not data:
            for file in files:
                os.close(file)
            return None
        line += data
    return json.loads(line), files


def answer(request: dict[str, Any], upload: int, samples: int) -> dict[str, Any]:
    """Decode one upload.

    Args:
        request: name, sample_rate, max_seconds, allow_truncated and track.
        upload: Descriptor of the file to read, closed afterwards.
        samples: Descriptor of the file to write, closed afterwards.

    Returns:
        What to answer.
    """
    n_samples = 0
    with io.FileIO(upload, "rb") as raw, open(samples, "wb") as out:
        raw.name = request["name"]  # in error messages, instead of the descriptor's number
        raw.seek(0)
        try:
            blocks = read_blocks(
                io.BufferedReader(raw),
                sample_rate=request["sample_rate"],
                max_seconds=request["max_seconds"],
                allow_truncated=request["allow_truncated"],
                track=request["track"],
            )
            for block in blocks:
                out.write(block.tobytes())
                n_samples += len(block)
            out.flush()
        except AudioLSTMError as error:
            return {"error": str(error)}
        except MemoryError:
            return {"error": f"{request['name']}: decoding it takes more memory than allowed; export it again, as wav"}
        except OSError as error:
            return {"failure": f"decoded audio cannot be stored ({error.strerror})"}
    peaks = [None if peak == -math.inf else peak for peak in blocks.channel_peaks_db]
    return {"n_samples": n_samples, "notes": list(blocks.notes), "channel_peaks_db": peaks}


def _limit(kind: str, value: int) -> None:
    try:
        import resource
    except ImportError:  # not a Unix
        return
    which = getattr(resource, kind)
    hard = resource.getrlimit(which)[1]
    resource.setrlimit(which, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def main(descriptor: int, max_memory_bytes: int) -> None:
    """Answer requests until the other side closes the socket.

    Args:
        descriptor: Of the socket, which this process has inherited.
        max_memory_bytes: The address space that this process may use.
    """
    import av  # noqa: F401 - before the first request, and before memory is limited
    import soundfile  # noqa: F401
    import soxr  # noqa: F401

    _limit("RLIMIT_AS", max_memory_bytes)
    _limit("RLIMIT_CORE", 0)
    with open(os.devnull, "wb") as nowhere, socket.socket(fileno=descriptor) as connection:
        os.dup2(nowhere.fileno(), 1)  # decoders write there
        os.dup2(nowhere.fileno(), 2)
        while (received := receive_line(connection)) is not None:
            request, files = received
            _limit("RLIMIT_FSIZE", int(request["max_seconds"] * request["sample_rate"] + 1) * _BYTES_A_SAMPLE)
            # A thread in C: it also ends a decoder that hangs in C, when nobody is left to kill it.
            faulthandler.dump_traceback_later(request["timeout_s"], exit=True, file=nowhere)
            reply = answer(request, *files)
            faulthandler.cancel_dump_traceback_later()
            connection.sendall(json.dumps(reply).encode() + b"\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
