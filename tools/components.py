#!/usr/bin/env python3
"""usage: components.py BUNDLE [--python NAME==VERSION]... [--licenses DIRECTORY] [--sbom FILE]
       components.py --image IMAGE --sbom FILE

What is in a bundle that docker/bundle.sh has made, on the Debian machine that made it: the packages that its
libraries come from, and those that the programs are compiled with. Or what is in an image that was made here
of such a bundle (tools/images.sh --prebuilt): that, and its Debian and Python packages.

--python    a Python package that is with it
--licenses  the terms of each Debian package, and the licences that they name
--sbom      a software bill of materials: CycloneDX 1.5, JSON
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
LICENSES = Path("/usr/share/common-licenses")
LIBRARIES_OF_IMAGE = "/opt/parallelrun/lib/"
# The C library's folders: a bundle's file has no path any more.
FOLDERS = ("/lib", "/usr/lib")


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    architecture: str  # of a Debian package; empty: a Python package

    @property
    def purl(self) -> str:
        name, version = quote(self.name), quote(self.version)
        if not self.architecture:
            return f"pkg:pypi/{name}@{version}"
        return f"pkg:deb/debian/{name}@{version}?arch={self.architecture}"

    @property
    def terms(self) -> Path:
        return Path("/usr/share/doc") / self.name / "copyright"


def said_by(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def version_of_the_project() -> str:
    lists = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.search(r"^project\(parallelrun VERSION ([0-9.]+)", lists, re.MULTILINE).group(1)


def installed(name: str) -> Package:
    fields = said_by("dpkg-query", "-W", "-f", "${Package}\t${Version}\t${Architecture}\n", name).splitlines()
    if not fields:
        sys.exit(f"components: the Debian package '{name}' is not installed; run tools/setup-debian.sh")
    return Package(*fields[0].split("\t"))


def owner_of(library: str) -> Package:
    """The package that a library of the machine belongs to."""
    triplet = said_by("gcc", "-print-multiarch").strip()
    for folder in FOLDERS:
        for path in (Path(folder) / triplet / library, Path(folder + "64") / library):
            for name in dict.fromkeys((str(path), str(path.resolve()))):
                owner = said_by("dpkg-query", "--search", name).partition(":")[0]
                if owner:
                    return installed(owner)
    sys.exit(f"components: no Debian package of this machine has the library '{library}' of the bundle")


def with_files(name: str) -> Package:
    """`name`, or the package of a version that it stands for, as libboost-dev does."""
    if any(file.startswith("/usr/include/") for file in said_by("dpkg-query", "-L", name).splitlines()):
        return installed(name)
    return installed(re.match(r"[\w.+-]+", said_by("dpkg-query", "-W", "-f", "${Depends}", name)).group(0))


def compiled_in() -> list:
    """The packages of headers and static libraries, from the list that `make setup` installs."""
    listed = (ROOT / "tools" / "debian-packages.txt").read_text(encoding="utf-8")
    section = re.search(r"^# libraries of the programs\n(.*?)^#", listed, re.MULTILINE | re.DOTALL).group(1)
    return [with_files(name) for name in section.split() if name != "python3-dev"]


def write_licenses(packages: list, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    named = set()
    for package in packages:
        terms = package.terms.read_text(encoding="utf-8", errors="replace")
        (folder / f"{package.name}.txt").write_text(terms, encoding="utf-8")
        named |= set(re.findall(rf"{LICENSES}/([\w.-]*\w)", terms))
    for name in sorted(named):
        if (LICENSES / name).is_file():
            text = (LICENSES / name).read_text(encoding="utf-8", errors="replace")
            (folder / f"common-licenses-{name}.txt").write_text(text, encoding="utf-8")


def component(package: Package) -> dict:
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
    }


def file_component(name: str, digest: str) -> dict:
    return {"type": "file", "name": name, "hashes": [{"alg": "SHA-256", "content": digest}]}


def files_of_bundle(bundle: Path) -> list:
    return [
        file_component(str(path.relative_to(bundle)), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(bundle.rglob("*"))
        if path.is_file()
    ]


def packages_of_bundle(bundle: Path) -> list:
    ours = {path.name for path in (bundle / "bin").iterdir()}
    libraries = sorted(path.name for path in (bundle / "lib").iterdir() if path.name not in ours)
    return sorted({owner_of(name) for name in libraries} | set(compiled_in()), key=lambda p: p.name)


def said_in(image: str, script: str) -> list:
    command = ["docker", "run", "--rm", "--entrypoint", "sh", image, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"components: the image '{image}' does not say what is in it: {done.stderr.strip()}")
    return [line.split("\t") for line in done.stdout.splitlines()]


def packages_of_image(image: str) -> list:
    fields = "'${Package}\t${Version}\t${Architecture}\n'"
    debian = [Package(*line) for line in said_in(image, f"dpkg-query -W -f {fields}")]
    # The metadata that pip leaves, so that the image needs no pip.
    metadata = (
        "for file in /opt/venv/lib/python3*/site-packages/*.dist-info/METADATA; do [ -f $file ] || continue; "
        "printf '%s\\t%s\\n' \"$(sed -n 's/^Name: //p;/^$/q' $file)\" \"$(sed -n 's/^Version: //p;/^$/q' $file)\"; done"
    )
    return debian + [Package(name, version, "") for name, version in said_in(image, metadata)]


def files_of_image(image: str) -> list:
    sums = said_in(image, "find /opt/parallelrun -type f | LC_ALL=C sort | xargs sha256sum")
    return [file_component(line[0][66:], line[0][:64]) for line in sums]


def write_sbom(name: str, packages: list, files: list, target: Path) -> None:
    version = version_of_the_project()
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": name,
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": [component(package) for package in packages] + files,
    }
    target.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("bundle", type=Path, nargs="?")
    parser.add_argument("--image")
    parser.add_argument("--python", action="append", default=[], metavar="NAME==VERSION")
    parser.add_argument("--licenses", type=Path)
    parser.add_argument("--sbom", type=Path)
    given = parser.parse_args()
    if bool(given.bundle) == bool(given.image) or (given.image and given.licenses):
        parser.error("name either a bundle, or an image with --sbom")
    if given.image:
        files = files_of_image(given.image)
        libraries = [Path(file["name"]).name for file in files if file["name"].startswith(LIBRARIES_OF_IMAGE)]
        packages = (
            set(packages_of_image(given.image)) | {owner_of(name) for name in libraries} | set(compiled_in())
        )
        write_sbom(given.image, sorted(packages, key=lambda p: p.purl), files, given.sbom)
        return
    packages = packages_of_bundle(given.bundle)
    if given.licenses:
        write_licenses(packages, given.licenses)
    if given.sbom:
        packages += [Package(*each.split("=="), architecture="") for each in given.python]
        write_sbom("parallelrun", packages, files_of_bundle(given.bundle), given.sbom)


if __name__ == "__main__":
    main()
