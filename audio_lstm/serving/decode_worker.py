"""The process that decodes uploads: if one crashes the decoder or asks for too much, only this process dies.

Started by decode_process.py and spoken to in the frames of audio_lstm/workers.py. With a request come two open files:
the upload, and where the samples go, float32 in the machine's byte order. The answer is `{"n_samples": n, "notes":
[text], "channel_peaks_db": [number]}`, `{"error": text}`, or `{"failure": text}` if it is not the upload's fault. Files
have no names here, so that nothing has to be deleted and no path can get into a message.
"""

from __future__ import annotations

import io
import math
import socket
import sys
from typing import Any

from audio_lstm.audio.files import read_blocks
from audio_lstm.errors import AudioLSTMError
from audio_lstm.workers import Requests, limit_memory, limit_resource

__all__ = ["answer", "main"]

_BYTES_A_SAMPLE = 4


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


def main(descriptor: int, max_memory_bytes: int) -> None:
    """Answer requests until the other side closes the pipe.

    Args:
        descriptor: Of the socket over which the files come, which this process has inherited.
        max_memory_bytes: The address space that this process may use.
    """
    import av  # noqa: F401 - before the first request, and before memory is limited
    import soundfile  # noqa: F401
    import soxr  # noqa: F401

    limit_memory(max_memory_bytes)
    requests = Requests()
    with socket.socket(fileno=descriptor) as connection:
        for request, _ in requests:
            upload, samples = socket.recv_fds(connection, 1, 2)[1]
            n_bytes = int(request["max_seconds"] * request["sample_rate"] + 1) * _BYTES_A_SAMPLE
            limit_resource("RLIMIT_FSIZE", n_bytes)
            requests.deadline.start(request["timeout_s"])  # should nobody be left to kill it
            requests.answer(answer(request, upload, samples))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
