"""Makes the reference images in tests/data/image with Pillow (written with 13.0): python3 tests/data/image_reference.py

source.png is a detail of hubble_deep_field.jpg with an alpha that jumps from pixel to pixel; resize-* are Pillow's
results for it. The files named decode-* are read by image.decode's tests, upright.png and decode-*.png say what must come out.
"""

import random
from pathlib import Path

from PIL import Image, ImageOps

here = Path(__file__).parent
out = here / "image"
out.mkdir(exist_ok=True)
random.seed(1)

field = Image.open(here / "hubble_deep_field.jpg").convert("RGB")
field.info.clear()  # or each file would carry its colour profile
source = field.crop((560, 300, 620, 340))
alpha = Image.new("L", source.size)
alpha.putdata([random.choice([0, 1, 40, 128, 254, 255]) for _ in range(source.width * source.height)])
source.putalpha(alpha)
source.save(out / "source.png", optimize=True)

filters = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "catmullrom": Image.Resampling.BICUBIC,
    "lanczos3": Image.Resampling.LANCZOS,
}
for name, resample in filters.items():
    for kind, image in {"rgb": source.convert("RGB"), "rgba": source}.items():
        image.resize((23, 17), resample).save(out / f"resize-{name}-down-{kind}.png", optimize=True)
        if name in ("nearest", "lanczos3"):
            image.resize((67, 43), resample).save(out / f"resize-{name}-up-{kind}.png", optimize=True)

# A picture that differs under each of the eight orientations, stored so that each comes out upright.
upright = Image.new("RGB", (24, 16))
upright.putdata([(10 * x, 15 * y, 200 if x < 12 and y < 8 else 20) for y in range(16) for x in range(24)])
upright.save(out / "upright.png", optimize=True)
undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # orientation: Image.Transpose that makes the stored picture
for orientation in range(1, 9):
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = out / f"decode-orientation{orientation}.jpg"
    stored.save(path, quality=95, subsampling=0, exif=exif)
    seen = ImageOps.exif_transpose(Image.open(path))
    assert seen.size == upright.size, orientation
    assert max(abs(a - b) for a, b in zip(seen.tobytes(), upright.tobytes())) < 12, orientation

upright.convert("CMYK").save(out / "decode-cmyk.jpg", quality=95, subsampling=0)
upright.save(out / "decode-progressive.jpg", quality=95, subsampling=0, progressive=True)
upright.convert("L").save(out / "decode-grey.jpg", quality=95)
upright.convert("L").convert("RGB").save(out / "decode-grey.png", optimize=True)

palette = upright.quantize(16)
palette.save(out / "decode-palette.png", transparency=3)
Image.open(out / "decode-palette.png").convert("RGBA").save(out / "decode-palette-rgba.png", optimize=True)

soft = upright.copy()
soft.putalpha(Image.linear_gradient("L").resize(upright.size))
soft.save(out / "decode-lossy.webp", quality=90, exact=True)
Image.open(out / "decode-lossy.webp").convert("RGBA").save(out / "decode-lossy-rgba.png", optimize=True)
upright.save(out / "decode-animated.webp", lossless=True, save_all=True, append_images=[ImageOps.invert(upright)])
