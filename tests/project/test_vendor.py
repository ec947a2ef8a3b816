"""What the console serves of others is what was taken from them, with its licence, and named in the lock."""

import hashlib
import io
import json
import tarfile

import pytest

from tests.project import repository
from tools import vendor

LOCKED = json.loads(vendor.LOCK.read_text())


def test_every_vendored_file_has_the_hash_in_the_lock() -> None:
    locked = {f"{entry['name']}/{name}": sha256 for entry in LOCKED for name, sha256 in entry["sha256"].items()}
    files = [file for file in repository.files(str(vendor.FOLDER)) if file != vendor.LOCK]
    assert {str(f.relative_to(vendor.FOLDER)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files} == locked


def test_the_lock_is_of_the_packages_that_are_wanted_and_each_has_its_licence() -> None:
    wanted = [(package.name, package.version, package.licence) for package in vendor.PACKAGES]
    assert [(entry["name"], entry["version"], entry["licence"]) for entry in LOCKED] == wanted
    assert all("LICENSE" in entry["sha256"] for entry in LOCKED)
    notice = repository.toml("pyproject.toml")["project"]["license-files"]
    assert {"LICENSE", "flowops/console/static/vendor/*/LICENSE"} <= set(notice)


def test_only_what_is_wanted_is_taken_out_of_an_archive() -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as opened:
        for name in ("package/dist/a.js", "package/LICENSE", "package/../../evil"):
            member = tarfile.TarInfo(name)
            member.size = len(name)
            opened.addfile(member, io.BytesIO(name.encode()))
    taken = vendor.unpack(archive.getvalue(), ("dist/a.js", "LICENSE"))
    assert taken == {"a.js": b"package/dist/a.js", "LICENSE": b"package/LICENSE"}
    with pytest.raises(KeyError):
        vendor.unpack(archive.getvalue(), ("b.js",))
