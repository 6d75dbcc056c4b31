//! RGBA pixels in the shape of the web's `ImageData`, so that a page passes one as it is.

use crate::array::{Array, Clamped, DType, serialize_slice};
use crate::error::KernelError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use std::ops::Range;

/// The longest side that image kernels take: 65535 pixels.
pub const MAX_SIDE: u32 = 65_535;

/// The most pixels that image kernels make: 2²⁸, a gibibyte.
pub const MAX_PIXELS: u64 = 1 << 28;

/// An image: rows from the top, four bytes a pixel (red, green, blue, alpha; alpha not premultiplied).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width × height × 4` bytes.
    #[serde(serialize_with = "as_clamped")]
    #[schemars(with = "Array<Clamped>")]
    pub data: Array<u8>,
}

impl Image {
    /// An image of pixels that fit it.
    ///
    /// # Panics
    /// When `data` is not `width × height × 4` bytes long: that is the kernel's own mistake.
    pub fn new(width: u32, height: u32, data: Vec<u8>) -> Self {
        assert_eq!(data.len() as u64, u64::from(width) * u64::from(height) * 4, "an image of {width}×{height}");
        Self { width, height, data: data.into() }
    }

    /// Refuses an image whose parts do not fit each other. `field` is its name in the params.
    ///
    /// # Errors
    /// [`KernelError::BadParams`] naming the part.
    pub fn validate(&self, field: &str) -> Result<(), KernelError> {
        side(&format!("{field}.width"), self.width)?;
        side(&format!("{field}.height"), self.height)?;
        let expected = u64::from(self.width) * u64::from(self.height) * 4;
        if self.data.len() as u64 != expected {
            return Err(KernelError::bad_params(
                format!("{field}.data"),
                format!(
                    "must hold width × height × 4 = {expected} bytes for {}×{} pixels, got {}",
                    self.width,
                    self.height,
                    self.data.len()
                ),
            ));
        }
        Ok(())
    }
}

/// A band of a picture's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// Its first row, 0 at the top.
    pub first: u32,
    /// How many, 1 or more; the last one lies in the picture.
    pub count: u32,
}

impl Rows {
    /// Refuses a band that has no rows or reaches over the end of a picture of `height` rows. `field` is its name in the params.
    ///
    /// # Errors
    /// [`KernelError::BadParams`] naming the part.
    pub fn validate(&self, field: &str, height: u32) -> Result<(), KernelError> {
        if self.first >= height {
            let message = format!("must be below the picture's {height} rows, got {}", self.first);
            return Err(KernelError::bad_params(format!("{field}.first"), message));
        }
        let most = height - self.first;
        if self.count == 0 || self.count > most {
            let message = format!("must be 1 to {most} rows from row {}, got {}", self.first, self.count);
            return Err(KernelError::bad_params(format!("{field}.count"), message));
        }
        Ok(())
    }

    /// The rows by their numbers.
    pub fn range(self) -> Range<u32> {
        self.first..self.first + self.count
    }
}

impl From<Range<u32>> for Rows {
    fn from(range: Range<u32>) -> Self {
        Self { first: range.start, count: range.len() as u32 }
    }
}

/// The picture of which an image is a band of rows, for kernels that make a pixel from those around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BandOf {
    /// The picture's row that is the image's first.
    pub first: u32,
    /// Rows of the picture, 1 to 65535.
    pub height: u32,
}

impl BandOf {
    /// Refuses a picture that an image of `rows` rows is no band of, or one where `image` does not hold the rows `needed`. `field`
    /// is its name in the params.
    ///
    /// # Errors
    /// [`KernelError::BadParams`] naming the part.
    pub fn validate(&self, field: &str, rows: u32, needed: impl FnOnce() -> Range<u32>) -> Result<(), KernelError> {
        side(&format!("{field}.height"), self.height)?;
        let held = u64::from(self.first)..u64::from(self.first) + u64::from(rows);
        let (first, last) = (held.start, held.end - 1);
        let refuse = |message| Err(KernelError::bad_params(format!("{field}.first"), message));
        if held.end > u64::from(self.height) {
            let height = self.height;
            return refuse(format!("`image` would be rows {first} to {last} of a picture of {height} rows"));
        }
        let needed = needed();
        if u64::from(needed.start) < held.start || u64::from(needed.end) > held.end {
            let (from, to) = (needed.start, needed.end - 1);
            return refuse(format!("`image` must hold rows {from} to {to} of the picture, got {first} to {last}"));
        }
        Ok(())
    }
}

/// Refuses a picture that is to be made, by its sides: each 1 to [`MAX_SIDE`], and [`MAX_PIXELS`] in all.
///
/// # Errors
/// [`KernelError::BadParams`] naming `width` or `height`.
pub fn size(width: u32, height: u32) -> Result<(), KernelError> {
    side("width", width)?;
    side("height", height)?;
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MAX_PIXELS {
        let message = format!("width × height must be at most {MAX_PIXELS} pixels, got {width} × {height} = {pixels}");
        return Err(KernelError::bad_params("width", message));
    }
    Ok(())
}

/// Refuses a side that is 0 or over [`MAX_SIDE`].
///
/// # Errors
/// [`KernelError::BadParams`] naming `field`.
pub fn side(field: &str, pixels: u32) -> Result<(), KernelError> {
    if pixels == 0 || pixels > MAX_SIDE {
        return Err(KernelError::bad_params(field, format!("must be 1 to {MAX_SIDE} pixels, got {pixels}")));
    }
    Ok(())
}

fn as_clamped<S: Serializer>(data: &Array<u8>, serializer: S) -> Result<S::Ok, S::Error> {
    serialize_slice(data, DType::U8Clamped, None, serializer)
}

/// Pictures for the tests of what writes files, and how long that takes.
#[cfg(all(test, not(target_family = "wasm"), feature = "images"))]
pub(crate) mod testing {
    use super::Image;
    use std::time::Instant;

    pub fn photograph() -> Image {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/hubble_deep_field.jpg");
        let picture = image::open(path).unwrap().into_rgba8();
        Image::new(picture.width(), picture.height(), picture.into_raw())
    }

    /// Bands of colour with soft edges, as a rendering has.
    pub fn rendering(width: u32, height: u32) -> Image {
        let byte = |i: u32| {
            let (x, y, channel) = (i / 4 % width, i / 4 / width, i % 4);
            if channel == 3 { 255 } else { (((x * x + y * y) / 4000) * (channel + 3) * 7) as u8 }
        };
        Image::new(width, height, (0..width * height * 4).map(byte).collect())
    }

    /// What makes a file of a picture, and its name.
    type Encoder<'a> = (&'a str, fn(&Image) -> Vec<u8>);

    /// Prints the median time and the length of the files of several encoders, on one thread.
    pub fn measure(encoders: &[Encoder]) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        for (name, image) in [("photograph", photograph()), ("rendering", rendering(3000, 2000))] {
            for (who, encode) in encoders {
                let time = |_| {
                    let begun = Instant::now();
                    pool.install(|| encode(&image));
                    begun.elapsed()
                };
                let mut times: Vec<_> = (0..15).map(time).collect();
                times.sort();
                println!("{name} {who}: {:?}, {} bytes", times[7], encode(&image).len());
            }
        }
    }
}
