"""Copy the packages of others that the console serves out of npm, with their licences and a lock; for maintainers.

To update one: change its version below, run this with Node installed, and commit what it wrote.
"""

import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "flowops" / "console" / "static" / "vendor"
LOCK = FOLDER / "vendor.lock.json"


@dataclass(frozen=True)
class Package:
    """What is taken of one package, and under which licence."""

    name: str
    version: str
    licence: str
    files: tuple[str, ...]


PACKAGES = (Package("uplot", "1.6.32", "MIT", ("dist/uPlot.esm.js", "dist/uPlot.min.css", "LICENSE")),)


def fetch(package: Package) -> dict[str, bytes]:
    """The wanted files by their last name; npm checks the package against what the registry says it is."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", f"{package.name}@{package.version}"], cwd=folder, check=True)
        (archive,) = Path(folder).glob("*.tgz")
        return unpack(archive.read_bytes(), package.files)


def unpack(archive: bytes, wanted: tuple[str, ...]) -> dict[str, bytes]:
    """The wanted files of an npm archive by their last name; KeyError for one it does not have."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        members = {name: opened.extractfile(f"package/{name}") for name in wanted}
        return {Path(name).name: file.read() for name, file in members.items() if file}


def describe(package: Package, files: dict[str, bytes]) -> dict[str, Any]:
    """The lock's entry: what this is, and the hash of every file."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return {"name": package.name, "version": package.version, "licence": package.licence, "sha256": hashes}


def main() -> None:
    """Fetch every package anew and write the lock."""
    entries = []
    for package in PACKAGES:
        files = fetch(package)
        folder = FOLDER / package.name
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        entries.append(describe(package, files))
    LOCK.write_text(json.dumps(entries, indent=2) + "\n")
    print(f"Wrote {len(entries)} package(s) and {LOCK.name}; look at the difference before you commit it.")


if __name__ == "__main__":
    main()
