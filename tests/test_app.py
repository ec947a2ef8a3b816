"""Wiring a process: the key that signs what a browser is handed is whole, and the same for every process."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flowops import app as application
from flowops import errors, settings


def key(folder: Path, **given: str) -> bytes:
    """The secret key of a process on a database in this folder."""
    built = application.build(settings.load(**{"database_url": f"sqlite:///{folder}/q.db?timeout=5", **given}))
    built.close()
    return built.secret_key


def test_a_key_is_made_once_beside_the_database_for_its_owner_alone(tmp_path: Path) -> None:
    made = key(tmp_path)
    file = tmp_path / "q.db.key"
    assert len(made) == 64
    assert (key(tmp_path), file.read_bytes()) == (made, made)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.glob("*key*")] == ["q.db.key"]


def test_processes_that_start_at_once_have_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: key(tmp_path), range(8)))
    assert len(made) == 1
    assert len(made.pop()) == 64


def test_an_empty_key_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWOPS_SECRET_KEY", "")
    monkeypatch.setenv("FLOWOPS_METRICS_TOKEN", "")
    assert len(key(tmp_path)) == 64
    assert settings.load().metrics_token is None
    with pytest.raises(errors.WrongSetting, match="FLOWOPS_SECRET_KEY is wrong: with PostgreSQL it must be set"):
        settings.load(database_url="postgresql://host/name")


@pytest.mark.parametrize("left", [b"", b"a" * 31])
def test_a_key_that_was_cut_short_stops_the_start(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "q.db.key").write_bytes(left)
    with pytest.raises(errors.WrongSetting, match="is cut short"):
        key(tmp_path)


def test_threads_for_a_topic_nobody_knows_stop_the_start(tmp_path: Path) -> None:
    wanted = settings.load(database_url=f"sqlite:///{tmp_path}/q.db", workers={"mail.sent": 4})
    with pytest.raises(errors.WrongSetting, match=r"FLOWOPS_WORKERS is wrong: there is no topic mail\.sent, only ai"):
        application.build(wanted)
