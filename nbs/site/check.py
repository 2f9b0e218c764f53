"""Follow every link of the built site without a network: `python nbs/site/check.py _site/html`.

Pages and anchors inside the site must exist, pictures must be there and say what they show, addresses outside must be well formed
and belong to a known host. Exit code 1 and one line for each fault.
"""
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    "Links, pictures and anchors of one page."

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.links, self.pictures, self.anchors, self.titles, self.formulas = [], [], set(), 0, []
        self.inside = []
        self.feed(text)

    def handle_endtag(self, tag):
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data):
        if re.search(r"\$(?![A-Z_]{3})", data) and not self.inside:  # $GAMMAPY_DATA is no formula
            self.formulas.append(" ".join(data.split())[:60])

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag in ("pre", "code", "script", "style"):
            self.inside.append(tag)
        self.anchors |= {attributes[k] for k in ("id", "name") if attributes.get(k)}
        self.titles += tag == "h1"
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        elif tag == "img" and "logo__image" not in (attributes.get("class") or ""):  # the logo stands beside its own name
            self.pictures.append((attributes.get("src", ""), attributes.get("alt")))
        elif tag in ("link", "script") and attributes.get("href" if tag == "link" else "src"):
            self.links.append(attributes["href" if tag == "link" else "src"])


def inside(pages, path, address, root):
    "What is wrong with an address inside the site, or nothing."
    parts = urlsplit(address)
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir():
        target /= "index.html"
    if not target.is_relative_to(root) or not target.exists():
        return f"no such file: {address}"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
        return f"no such section: {address}"
    return None


def faults(folder):
    "Everything wrong with the site, as lines `page: fault`, and the addresses outside with their pages."
    root = Path(folder).resolve()
    pages = {p: Page(p.read_text(encoding="utf-8")) for p in sorted(root.rglob("*.html")) if "_static" not in p.parts}
    found, outside = [], {}
    for path, page in pages.items():
        name = path.relative_to(root).as_posix()
        if page.titles != 1 and name not in ("search.html", "genindex.html"):
            found.append(f"{name}: {page.titles} titles")
        for address in dict.fromkeys(page.links):
            parts = urlsplit(address)
            if parts.scheme in ("http", "https"):
                outside.setdefault(address.partition("#")[0], []).append(name)
                if not parts.netloc or " " in address:
                    found.append(f"{name}: no address: {address}")
            elif parts.scheme in ("mailto", "data", "javascript"):
                continue
            elif fault := inside(pages, path, address, root):
                found.append(f"{name}: {fault}")
        found += [f"{name}: a formula is not drawn: {text}" for text in page.formulas]
        for source, alternative in page.pictures:
            if not source.startswith(("http", "data:")) and (fault := inside(pages, path, source, root)):
                found.append(f"{name}: {fault}")
            if not (alternative or "").strip() or alternative.endswith((".png", ".svg")):
                found.append(f"{name}: a picture does not say what it shows: {source[:60]}")
    return found, outside, len(pages)


if __name__ == "__main__":
    found, outside, n_pages = faults(sys.argv[1])
    print("\n".join(found[:200]))
    print(f"{n_pages} pages, {len(outside)} addresses outside, {len(found)} faults")
    sys.exit(bool(found))
