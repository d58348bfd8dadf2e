"""What tools/release.sh makes. Images are left out: tests/images builds them by the same script."""

import hashlib
import json
import re
import shutil
import subprocess
import tarfile

import pytest
import yaml
from wheel_environments import ROOT


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """The folder of a draft."""
    folder = tmp_path_factory.mktemp("release") / "files"
    tool = [ROOT / "tools" / "release.sh", "--draft", "--without-images", "--output", folder]
    done = subprocess.run(tool, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def only(found):
    (one,) = found
    return one


def test_it_has_everything_and_the_sums_are_right(release):
    names = sorted(path.name for path in release.iterdir())
    assert [re.sub(r"[0-9]+\.[0-9]+\.[0-9]+", "V", name).replace("arm64", "amd64") for name in names] == [
        "NOTES.md",
        "SHA256SUMS",
        "parallelrun-V-linux-amd64.tar.gz",
        only(release.glob("*.whl")).name.replace(names[2].split("-")[1], "V"),
        "parallelrun-V-wheel-amd64.cdx.json",
        "parallelrun-V.tgz",
        "parallelrun.krew.yaml",
    ]
    sums = dict(reversed(line.split("  ", 1)) for line in (release / "SHA256SUMS").read_text().splitlines())
    assert sums == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in release.iterdir()
        if path.name != "SHA256SUMS"
    }
    assert "## Unreleased" in (release / "NOTES.md").read_text()


def test_the_plugin_of_kubectl_runs_from_its_archive(release, tmp_path):
    archive = only(release.glob("*-linux-*.tar.gz"))
    manifest = yaml.safe_load((release / "parallelrun.krew.yaml").read_text())
    platform = only(manifest["spec"]["platforms"])
    assert platform["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert platform["uri"].endswith("/" + archive.name) and manifest["metadata"]["name"] == "parallelrun"
    with tarfile.open(archive) as files:
        files.extractall(tmp_path)
    if shutil.which("npm"):
        assert (tmp_path / "share" / "parallelrun" / "ui" / "index.html").exists()
    # As krew links it, and as a user does who unpacks it.
    (tmp_path / "kubectl-parallelrun").symlink_to(tmp_path / platform["bin"])
    for program in (tmp_path / "kubectl-parallelrun", tmp_path / "bin" / "kubectl-parallelrun"):
        help_text = subprocess.check_output([program, "submit", "--help"], text=True)
        assert "Example: kubectl parallelrun submit" in help_text
    assert "Example: parallelrun submit" in subprocess.check_output(
        [tmp_path / "bin" / "parallelrun", "submit", "--help"], text=True
    )


def test_the_bill_names_what_is_in_the_wheel(release):
    bill = json.loads(only(release.glob("*-wheel-*.cdx.json")).read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    kinds = {
        kind: [c["name"] for c in bill["components"] if c["type"] == kind] for kind in ("library", "file")
    }
    assert {"libc6", "libssl3", "nlohmann-json3-dev", "cloudpickle", "pyyaml"} <= set(kinds["library"])
    assert {"bin/parallelrun", "lib/parallelrun", "lib/libc.so.6"} <= set(kinds["file"])
    installed = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", "libssl3"], capture_output=True, text=True
    ).stdout
    assert [c["version"] for c in bill["components"] if c["name"] == "libssl3"] == [installed]


DEFINITIONS = ("parallelrunjobs", "parallelrundatasets")


def test_the_chart_is_whole_and_its_example_is_valid(release, tmp_path):
    with tarfile.open(only(release.glob("*.tgz"))) as archive:
        names = archive.getnames()
        chart = yaml.safe_load(archive.extractfile("parallelrun/Chart.yaml"))
    assert {"parallelrun/values.yaml", *(f"parallelrun/files/{name}.yaml" for name in DEFINITIONS)} <= set(
        names
    )
    notes = {key.split("/")[1]: value for key, value in chart["annotations"].items()}
    assert notes["license"] == "Apache-2.0"
    told = {crd["name"]: (crd["kind"], crd["version"]) for crd in yaml.safe_load(notes["crds"])}
    definitions = [yaml.safe_load((ROOT / "crds" / f"{name}.yaml").read_text()) for name in DEFINITIONS]
    assert told == {
        one["metadata"]["name"]: (one["spec"]["names"]["kind"], only(one["spec"]["versions"])["name"])
        for one in definitions
    }
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(only(yaml.safe_load(notes["crdsExamples"]))))
    program = ROOT / "build" / "bin" / "parallelrun"
    done = subprocess.run([program, "validate", tmp_path / "job.yaml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_release_that_is_no_draft_needs_its_notes(tmp_path):
    """In a clone, where nothing is changed: the version has no section yet, or it has one and its chart differs."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, clone], check=True)

    def refused(*, commit):
        if commit:
            name = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
            subprocess.run(["git", *name, "commit", "--quiet", "--all", "-m", "x"], cwd=clone, check=True)
        done = subprocess.run([clone / "tools" / "release.sh"], cwd=clone, capture_output=True, text=True)
        assert done.returncode == 1
        return done.stderr

    lists = clone / "CMakeLists.txt"
    lists.write_text(re.sub(r"VERSION [0-9.]+ LANG", "VERSION 9.8.7 LANG", lists.read_text()))
    assert "changes that are not committed" in refused(commit=False)
    assert "CHANGELOG.md has no section '## 9.8.7'" in refused(commit=True)
    changes = clone / "CHANGELOG.md"
    changes.write_text(changes.read_text().replace("## Unreleased", "## 9.8.7", 1))
    assert "Chart.yaml must be 9.8.7" in refused(commit=True)
