"""Pages as an organisation has them: printed, scanned straight, scanned askew, copied badly.

Invariant: the same seed gives the same pictures, so that what is read of them can be compared.
"""

import html
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageFilter

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
Condition = Literal["clean", "skewed", "noisy"]
CONDITIONS: tuple[Condition, ...] = ("clean", "skewed", "noisy")

_FONT = '"Noto Sans CJK KR", sans-serif'
_EDGE = '<div style="font-size:8px;width:100%;text-align:center;font-family:sans-serif">{}</div>'
_NUMBER = "- <span class=pageNumber></span> / <span class=totalPages></span> -"


def as_page(markdown: str, style: str = "") -> str:
    """Return Markdown headings, paragraphs and tables as a page to print."""
    parts = []
    for block in re.split(r"\n{2,}", markdown.strip()):
        if found := re.match(r"(#+) (.*)", block):
            level = len(found[1])
            parts.append(f"<h{level}>{html.escape(found[2])}</h{level}>")
        elif block.startswith("|"):
            parts.append(_table(block))
        else:
            parts.append(f"<p>{html.escape(block)}</p>")
    base = f"body{{font:11pt/1.5 {_FONT}}} td,th{{border:1px solid black;padding:3px 8px}}"
    table = "table{border-collapse:collapse}"
    return f"<meta charset=utf-8><style>{base} {table} {style}</style><main>{''.join(parts)}</main>"


def _table(block: str) -> str:
    rows = [row.strip("| ").split(" | ") for row in block.splitlines() if "---" not in row]
    cells = ("".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows)
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


class Printer:
    """Prints pages to PDF with Chromium."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser

    def print(self, page: str, path: Path, head: str = "") -> Path:
        """Print a page; with `head` every sheet has a running head and a number at its foot."""
        sheet = self._browser.new_page()
        sheet.set_content(page)
        margin = dict.fromkeys(("top", "bottom", "left", "right"), "2cm")
        edges: dict[str, Any] = {}
        if head:
            edges = {
                "display_header_footer": True,
                "header_template": _EDGE.format(html.escape(head)),
                "footer_template": _EDGE.format(_NUMBER),
            }
        sheet.pdf(path=str(path), format="A4", margin=margin, **edges)
        sheet.close()
        return path


@contextmanager
def printer() -> Iterator[Printer]:
    """Start Chromium.

    Raises:
        FileNotFoundError: it is not installed.
    """
    if CHROMIUM is None:
        raise FileNotFoundError("Chromium is missing: make system")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield Printer(browser)
        browser.close()


def scanned(
    source: Path, condition: Condition, seed: int = 1, dpi: int = 300, turned: int = 0
) -> list[Image.Image]:
    """Return a PDF's pages as a scanner gives them.

    Args:
        source: A PDF with text.
        condition: `skewed` lies one to three degrees askew; `noisy` is a grey, blurred and
            speckled copy that lies nearly straight.
        seed: Decides angles and specks.
        dpi: Resolution.
        turned: Quarter turns.
    """
    import pypdfium2

    random = np.random.default_rng(seed)
    document = pypdfium2.PdfDocument(source)
    pictures = []
    for index in range(len(document)):
        picture = document[index].render(scale=dpi / 72, grayscale=True).to_pil()
        pictures.append(_worn(picture, condition, random).rotate(90 * turned, expand=True))
    document.close()
    return pictures


def _worn(picture: Image.Image, condition: Condition, random: np.random.Generator) -> Image.Image:
    if condition == "clean":
        return picture
    noisy = condition == "noisy"
    angle = random.uniform(-0.7, 0.7) if noisy else random.uniform(1, 3) * random.choice([-1, 1])
    turned = picture.rotate(float(angle), fillcolor=255, resample=Image.Resampling.BICUBIC)
    if not noisy:
        return turned
    grey = np.asarray(turned.filter(ImageFilter.GaussianBlur(1.2)), dtype=np.float64)
    grey = grey * 0.75 + 40 + random.normal(0, 18, grey.shape)
    specks = random.random(grey.shape)
    grey[specks < 0.004], grey[specks > 0.996] = 0, 255
    return Image.fromarray(grey.clip(0, 255).astype(np.uint8))


def save_scan(pictures: Sequence[Image.Image], path: Path, dpi: int = 300) -> Path:
    """Write pictures as a PDF without text, as scanners do: one JPEG a page."""
    pictures[0].save(
        path, save_all=True, append_images=list(pictures[1:]), resolution=dpi, quality=75
    )
    return path
