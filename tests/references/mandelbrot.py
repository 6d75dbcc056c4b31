"""Compares escape-time counts with NumPy's, of deep zooms with those in Python's integers: `mandelbrot.py COUNTS.npy PARAMS`, PARAMS being the
kernel's as JSON.

Prints {shape, dtype, different, first}: how many counts differ and where the first of them is.
"""

import json
import sys
from fractions import Fraction

import numpy as np


def centres(centre: float, size: int, step: float) -> np.ndarray:
    """Where the middles of a row's (or column's) pixels are."""
    return centre + (np.arange(size, dtype=np.float64) + 0.5 - size / 2) * step


def counts(params: dict) -> np.ndarray:
    """The counts by their definition: how many steps of z² + c, from 0, stay within radius 2."""
    width, height = params["width"], params["height"]
    step = params["span"] / width
    cr, ci = np.meshgrid(centres(params["centerX"], width, step), centres(params["centerY"], height, step))
    cr, ci = cr.ravel(), ci.ravel()
    result = np.zeros(width * height, dtype=np.uint32)
    # Only points that have not escaped are carried on.
    index = np.arange(width * height)
    zr = np.zeros_like(cr)
    zi = np.zeros_like(ci)
    for _ in range(params["maxIterations"]):
        zr, zi = zr * zr - zi * zi + cr, 2 * zr * zi + ci
        inside = zr * zr + zi * zi <= 4
        if not inside.all():
            index, cr, ci, zr, zi = (a[inside] for a in (index, cr, ci, zr, zi))
        if index.size == 0:
            break
        result[index] += 1
    return result.reshape(height, width)


def exact_counts(params: dict) -> np.ndarray:
    """The same of places that are text, in whole numbers of 2 to the power of -BITS."""
    width, height = params["width"], params["height"]
    x, y, span = (Fraction(params[name]) for name in ("centerX", "centerY", "span"))
    bits = (span.denominator // span.numerator).bit_length() + 100
    result = np.zeros((height, width), dtype=np.uint32)
    for row, column in np.ndindex(height, width):
        cr = int((x + span * Fraction(2 * column + 1 - width, 2 * width)) * 2**bits)
        ci = int((y + span * Fraction(2 * row + 1 - height, 2 * width)) * 2**bits)
        zr, zi, count = cr, ci, 0
        while count < params["maxIterations"] and (zr * zr + zi * zi) >> (2 * bits) < 4:
            zr, zi = ((zr * zr - zi * zi) >> bits) + cr, ((zr * zi) >> (bits - 1)) + ci
            count += 1
        result[row, column] = count
    return result


given = np.load(sys.argv[1])
params = json.loads(sys.argv[2])
wanted = exact_counts(params) if isinstance(params["span"], str) else counts(params)
same_shape = given.shape == wanted.shape
wrong = np.argwhere(given != wanted) if same_shape else np.empty((0, 2))
print(json.dumps({
    "shape": given.shape,
    "dtype": given.dtype.str,
    "different": len(wrong) if same_shape else wanted.size,
    "first": wrong[0].tolist() if len(wrong) else None,
    # A picture of one colour would prove nothing.
    "levels": len(np.unique(wanted)),
}))
