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
