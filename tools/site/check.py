"""usage: check.py SITE: no page of the site asks another machine for anything, and no Markdown is left in the text."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

# What a browser fetches without a click.
FETCHED = {
    "script": "src",
    "img": "src",
    "link": "href",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
}
LEFT_OVERS = [
    (re.compile(r"```"), "a fence of code"),
    (re.compile(r"^\|.*\|\s*$", re.MULTILINE), "a row of a table"),
    (re.compile(r"^\s*\|?(\s*:?-{3,}:?\s*\|)+", re.MULTILINE), "the line below the head of a table"),
    (re.compile(r"^\s*[-*] \S", re.MULTILINE), "an entry of a list"),
    (re.compile(r"\]\((?!\s)[^)\n]*\)"), "a link"),
    (re.compile(r"^#{1,6} ", re.MULTILINE), "a heading"),
]


class Page(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.problems = []
        self.text = []
        self.in_code = 0

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        address = attributes.get(FETCHED.get(tag), "") or ""
        if re.match(r"(https?:)?//", address) and attributes.get("rel") not in (
            "canonical",
            "author",
            "license",
        ):
            self.problems.append(f"<{tag}> fetches {address}")
        if tag in ("pre", "code", "script", "style", "svg"):
            self.in_code += 1
        if tag in ("p", "li", "td", "div", "article", "section"):
            self.text.append("\n")

    def handle_endtag(self, tag):
        if tag in ("pre", "code", "script", "style", "svg"):
            self.in_code -= 1
        if tag in ("p", "li", "td"):
            self.text.append("\n")

    def handle_data(self, data):
        # Of code only its place is kept, so that what stands beside it can be read.
        self.text.append("\0" if self.in_code else data)


def article_of(html):
    found = re.search(r"<article.*?</article>", html, re.DOTALL)
    return found.group(0) if found else ""


def main(site):
    problems = []
    pages = sorted(site.rglob("*.html"))
    for path in pages:
        html = path.read_text(encoding="utf-8")
        whole = Page()
        whole.feed(html)
        article = Page()
        article.feed(article_of(html))
        found = whole.problems
        text = "".join(article.text)
        for pattern, name in LEFT_OVERS:
            match = pattern.search(text)
            if match:
                found.append(f"{name} is left in the text: {match.group(0).strip()[:60]!r}")
        problems += [f"{path.relative_to(site)}: {problem}" for problem in found]
    for path in sorted(site.rglob("*.css")):
        for address in re.findall(
            r"url\(['\"]?((?:https?:)?//[^)'\"]+)|@import ['\"](https?:[^'\"]+)", path.read_text("utf-8")
        ):
            problems.append(f"{path.relative_to(site)}: fetches {''.join(address)}")
    if not pages:
        problems.append(f"{site} has no pages")
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    print(f"site: {len(pages)} pages checked, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
