"""A picture of a page, made straight and clean before it is read.

Each step was measured: without them a page that lies two degrees askew or is speckled loses a few
per cent of its characters (`benchmarks/documents.py`).
Invariant: the picture keeps its size, so places on it stay places on the page.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

_STEEPEST = 6.0
"""Degrees; a scanner's feed does no worse, and a page that lies on its side is turned elsewhere."""
_WIDTH = 600
"""Pixels across that suffice to see how lines run."""
_SPECK = 3


def cleaned(picture: Image.Image) -> Image.Image:
    """Return the page in grey, straight, without specks, on white paper."""
    grey = picture.convert("L")
    tilt = skew(grey)
    if abs(tilt) >= 0.1:
        paper = int(np.median(np.asarray(grey)))
        grey = grey.rotate(tilt, resample=Image.Resampling.BICUBIC, fillcolor=paper)
    return _on_white(grey.filter(ImageFilter.MedianFilter(_SPECK)))


def _on_white(grey: Image.Image) -> Image.Image:
    """Return the page with its paper white: on a page of one line Tesseract takes grain for ink."""
    shades = np.asarray(grey)
    paper = float(np.median(shades))
    grain = 1.4826 * float(np.median(np.abs(shades - paper)))  # a standard deviation, if normal
    white = paper - 2.5 * grain
    if white < 100:
        return grey  # a photograph, or white on black
    return grey.point([min(255, round(255 * shade / white)) for shade in range(256)])


def skew(grey: Image.Image) -> float:
    """Return by how many degrees the page must be turned, counter-clockwise, to lie straight.

    Straight lines of text make rows that are full or empty: the right angle is the one at which
    neighbouring rows differ most (Postl, 1986).
    """
    height = max(1, grey.height * _WIDTH // grey.width)
    small = np.asarray(grey.resize((_WIDTH, height), Image.Resampling.BILINEAR))
    ink = Image.fromarray(((small < np.median(small) - 40) * 255).astype(np.uint8))
    coarse = _best(ink, np.arange(-_STEEPEST, _STEEPEST + 0.1, 0.5).tolist())
    return _best(ink, np.arange(coarse - 0.4, coarse + 0.41, 0.1).tolist())


def _best(ink: Image.Image, tilts: Sequence[float]) -> float:
    return max(tilts, key=lambda tilt: _contrast(ink, tilt))


def _contrast(ink: Image.Image, tilt: float) -> float:
    turned = ink.rotate(tilt, resample=Image.Resampling.BILINEAR)
    rows: NDArray[np.float64] = np.asarray(turned, dtype=np.float64).sum(axis=1)
    return float((np.diff(rows) ** 2).sum())
