"""What MkDocs does with our pages beyond its own rules.

The pages are also read on a forge, so their links are paths of the repository. A page of the repository outside docs/
(README.md, CHANGELOG.md, the README of an example, ...) becomes a page of the site if a page links to it; any other
file becomes a copy below files/. Pictures are put into the page, so that they follow its colours.
"""

import os
import posixpath
import re
from pathlib import Path
from urllib.parse import quote, unquote

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, InclusionLevel

ROOT = Path(__file__).resolve().parents[2]
FENCE_OR_CODE = re.compile(
    r"(^[ ]*(`{3,})[^\n]*\n.*?^[ ]*\2`*[ ]*$|<!--.*?-->|`[^`\n]*`)", re.MULTILINE | re.DOTALL
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
# A forge shows the name of the file, the site the title of the page.
NAMED_LINK = re.compile(r"\[(?:docs/)?[\w/-]+\.md\]\(([^)\s]+\.md(?:#[^)\s]*)?)\)")
PICTURE = re.compile(r'<img alt="([^"]*)" src="([^"]*pictures/([a-z-]+)\.svg)"\s*/?>')
# Code in a table, without tags in it.
CELL_CODE = re.compile(r"(<code>)([^<\s]{12,})(</code>)")
# The page that begins a story on the site has its own name there.
NAMES = {"README.md": "first-ten-minutes.md"}

# Who searches wants to do something first, and to know why we did it last.
BOOSTS = [("how-to/", 3), ("decisions/", 0.3), ("CHANGELOG", 0.1), ("architecture", 0.5), ("operator", 0.5)]

place_of_page = {}  # page of the site -> path in the repository
page_of_place = {}  # path in the repository -> page of the site


def title_of(path):
    return re.search(r"^# (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE).group(1)


def on_config(config):
    """A folder in the navigation (`decisions/`) stands for all its pages, in the order of their names."""

    def expand(entry):
        if isinstance(entry, list):
            return [expand(each) for each in entry]
        if isinstance(entry, dict):
            return {title: expand(each) for title, each in entry.items()}
        if entry.endswith("/"):
            pages = sorted((ROOT / "docs" / entry).glob("*.md"))
            return [f"{entry}{page.name}" for page in pages]
        return entry

    config["nav"] = expand(config["nav"])
    return config


def repository_place(page, target):
    """The path in the repository that a link of the page means, or None: another machine, or the page itself."""
    if re.match(r"[a-z]+:", target) or target.startswith(("#", "/")):
        return None
    name = unquote(target.partition("#")[0])
    return posixpath.normpath(posixpath.join(posixpath.dirname(place_of_page[page]), name))


def links_of(text):
    plain = FENCE_OR_CODE.sub("", text)
    return [match.group(1) for match in LINK.finditer(plain)]


def with_page(place):
    """A folder stands for its README."""
    if (ROOT / place).is_dir():
        for name in ("README.md", "index.md"):
            if (ROOT / place / name).is_file():
                return f"{place}/{name}"
        if place.startswith("docs/"):
            pages = sorted(path.name for path in (ROOT / place).glob("*.md"))
            return f"{place}/{pages[0]}"
    return place


def generated_file(config, uri, path, inclusion):
    file = File.generated(config, uri, abs_src_path=str(path), inclusion=inclusion)
    file.edit_uri = None
    return file


def on_files(files, config):
    place_of_page.clear()
    page_of_place.clear()
    for file in files.documentation_pages():
        place_of_page[file.src_uri] = f"docs/{file.src_uri}"
        page_of_place[f"docs/{file.src_uri}"] = file.src_uri
    listed = {uri for uri in flat(config["nav"])}
    open_pages = list(place_of_page)
    for place in [place for uri, place in wanted_by_navigation(listed) if uri not in place_of_page]:
        open_pages.append(add_page(config, files, place, listed))
    seen = set()
    while open_pages:
        page = open_pages.pop()
        text = (ROOT / place_of_page[page]).read_text(encoding="utf-8")
        for target in links_of(text):
            place = repository_place(page, target)
            if place is None:
                continue
            place = with_page(place)
            if place in page_of_place or place in seen:
                continue
            seen.add(place)
            path = ROOT / place
            if place.startswith("../") or not path.is_file():
                raise PluginError(f"{place_of_page[page]}: the link to '{target}' leads to no file")
            if path.suffix == ".md":
                open_pages.append(add_page(config, files, place, listed))
            else:
                uri = f"files/{place}"
                page_of_place[place] = uri
                files.append(generated_file(config, uri, path, InclusionLevel.INCLUDED))
    return files


def wanted_by_navigation(listed):
    """Pages of the repository outside docs/ that the navigation names."""
    by_name = {name: place for place, name in NAMES.items()}
    for uri in sorted(listed):
        place = by_name.get(uri, uri)
        if not (ROOT / "docs" / uri).is_file() and (ROOT / place).is_file():
            yield uri, place


def add_page(config, files, place, listed):
    uri = NAMES.get(place, place)
    inclusion = InclusionLevel.INCLUDED if uri in listed else InclusionLevel.NOT_IN_NAV
    files.append(generated_file(config, uri, ROOT / place, inclusion))
    place_of_page[uri] = place
    page_of_place[place] = uri
    return uri


def flat(entry):
    if isinstance(entry, list):
        for each in entry:
            yield from flat(each)
    elif isinstance(entry, dict):
        for each in entry.values():
            yield from flat(each)
    else:
        yield entry


def titled_pages(entry):
    """(page, its title) of all that the navigation gives a title."""
    for each in entry if isinstance(entry, list) else [entry]:
        if isinstance(each, dict):
            for title, below in each.items():
                if isinstance(below, str):
                    yield below, title
                else:
                    yield from titled_pages(below)


def on_page_markdown(markdown, page, config, files):
    uri = page.file.src_uri

    def rewritten(match):
        target = match.group(1)
        place = repository_place(uri, target)
        if place is None:
            return match.group(0)
        file = page_of_place.get(with_page(place))
        if file is None:  # a picture, which MkDocs finds itself
            return match.group(0)
        anchor = target.partition("#")[2]
        link = quote(posixpath.relpath(file, posixpath.dirname(uri) or "."))
        return f"]({link}{'#' + anchor if anchor else ''})"

    boost = next((boost for start, boost in BOOSTS if uri.startswith(start)), 1)
    page.meta.setdefault("search", {})["boost"] = boost

    def titled(match):
        place = repository_place(uri, match.group(1))
        title = titles.get(page_of_place.get(with_page(place))) if place else None
        return f"[{title}]({match.group(1)})" if title else match.group(0)

    titles = dict(titled_pages(config["nav"]))
    parts = FENCE_OR_CODE.split(markdown)
    # split() gives text, the whole match, its inner group (the backticks of a fence), text, ...
    kept = []
    for index in range(0, len(parts), 3):
        named = NAMED_LINK.sub(titled, parts[index])
        kept.append(LINK.sub(rewritten, named))
        if index + 1 < len(parts):
            kept.append(parts[index + 1])
    return "".join(kept)


def on_page_content(html, page, config, files):
    def inlined(match):
        alt, _, name = match.groups()
        svg = (ROOT / "docs" / "pictures" / f"{name}.svg").read_text(encoding="utf-8")
        svg = re.sub(r"<style>.*?</style>\n?", "", svg, flags=re.DOTALL)
        return f'<span class="picture" role="img" aria-label="{alt}">{svg}</span>'

    return CELL_CODE.sub(breakable, PICTURE.sub(inlined, html))


def breakable(match):
    """Long names in tables may break behind a dot, a slash or an underscore, and nowhere else."""
    return match.group(1) + re.sub(r"(?<=\w)([./_]|\]\.)(?=\w)", r"\1<wbr>", match.group(2)) + match.group(3)


def on_post_build(config):
    # Material puts a map of the site there for search engines; it names no place while the site has none.
    for name in ("sitemap.xml", "sitemap.xml.gz"):
        path = Path(config["site_dir"]) / name
        if path.exists():
            os.remove(path)
