"""Writes images with Pillow, and compares pixels with Pillow's.

  images.py make PHOTO FOLDER                       the test images, in every format that is read; prints their names
  images.py decoded FILE PIXELS.npy                 prints {shape, mean, most} of the differences from Pillow's pixels
  images.py resized FILE PIXELS.npy WIDTH HEIGHT    the same, from Pillow's resize with LANCZOS
  images.py pipeline FILE RESULT.png                the same, from the steps that the test names, by Pillow
  images.py changed FILE PIXELS.npy OP JSON         the same, from OP (crop, rotate, color, convolve) with these params, by NumPy
  images.py blurred FILE PIXELS.npy KIND SIZE       the same, from NumPy's convolution with a gaussian of sigma SIZE or a box of radius SIZE
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


def blurred(pixels: np.ndarray, kind: str, size: float) -> np.ndarray:
    """By the definition, colours weighted by alpha, in float64. Pillow's own Gaussian is made of boxes."""
    if kind == "gaussian":
        reach = int(np.ceil(3 * size))
        weights = np.exp(-np.arange(-reach, reach + 1) ** 2 / (2 * size**2))
    else:
        reach = int(size)
        weights = np.ones(2 * reach + 1)
    planes = seen(pixels)
    for axis in (0, 1):
        padding = [(reach, reach) if other == axis else (0, 0) for other in range(3)]
        padded = np.pad(planes, padding, mode="edge")
        planes = np.apply_along_axis(np.convolve, axis, padded, weights / weights.sum(), mode="valid")
    return unseen(planes)


def cropped(pixels: np.ndarray, p: dict) -> np.ndarray:
    return pixels[p["y"] : p["y"] + p["height"], p["x"] : p["x"] + p["width"]]


def rotated(pixels: np.ndarray, p: dict) -> np.ndarray:
    """Bilinear, around the centre, in float64; quarters exactly."""
    if p.get("flip") is not None:
        pixels = pixels[:, ::-1] if p["flip"] == "horizontal" else pixels[::-1]
    angle = p["angle"]
    if angle % 90 == 0:
        return np.rot90(pixels, -int(angle // 90))
    height, width = pixels.shape[:2]
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    columns = int(np.ceil(width * abs(cos) + height * abs(sin) - 1e-6))
    rows = int(np.ceil(width * abs(sin) + height * abs(cos) - 1e-6))
    background = seen(np.array(p.get("background", [0, 0, 0, 0]), float).reshape(1, 1, 4))
    # Two pixels of background around it, so that each place that counts has four neighbours.
    padded = np.empty((height + 4, width + 4, 4))
    padded[:] = background
    padded[2:-2, 2:-2] = seen(pixels)
    y, x = np.mgrid[0:rows, 0:columns]
    x, y = x + 0.5 - columns / 2, y + 0.5 - rows / 2
    u = np.clip(x * cos + y * sin + width / 2 - 0.5, -2, width) + 2
    v = np.clip(y * cos - x * sin + height / 2 - 0.5, -2, height) + 2
    left, top = np.floor(u).astype(int), np.floor(v).astype(int)
    right_share, low_share = (u - left)[..., None], (v - top)[..., None]
    above = padded[top, left] * (1 - right_share) + padded[top, left + 1] * right_share
    below = padded[top + 1, left] * (1 - right_share) + padded[top + 1, left + 1] * right_share
    return unseen(above * (1 - low_share) + below * low_share)


def colored(pixels: np.ndarray, p: dict) -> np.ndarray:
    """One step after the other in float64, limited at the end; formulas from the W3C's Filter Effects."""
    colours, alpha = pixels[..., :3] / 255, pixels[..., 3:]
    if "gamma" in p:
        colours = colours ** (1 / p["gamma"])
    if "brightness" in p:
        colours = colours * p["brightness"]
    if "contrast" in p:
        colours = (colours - 0.5) * p["contrast"] + 0.5
    if "saturate" in p:
        grey = (colours @ [0.213, 0.715, 0.072])[..., None]
        colours = grey + (colours - grey) * p["saturate"]
    if "hueRotate" in p:
        cos, sin = np.cos(np.radians(p["hueRotate"])), np.sin(np.radians(p["hueRotate"]))
        grey = np.array([[0.213, 0.715, 0.072]] * 3)
        turn = np.array([[-0.213, -0.715, 0.928], [0.143, 0.140, -0.283], [-0.787, 0.715, 0.072]])
        colours = colours @ (grey + cos * (np.eye(3) - grey) + sin * turn).T
    if "grayscale" in p:
        grey = (colours @ [0.2126, 0.7152, 0.0722])[..., None]
        colours = colours + (grey - colours) * p["grayscale"]
    if "sepia" in p:
        brown = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
        colours = colours + (colours @ brown.T - colours) * p["sepia"]
    if "invert" in p:
        colours = colours + (1 - 2 * colours) * p["invert"]
    return np.dstack([np.clip(np.floor(colours * 255 + 0.5), 0, 255).astype(np.uint8), alpha])


def convolved(pixels: np.ndarray, p: dict) -> np.ndarray:
    kernel = np.array(p["kernel"], float)
    down, along = kernel.shape[0] // 2, kernel.shape[1] // 2
    keep = p.get("keepAlpha", True)
    modes = {"clamp": "edge", "mirror": "reflect", "wrap": "wrap", "transparent": "constant"}
    planes = pixels.astype(float) if keep else seen(pixels)
    padded = np.pad(planes, [(down, down), (along, along), (0, 0)], mode=modes[p.get("edges", "clamp")])
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape, axis=(0, 1))
    divisor = p.get("divisor") or kernel.sum() or 1
    sums = np.einsum("yxcij,ij->yxc", windows, kernel) / divisor + p.get("bias", 0)
    if not keep:
        return unseen(np.clip(sums, 0, 255))
    return np.dstack([np.clip(np.floor(sums[..., :3] + 0.5), 0, 255).astype(np.uint8), pixels[..., 3:]])


CHANGES = {"crop": cropped, "rotate": rotated, "color": colored, "convolve": convolved}


def unseen(planes: np.ndarray) -> np.ndarray:
    """The reverse of seen, as bytes."""
    colours = planes[..., :3] * 255 / np.maximum(planes[..., 3:], 1e-9)
    pixels = np.clip(np.rint(np.dstack([colours, planes[..., 3]])), 0, 255).astype(np.uint8)
    pixels[pixels[..., 3] == 0] = 0
    return pixels


def main(verb: str, *args: str) -> object:
    if verb == "make":
        return make(args[0], pathlib.Path(args[1]))
    image = Image.open(args[0])
    if verb == "pipeline":
        small = image.crop((120, 80, 820, 580)).resize((333, 291), Image.Resampling.LANCZOS)
        wanted = small.transpose(Image.Transpose.ROTATE_270).convert("RGBA")
        return compare(np.asarray(Image.open(args[1]).convert("RGBA")), np.asarray(wanted))
    given = np.load(args[1])
    if verb == "decoded":
        return compare(given, np.asarray(image.convert("RGBA")))
    if verb == "resized":
        size = (int(args[2]), int(args[3]))
        return compare(given, np.asarray(image.resize(size, Image.Resampling.LANCZOS).convert("RGBA")))
    if verb == "changed":
        return compare(given, CHANGES[args[2]](np.asarray(image.convert("RGBA")), json.loads(args[3])))
    if verb == "blurred":
        return compare(given, blurred(np.asarray(image.convert("RGBA")), args[2], float(args[3])))
    sys.exit(f"no verb is named {verb}")


print(json.dumps(main(*sys.argv[1:])))
