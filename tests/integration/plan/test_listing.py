"""The order and choice of files against a listing by other means."""

import os
import pathlib
import random


def expected(root):
    """Every regular file, sorted by the bytes of its path components."""
    found = []
    for folder, folders, files in os.walk(os.fsencode(root)):
        folders[:] = [name for name in folders if not name.startswith(b".") and name != b"lost+found"]
        for name in files:
            if not name.startswith(b".") and os.path.isfile(os.path.join(folder, name)):
                found.append(os.path.relpath(os.path.join(folder, name), os.fsencode(root)))
    return [os.fsdecode(path) for path in sorted(found, key=lambda path: path.split(b"/"))]


def grow(draw, folder, depth):
    names = set()
    for _ in range(draw.randrange(1, 12)):
        names.add("".join(draw.choice("ab.-_0é~ ") for _ in range(draw.randrange(1, 6))))
    for name in names - {".", ".."}:
        path = folder / name
        if depth and draw.random() < 0.4:
            path.mkdir()
            grow(draw, path, depth - 1)
        elif draw.random() < 0.1:
            path.symlink_to(draw.choice(["nowhere", os.fspath(folder), __file__]))
        else:
            path.write_bytes(b"")


def test_random_trees_come_in_order(plan_dump, tmp_path):
    draw = random.Random(7)
    for number in range(30):
        root = tmp_path / str(number)
        root.mkdir()
        grow(draw, root, 3)
        files = expected(root)
        assert plan_dump.walk(root) == files
        if files:
            place = draw.randrange(len(files))
            assert plan_dump.walk(root, "", files[place]) == files[place + 1 :]


def test_globs_choose_like_pathlib(plan_dump, tmp_path):
    draw = random.Random(8)
    for name in ["a/b/c.png", "a/c.png", "c.png", "a/b/d.txt", "ab/c.jpg", "x/y/z/w.png", "a/b.png/c.png"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    grow(draw, tmp_path, 2)
    everything = expected(tmp_path)
    for glob in [
        "*.png",
        "**/*.png",
        "a/*",
        "a/**/*.png",
        "*/*",
        "**/b/*",
        "?.png",
        "[a-x]/*/?.*",
        "**/[!c]*",
    ]:
        matched = {os.fspath(path.relative_to(tmp_path)) for path in pathlib.Path(tmp_path).glob(glob)}
        assert plan_dump.walk(tmp_path, glob) == [path for path in everything if path in matched], glob
