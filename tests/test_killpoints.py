"""Kill points: where they are is known, and nothing that others can reach is started with one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flowops import errors, killpoints, settings
from tests.project import repository


@pytest.fixture(autouse=True)
def no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No flowops.toml."""
    monkeypatch.chdir(tmp_path)


def test_every_point_is_reached_at_one_place_and_no_other_is() -> None:
    text = "".join(file.read_text() for file in repository.files("flowops/*.py") if file.name != "killpoints.py")
    assert {point: text.count(f'killpoints.reach("{point}")') for point in killpoints.POINTS} == dict.fromkeys(
        killpoints.POINTS, 1
    )
    assert text.count("killpoints.reach(") == len(killpoints.POINTS)


@pytest.mark.parametrize("wrong", ["claim", "claim.committed:0", "claim.committed:x", "claim.committed:1:1"])
def test_an_unknown_point_is_refused_and_the_known_ones_are_listed(wrong: str) -> None:
    with pytest.raises(errors.WrongSetting) as refused:
        settings.load(kill_point=wrong)
    assert "FLOWOPS_KILL_POINT is wrong: there is no such kill point" in str(refused.value)
    assert all(point in str(refused.value) for point in killpoints.POINTS)


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"host": "0.0.0.0", "public_url": "http://localhost"},
        {"public_url": "https://flowops.example.com"},
        {"host": "192.0.2.1", "public_url": "https://flowops.example.com"},
    ],
)
def test_a_process_that_others_reach_is_not_started_with_one(elsewhere: dict[str, str]) -> None:
    assert settings.load(**elsewhere).kill_point is None
    with pytest.raises(errors.WrongSetting, match="FLOWOPS_KILL_POINT is wrong: it kills the process"):
        settings.load(kill_point="claim.committed", **elsewhere)


def test_no_command_works_with_one_where_others_reach_it() -> None:
    variables = {"FLOWOPS_KILL_POINT": "claim.committed", "FLOWOPS_PUBLIC_URL": "https://flowops.example.com"}
    command = [sys.executable, "-m", "flowops", "work"]
    environment = os.environ | variables
    ran = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, cwd=repository.ROOT)
    assert (ran.returncode, "FLOWOPS_KILL_POINT is wrong" in ran.stderr) == (1, True)


def test_a_process_dies_the_time_it_is_told_to() -> None:
    code = "from flowops import killpoints as k; k.arm('settle.committed:2'); k.reach('claim.committed')\n"
    code += "for _ in range(2): k.reach('settle.committed'); print('alive', flush=True)"
    ran = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=repository.ROOT)
    assert (ran.returncode, ran.stdout) == (-signal.SIGKILL, "alive\n")


def test_unarmed_and_disarmed_points_are_passed() -> None:
    killpoints.arm("settle.committed")
    killpoints.arm(None)
    killpoints.reach("settle.committed")
