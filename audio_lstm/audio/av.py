"""Decode with FFmpeg (PyAV): one track of a container, each stretch of sound at the time that its stamp gives it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audio_lstm.audio.frames import mpeg_frame_bytes
from audio_lstm.audio.headers import AudioFormat
from audio_lstm.audio.matroska import is_whole
from audio_lstm.audio.reading import (
    Block,
    DecodedStream,
    Findings,
    ReadOptions,
    check_sample_rate,
    one_line,
    raise_damaged,
)
from audio_lstm.audio.spans import SplicedFile, find_in_file, read_at
from audio_lstm.errors import AudioError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

__all__ = ["av_options", "decode_with_av"]

_LEAST_GAP_S = 0.05  # stamps are rounded, and those of live recordings jitter
_MOST_GAP_S = 3600.0  # a longer one is no gap but a wrong stamp
_RESTART_S = 1.0  # a stamp that goes back by more begins a new count
_SILENCE_S = 10  # of silence that is given at a time
_FAR_BYTES = 1 << 20  # how far a frame is looked for behind lost ones
_EARLY_END_S = 1.0  # by which a container may overstate its length
_MOST_ERRORS = 3  # of the demuxer, one after the other, without a packet between them
_TIMED = ("mov", "matroska", "asf", "flv", "avi")  # their headers say how long the recording is


@dataclass(frozen=True)
class _Damage:
    """What cannot be decoded."""

    error: Exception
    lost_s: float = 0.0  # how long it was, where the stamps do not tell


@dataclass(frozen=True)
class _Sound:
    """A decoded frame."""

    values: NDArray[np.float32]  # (samples, channels)
    sample_rate: int  # Hz
    stamp_s: float | None  # of its first sample, as the container counts


def decode_with_av(
    stack: ExitStack, source: SplicedFile, found: AudioFormat, where: str, options: ReadOptions, findings: Findings
) -> DecodedStream:
    """Begin to decode, held to the one container that was sniffed and to this one file.

    Args:
        stack: Closes the decoder.
        source: The recording.
        found: Its format.
        where: Named in error messages, e.g. the path.
        options: Which track, and whether damage is passed over.
        findings: Takes notes.

    Returns:
        The stream; decoding happens as its blocks are drawn.

    Raises:
        AudioError: For a file without sound, or that cannot be decoded at all.
    """
    import av

    try:
        container = stack.enter_context(
            av.open(source, mode="r", format=found.demuxer, options=av_options(found), metadata_errors="replace")
        )
        track = _choose_track(container, found, where, options, findings)
        items = _items(container, track, found, source.again())
        first = next(items, None)
        while isinstance(first, _Damage) and options.allow_truncated and not source.error:
            findings.damaged(0.0, one_line(first.error))
            first = next(items, None)
        failure = source.error or (first.error if isinstance(first, _Damage) else None)
    except (av.FFmpegError, OSError) as error:
        failure = error
    if failure is not None:
        raise AudioError(
            f"{where}: the {found.name} file is damaged, cut short or in a codec that cannot be decoded "
            f"({one_line(failure)}); export it again, e.g. as wav or flac"
        ) from failure
    if first is None and track.duration:
        raise AudioError(
            f"{where}: the {found.name} file is damaged or cut short: its header announces sound, and none of it can "
            "be decoded; copy it again"
        )
    if not isinstance(first, _Sound):
        raise AudioError(f"{where}: the {found.name} file holds no audio samples; record or export it again")
    check_sample_rate(first.sample_rate, where)
    timeline = _Timeline(container, found, findings)
    certain = found.demuxer in ("mov", "asf", "wv", "tta") and track.duration and track.time_base
    announced_s = float(track.duration * track.time_base) if certain else None
    if announced_s is None and container.duration:
        announced_s = container.duration / 1e6

    def blocks() -> Iterator[Block]:
        yield from _blocks(_chain(first, items), source, where, options, timeline)
        if announced_s is not None and len(container.streams) == 1:
            _check_end(announced_s, timeline.position_s, found, where, options, findings)

    return DecodedStream(announced_s=announced_s, is_certain=bool(certain), blocks=blocks())


def _check_end(
    announced_s: float, end_s: float, found: AudioFormat, where: str, options: ReadOptions, findings: Findings
) -> None:
    """Say that a recording ends before its header says that it does."""
    is_exact = found.demuxer in ("wv", "tta")
    if announced_s - end_s <= (_LEAST_GAP_S if is_exact else _EARLY_END_S):
        return
    what = f"its header announces {announced_s:.2f} s, {end_s:.2f} s are there"
    if is_exact and not options.allow_truncated:
        raise AudioError(
            f"{where}: cut short: {what}; copy it again, "
            "or pass allow_truncated=True (--allow-truncated) to use what is there"
        )
    if is_exact or found.demuxer in (*_TIMED, "ogg"):
        findings.note(f"it ends early: {what}")


def av_options(found: AudioFormat) -> dict[str, str]:
    """Hold FFmpeg to one container and to no file but the one that is open (PyAV's `io_open` does not).

    Args:
        found: The format that was sniffed.

    Returns:
        Options for `av.open`.
    """
    full_names = {"mov": "mov,mp4,m4a,3gp,3g2,mj2", "matroska": "matroska,webm"}
    return {
        "format_whitelist": full_names.get(found.demuxer, found.demuxer),
        "protocol_whitelist": "none",
    }


def _choose_track(container: Any, found: AudioFormat, where: str, options: ReadOptions, findings: Findings) -> Any:
    from av.stream import Disposition

    tracks = container.streams.audio
    if not tracks:
        raise AudioError(f"{where}: the {found.name} file holds no audio track; give one that has sound")
    options.check_track(len(tracks), where)
    if options.track is not None:
        track = tracks[options.track - 1]
    else:
        readable = [track for track in tracks if track.codec_context is not None] or list(tracks)
        track = next((track for track in readable if track.disposition & Disposition.default), readable[0])
        if len(tracks) > 1:
            number = tracks.index(track) + 1
            which = "the default one" if track.disposition & Disposition.default else "none is the default one"
            findings.note(f"track {number} of {len(tracks)} is heard, {which}; --track N (track=N) chooses another")
    if track.codec_context is None:
        raise AudioError(
            f"{where}: the sound is in a codec that cannot be decoded; export it again, e.g. as wav or flac"
        )
    if track.codec_context.name == "flac":  # else it gives what it makes of damaged bits
        track.codec_context.options = {"err_detect": "crccheck+explode"}
    return track


def _items(container: Any, track: Any, found: AudioFormat, source: SplicedFile) -> Iterator[_Sound | _Damage]:
    """What a track decodes to, and where it cannot be decoded."""
    import av

    convert, losses = _Converter(), _Losses(found, source)
    n_errors = 0
    while n_errors < _MOST_ERRORS:
        try:
            for packet in container.demux(track):
                n_errors = 0
                if packet.size and losses.is_likely and (loss := losses.before(packet)) is not None:
                    yield loss
                try:
                    frames = packet.decode()
                except av.FFmpegError as error:
                    # Tags in the middle of an mp3, where two were joined, are passed over.
                    if found.name != "mp3" or mpeg_frame_bytes(bytes(packet)[:4]):
                        yield _Damage(error, lost_s=losses.swallowed_s(packet))
                    continue
                losses.after(packet, is_mute=not frames)
                for sound in map(convert, frames):
                    if losses.are_before(sound):
                        yield _Damage(ValueError("packets cannot be decoded"))
                    yield sound
            return
        except (av.FFmpegError, OSError, IndexError) as error:  # the last is PyAV's: a track that nobody announced
            n_errors += 1
            yield _Damage(error)


def _chain(first: _Sound, rest: Iterator[_Sound | _Damage]) -> Iterator[_Sound | _Damage]:
    yield first
    yield from rest


class _Losses:
    """Finds what the demuxer passes over without a word."""

    def __init__(self, found: AudioFormat, source: SplicedFile) -> None:
        self._found, self._source = found, source
        self.is_likely = found.demuxer in ("aac", "matroska")  # of the other demuxers nothing is known
        self._offset = 0  # of the next frame
        self._mean_bytes = 0.0  # of a frame
        self._last: tuple[int, float] | None = None  # the last packet's offset, and when it ends
        self._lost_bytes = self._n_lost = 0  # since the last frame that was right, and how many frames they are
        self._is_mute = False  # whether a packet since the last sound gave none
        self._sound_end_s: float | None = None

    def before(self, packet: Any) -> _Damage | None:
        """What was lost before a packet."""
        if self._found.demuxer == "aac":
            return self._before_frame(packet)
        if self._found.demuxer != "matroska" or packet.pts is None or packet.pos is None:
            return None
        start_s = float(packet.pts * packet.time_base)
        last, self._last = self._last, (packet.pos, start_s + float((packet.duration or 0) * packet.time_base))
        if last is None or start_s - last[1] < _LEAST_GAP_S or is_whole(self._source, last[0], packet.pos):
            return None
        return _Damage(ValueError("blocks cannot be read"))

    def after(self, packet: Any, *, is_mute: bool) -> None:
        """Take note of a packet that could be decoded, and perhaps gave nothing."""
        self._lost_bytes = self._n_lost = 0
        self._is_mute |= bool(packet.size and is_mute)
        if packet.size:
            self._mean_bytes += (packet.size - self._mean_bytes) * (0.1 if self._mean_bytes else 1.0)

    def are_before(self, sound: _Sound) -> bool:
        """Whether packets before a sound were there and gave none."""
        if sound.stamp_s is None:
            return False
        end_s, self._sound_end_s = self._sound_end_s, sound.stamp_s + len(sound.values) / sound.sample_rate
        is_mute, self._is_mute = self._is_mute, False
        return end_s is not None and is_mute and sound.stamp_s - end_s >= _LEAST_GAP_S

    def swallowed_s(self, packet: Any) -> float:
        """How long the frames are that a damaged one of ADTS has swallowed, as its length is wrong."""
        if self._found.demuxer != "aac":
            return 0.0
        self._n_lost += 1  # of which the stamps know
        return self._lost_s(packet.size, packet)

    def _lost_s(self, n_bytes: int, packet: Any) -> float:
        """How long the frames are that so many more bytes held."""
        self._lost_bytes += n_bytes
        n_more = max(0, round(self._lost_bytes / (self._mean_bytes or packet.size)) - self._n_lost)
        self._n_lost += n_more
        return n_more * float(packet.duration * packet.time_base) if packet.duration else 0.0

    def _before_frame(self, packet: Any) -> _Damage | None:
        """ADTS has no stamps: what is lost is as long as so many bytes are."""
        begin = bytes(memoryview(packet)[:64])
        offset, self._offset = self._offset, self._offset + packet.size
        if read_at(self._source, offset, len(begin)) == begin:
            return None
        place = find_in_file(self._source, begin, offset, offset + _FAR_BYTES)
        if place < 0 or read_at(self._source, offset, 3) in (b"TAG", b"ID3"):
            self._offset = place + packet.size if place >= 0 else offset
            return None
        self._offset = place + packet.size
        n_bytes = place - offset
        return _Damage(ValueError(f"{n_bytes} bytes are no frames"), lost_s=self._lost_s(n_bytes, packet))


class _Converter:
    """Decoded frames as float32, whatever their sample format."""

    def __init__(self) -> None:
        self._resampler: Any = None
        self._template: tuple[str, str, int] | None = None

    def __call__(self, frame: AudioFrame) -> _Sound:
        stamp_s = frame.time
        sample_rate, n_channels = int(frame.sample_rate), frame.layout.nb_channels
        if frame.format.is_planar and n_channels >= 8:  # `to_ndarray` crashes the process on these
            frame = self._packed(frame)
        raw: NDArray[Any] = np.asarray(frame.to_ndarray())  # packed (1, S * C), or planar (C, S)
        raw = raw.T if frame.format.is_planar else raw.reshape(-1, n_channels)  # (S, C)
        values: NDArray[np.float32] = raw.astype(np.float32, copy=False)
        if raw.dtype == np.uint8:
            values = (values - np.float32(128)) / np.float32(128)
        elif raw.dtype.kind == "i":
            values = values / np.float32(1 << (8 * raw.dtype.itemsize - 1))
        return _Sound(values, sample_rate, stamp_s)

    def _packed(self, frame: AudioFrame) -> AudioFrame:
        import av

        template = (frame.format.name, frame.layout.name, int(frame.sample_rate))
        if template != self._template:
            self._resampler, self._template = av.AudioResampler(format="flt", rate=frame.sample_rate), template
        packed: AudioFrame = self._resampler.resample(frame)[0]
        return packed


class _Timeline:
    """Where on a player's clock the sound is: what is given, gaps included, from the start of the recording."""

    def __init__(self, container: Any, found: AudioFormat, findings: Findings) -> None:
        start_s, duration_s = (container.start_time or 0) / 1e6, (container.duration or 0) / 1e6
        # A player's clock begins with the earliest track, except where the container's own does and counts from 0.
        counts_from_0 = found.demuxer == "mov" or (found.demuxer == "matroska" and duration_s > start_s)
        self._anchor_s = 0.0 if counts_from_0 and 0 <= start_s <= _MOST_GAP_S else start_s
        self._last_s = self._anchor_s + duration_s if found.demuxer in _TIMED and duration_s else None
        if self._last_s is not None and counts_from_0:
            self._last_s += start_s
        self._is_gapless = found.name in ("flac", "wv", "tta")
        self._findings = findings
        self.position_s = 0.0
        self.is_damaged = False  # since the last frame

    def damage(self, error: Exception, lost_s: float) -> None:
        """Note that what comes now cannot be decoded, and how long it is where the stamps will not tell."""
        self.is_damaged = True
        self._findings.damaged(self.position_s, one_line(error))
        if lost_s:
            self._findings.missing(lost_s)
            self.position_s += lost_s
            self._anchor_s -= lost_s

    def gap_s(self, stamp_s: float | None) -> float:
        """How much silence lies before a frame; the position moves on by it."""
        is_damaged, self.is_damaged = self.is_damaged, False
        if stamp_s is None:
            return 0.0
        gap_s = stamp_s - self._anchor_s - self.position_s
        if gap_s < -_RESTART_S:
            self._anchor_s += gap_s
        if gap_s <= (0.0 if is_damaged else _LEAST_GAP_S):
            return 0.0
        if gap_s > _MOST_GAP_S or (self._last_s is not None and stamp_s > self._last_s + _RESTART_S):
            self._findings.note(
                f"the time stamps leap by {gap_s:.0f} s at {self.position_s:.1f} s, which cannot be; "
                "what follows is taken to go on at once"
            )
            self._anchor_s += gap_s
            return 0.0
        if is_damaged or self._is_gapless:
            self._findings.missing(gap_s)
            if not is_damaged:
                self._findings.damaged(self.position_s, "frames are lost")
        elif self.position_s:
            self._findings.gap(self.position_s, gap_s)
        self.position_s += gap_s
        return gap_s


def _blocks(
    items: Iterator[_Sound | _Damage], source: SplicedFile, where: str, options: ReadOptions, timeline: _Timeline
) -> Iterator[Block]:
    """Frames in blocks of a second or so, silence where there are none."""
    pending: list[NDArray[np.float32]] = []
    rate, n_channels, lost_s = 0, 0, 0.0
    for item in items:
        if isinstance(item, _Damage):
            error = source.error or item.error
            if not options.allow_truncated:
                raise_damaged(error, where, timeline.position_s)
            timeline.damage(error, item.lost_s)
            lost_s += item.lost_s
            if source.error:
                break
            continue
        silence_s, lost_s = timeline.gap_s(item.stamp_s) + lost_s, 0.0
        is_other = (item.sample_rate, item.values.shape[1]) != (rate, n_channels)
        if pending and (is_other or silence_s or sum(map(len, pending)) >= rate):
            yield Block(np.concatenate(pending), rate)
            pending = []
        rate, n_channels = check_sample_rate(item.sample_rate, where), item.values.shape[1]
        for _ in range(int(silence_s // _SILENCE_S)):
            yield Block(np.zeros((_SILENCE_S * rate, 1), np.float32), rate)
        if silence_s:
            yield Block(np.zeros((round(silence_s % _SILENCE_S * rate), 1), np.float32), rate)
        pending.append(item.values)
        timeline.position_s += len(item.values) / rate
    if pending:
        yield Block(np.concatenate(pending), rate)
    if source.error and not options.allow_truncated:
        raise_damaged(source.error, where, timeline.position_s)
