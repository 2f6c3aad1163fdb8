import os
import signal
import stat
import subprocess
import sys

import pytest

from audio_lstm.atomic import atomic_write, check_writable, remove_leftovers


def test_file_appears_whole_with_the_same_suffix_and_nothing_else_remains(tmp_path):
    target = tmp_path / "a.wav"
    with atomic_write(target) as scratch:
        assert (scratch.parent, scratch.suffix) == (tmp_path, ".wav")
        assert not scratch.exists()
        scratch.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.wav"]


def test_an_error_in_the_block_leaves_the_old_file_and_no_scratch(tmp_path):
    target = tmp_path / "a.json"
    target.write_text("old")

    def write():
        with atomic_write(target) as scratch:
            scratch.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "a.json"):
        pass


def test_a_process_killed_while_writing_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.json"
    target.write_text("old")
    program = (
        "import os, signal, sys\n"
        "from audio_lstm.atomic import atomic_write\n"
        "with atomic_write(sys.argv[1]) as scratch:\n"
        "    scratch.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, target], check=False)
    assert done.returncode == -signal.SIGKILL
    assert target.read_text() == "old"


def test_permissions_are_those_of_the_old_file_or_of_any_new_one(tmp_path):
    plain, target = tmp_path / "plain", tmp_path / "target"
    plain.touch()
    for _ in range(2):  # a new file, then a replaced one
        with atomic_write(target) as scratch:
            scratch.touch(mode=0o600)
        assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
        for file in (plain, target):
            file.chmod(0o640)


def test_a_link_survives_and_its_target_is_replaced(tmp_path):
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    link.symlink_to(real)
    with atomic_write(link) as scratch:
        scratch.write_text("new")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_a_device_is_written_to_and_not_replaced():
    with atomic_write("/dev/null") as scratch:
        scratch.write_text("gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_leftovers_of_the_named_files_alone_are_removed(tmp_path):
    ours = [tmp_path / "a.b.txt", tmp_path / "two\nlines", tmp_path / "nowhere" / "c.txt"]
    with atomic_write(ours[0]) as scratch:
        left = scratch.name
        scratch.touch()
    kept = {"a.b.txt", ".a.b-0123456789abcde.txt", ".a.b-0123456789abcdef.srt", "a.b-0123456789abcdef.txt"}
    for name in (left, ".two\nlines-0123456789abcdef", *kept):
        (tmp_path / name).touch()
    remove_leftovers(ours)
    assert set(os.listdir(tmp_path)) == kept


def test_leftovers_in_the_working_directory_are_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".a-0123456789abcdef.txt").touch()
    remove_leftovers(["a.txt"])
    assert not os.listdir(tmp_path)


def test_what_cannot_be_written_is_known_before_and_nothing_is_left(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    check_writable(tmp_path / "file")
    check_writable(tmp_path / "new" / "deep" / "x.txt")
    check_writable(os.devnull)
    for path, kind, culprit in (
        (tmp_path, IsADirectoryError, tmp_path),
        (tmp_path / "file" / "deep" / "x.txt", NotADirectoryError, tmp_path / "file"),
        (tmp_path / f"{'x' * 250}.txt", OSError, tmp_path),
        ("/proc/x.txt", OSError, "/proc"),
    ):
        with pytest.raises(kind) as caught:
            check_writable(path)
        assert caught.value.filename == os.fspath(culprit)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "nowhere"]
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(os.name != "posix", reason="limits are a Unix thing")
def test_a_disk_without_room_for_a_block_is_known_before(tmp_path):
    code = (
        "import resource, sys; from audio_lstm.atomic import check_writable\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "check_writable(sys.argv[1])"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "x"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert not list(tmp_path.iterdir())
