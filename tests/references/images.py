"""Writes images with Pillow, and compares pixels with Pillow's.

  images.py make PHOTO FOLDER                       the test images, in every format that is read; prints their names
  images.py decoded FILE PIXELS.npy                 prints {shape, mean, most} of the differences from Pillow's pixels
  images.py resized FILE PIXELS.npy WIDTH HEIGHT    the same, from Pillow's resize with LANCZOS
"""

import json
import pathlib
import sys

import numpy as np
from PIL import Image


def make(photo: str, folder: pathlib.Path) -> list[str]:
    rgb = Image.open(photo).convert("RGB")
    # An odd size, so that rows and blocks of pixels end in the middle of something.
    small = rgb.crop((120, 80, 433, 291))
    clear = with_alpha(small)
    files = {
        "photo.png": (rgb, {}),
        "rgb.png": (small, {}),
        "alpha.png": (clear, {}),
        "grey.png": (small.convert("L"), {}),
        "grey-alpha.png": (clear.convert("LA"), {}),
        "two-tone.png": (small.convert("1"), {}),
        "palette.png": (small.quantize(200), {}),
        "palette-clear.png": (small.quantize(31), {"transparency": 3}),
        "full.jpg": (small, {"quality": 92, "subsampling": 0}),
        "half.jpg": (small, {"quality": 80, "subsampling": 2}),
        "progressive.jpg": (small, {"quality": 85, "progressive": True}),
        "grey.jpg": (small.convert("L"), {"quality": 90}),
        "lossless.webp": (small, {"lossless": True}),
        "lossless-alpha.webp": (clear, {"lossless": True, "exact": True}),
        "lossy.webp": (small, {"quality": 85}),
        "lossy-alpha.webp": (clear, {"quality": 85}),
    }
    for name, (image, options) in files.items():
        image.save(folder / name, **options)
    return list(files)


def with_alpha(image: Image.Image) -> Image.Image:
    """The image with a disc cut out, soft at its edge, of bright colours that must not bleed out of what cannot be seen."""
    width, height = image.size
    y, x = np.mgrid[0:height, 0:width]
    distance = np.hypot(x - width / 2, y - height / 2)
    pixels = np.dstack([np.asarray(image), np.clip((110 - distance) * 6, 0, 255).astype(np.uint8)])
    pixels[pixels[..., 3] == 0] = (255, 0, 255, 0)
    return Image.fromarray(pixels, "RGBA")


def seen(pixels: np.ndarray) -> np.ndarray:
    """Colours weighted by their alpha: what does not show does not count."""
    weighted = pixels.astype(np.float64)
    weighted[..., :3] *= weighted[..., 3:] / 255
    return weighted


def compare(given: np.ndarray, wanted: np.ndarray) -> dict:
    if given.shape != wanted.shape:
        return {"shape": given.shape, "wantedShape": wanted.shape}
    plain = np.abs(given.astype(np.int16) - wanted)
    shown = np.abs(seen(given) - seen(wanted))
    return {
        "shape": given.shape,
        "mean": float(plain.mean()),
        "most": int(plain.max()),
        "seenMean": float(shown.mean()),
        "seenMost": float(shown.max()),
        "levels": len(np.unique(wanted[..., :3])),
        "alphas": len(np.unique(wanted[..., 3])),
    }


def main(verb: str, *args: str) -> object:
    if verb == "make":
        return make(args[0], pathlib.Path(args[1]))
    image = Image.open(args[0])
    given = np.load(args[1])
    if verb == "decoded":
        return compare(given, np.asarray(image.convert("RGBA")))
    if verb == "resized":
        size = (int(args[2]), int(args[3]))
        return compare(given, np.asarray(image.resize(size, Image.Resampling.LANCZOS).convert("RGBA")))
    sys.exit(f"no verb is named {verb}")


print(json.dumps(main(*sys.argv[1:])))
