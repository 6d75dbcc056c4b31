//! Cuts a rectangle out of an image.

use super::in_turns::NoShard;
use super::radix::reserve;
use crate::image::{Image, size};
use crate::shard::{Aim, Round, Rounds, Sharding};
use crate::{Cancelled, Job, Kernel, KernelError};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Cuts a rectangle out of an image.
///
/// Its jobs are done in turns, and not handed out: a shard would be handed what it is to make.
pub struct ImageCrop;

/// What to cut out, and of what.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageCropParams {
    /// The image.
    pub image: Image,
    /// Column of the rectangle's first pixel, 0 at the left.
    #[schemars(example = 0)]
    pub x: u32,
    /// Row of the rectangle's first pixel, 0 at the top.
    #[schemars(example = 0)]
    pub y: u32,
    /// Pixels in a row of the rectangle, 1 or more; the last one lies in the image.
    pub width: u32,
    /// Rows of the rectangle, 1 or more; the last one lies in the image.
    pub height: u32,
}

/// The rectangle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImageCropOutput {
    /// `width` by `height` pixels, unchanged.
    pub image: Image,
}

impl Kernel for ImageCrop {
    const NAME: &'static str = "image.crop";
    const ABOUT: &'static str = "Cuts a rectangle out of an RGBA image.";
    type Params = ImageCropParams;
    type Output = ImageCropOutput;
    type Part = ();

    fn validate(p: &ImageCropParams) -> Result<(), KernelError> {
        p.image.validate("image")?;
        size(p.width, p.height)?;
        inside(["x", "width", "columns"], p.x, p.width, p.image.width)?;
        inside(["y", "height", "rows"], p.y, p.height, p.image.height)
    }

    fn run(p: ImageCropParams, job: &Job) -> Result<ImageCropOutput, KernelError> {
        job.set_total(u64::from(p.height));
        let (from, to) = (p.image.width as usize * 4, p.width as usize * 4);
        let length = to * p.height as usize;
        job.will_return(length);
        let mut data = reserve(length)?;
        let rows = p.image.data.par_chunks_exact(from).skip(p.y as usize);
        // Not cleared before, which would take as long as the copy, on one thread.
        data.spare_capacity_mut()[..length].par_chunks_exact_mut(to).zip(rows).try_for_each(|(out, row)| {
            job.check()?;
            out.write_copy_of_slice(&row[p.x as usize * 4..][..to]);
            job.advance(1);
            Ok::<(), Cancelled>(())
        })?;
        // SAFETY: the image has a row for each of the output's (`validate`), and no row was left early: each of the bytes was written.
        unsafe { data.set_len(length) };
        Ok(ImageCropOutput { image: Image::new(p.width, p.height, data) })
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::in_rounds::<Self>())
    }
}

impl Rounds for ImageCrop {
    type Shard = NoShard;
    type Given = ();
    type State = Cutting;

    fn begin(p: ImageCropParams, aim: Aim) -> Result<Round<Self>, KernelError> {
        let bytes = p.width as usize * p.height as usize * 4;
        if !aim.short || bytes <= TURN {
            return Ok(Round::Whole(p));
        }
        Ok(Cutting { cut: reserve(bytes)?, rows: 0, params: p }.round())
    }

    fn run_shard(shard: NoShard, _: &Job) -> Result<(), KernelError> {
        match shard {}
    }

    fn go_on(mut state: Cutting, _: Vec<()>, job: &Job) -> Result<Round<Self>, KernelError> {
        job.check()?;
        state.turn();
        Ok(state.round())
    }
}

/// A rectangle that is cut in turns.
pub struct Cutting {
    params: ImageCropParams,
    cut: Vec<u8>,
    /// Rows that have been cut.
    rows: u32,
}

/// Bytes of a turn, roughly: about a millisecond.
const TURN: usize = 1 << 21;

impl Cutting {
    fn turn(&mut self) {
        let Self { params: p, cut, rows } = self;
        let (from, to) = (p.image.width as usize * 4, p.width as usize * 4);
        let next = *rows..p.height.min(*rows + (TURN / to) as u32);
        for y in next.clone() {
            cut.extend_from_slice(&p.image.data[(p.y + y) as usize * from + p.x as usize * 4..][..to]);
        }
        *rows = next.end;
    }

    fn round(self) -> Round<ImageCrop> {
        let (width, height, total) = (self.params.width, self.params.height, u64::from(self.params.height));
        if self.rows < height {
            return Round::Next { shards: vec![], progress: (self.rows.into(), total), state: self };
        }
        Round::Done { output: ImageCropOutput { image: Image::new(width, height, self.cut) }, total }
    }
}

/// Refuses a stretch that is not all in the image's `all` columns or rows.
fn inside([start, length, what]: [&str; 3], first: u32, count: u32, all: u32) -> Result<(), KernelError> {
    if first >= all {
        return Err(KernelError::bad_params(start, format!("must be below the image's {all} {what}, got {first}")));
    }
    let most = all - first;
    if count > most {
        let message = format!("must be 1 to {most}: the image has so many {what} from {start} {first}, got {count}");
        return Err(KernelError::bad_params(length, message));
    }
    Ok(())
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use crate::shard::testing::{BOTH, Seen, check_aims};
    use proptest::prelude::*;

    /// Each pixel says where it lies.
    fn numbered(width: u32, height: u32) -> Image {
        let pixel = |at: u32| [(at % width) as u8, (at / width) as u8, ((at % width) >> 8) as u8, (at % 5) as u8];
        Image::new(width, height, (0..width * height).flat_map(pixel).collect())
    }

    fn crop(image: &Image, [x, y, width, height]: [u32; 4]) -> Result<Image, KernelError> {
        let params = ImageCropParams { image: image.clone(), x, y, width, height };
        run::<ImageCrop>(params, &Job::detached()).map(|output| output.image)
    }

    proptest! {
        #[test]
        fn each_pixel_is_the_one_that_was_there(
            width in 1_u32..400, height in 1_u32..90, at: [prop::sample::Index; 4],
        ) {
            let image = numbered(width, height);
            let (x, y) = (at[0].index(width as usize) as u32, at[1].index(height as usize) as u32);
            let (w, h) = (1 + at[2].index((width - x) as usize) as u32, 1 + at[3].index((height - y) as usize) as u32);
            let cut = crop(&image, [x, y, w, h]).unwrap();
            prop_assert_eq!((cut.width, cut.height), (w, h));
            for (at, pixel) in cut.data.as_chunks::<4>().0.iter().enumerate() {
                let from = (y as usize + at / w as usize) * width as usize + x as usize + at % w as usize;
                prop_assert_eq!(pixel, &image.data.as_chunks::<4>().0[from]);
            }
        }
    }

    #[test]
    fn turns_make_the_whole() {
        for (width, height, [x, y, w, h], turns) in [
            (1, 1, [0, 0, 1, 1], 0),
            (1024, 513, [0, 0, 1024, 512], 0),
            (1024, 513, [0, 0, 1024, 513], 2),
            (1500, 1500, [3, 7, 1301, 1400], 4),
            (65_535, 20, [0, 1, 65_535, 19], 3),
            (17, 65_535, [1, 0, 15, 65_535], 2),
        ] {
            let params = ImageCropParams { image: numbered(width, height), x, y, width: w, height: h };
            let seen = check_aims::<ImageCrop>(&params, &BOTH);
            assert_eq!(seen[0], Seen { rounds: turns, shards: 0 }, "{w}×{h}");
            assert_eq!(seen[1], Seen { rounds: 0, shards: 0 }, "it is not handed out");
        }
    }

    #[test]
    fn what_is_not_in_the_image_is_named() {
        let image = numbered(10, 6);
        for (rectangle, says) in [
            ([10, 0, 1, 1], "x: must be below the image's 10 columns, got 10"),
            ([4, 0, 7, 1], "width: must be 1 to 6: the image has so many columns from x 4, got 7"),
            ([0, 6, 1, 1], "y: must be below the image's 6 rows, got 6"),
            ([0, 5, 1, u32::MAX], "height: must be 1 to 65535 pixels, got 4294967295"),
            ([0, 5, 1, 2], "height: must be 1 to 1: the image has so many rows from y 5, got 2"),
            ([u32::MAX, 0, 1, 1], "x: must be below the image's 10 columns, got 4294967295"),
            ([0, 0, 0, 1], "width: must be 1 to 65535 pixels, got 0"),
        ] {
            assert_eq!(crop(&image, rectangle).unwrap_err().to_string(), says);
        }
        assert_eq!(crop(&image, [0, 0, 10, 6]).unwrap(), image);
    }

    #[test]
    fn progress_ends_at_its_total_and_a_cancelled_job_stops() {
        let params = || ImageCropParams { image: numbered(30, 20), x: 1, y: 2, width: 9, height: 7 };
        let job = Job::detached();
        run::<ImageCrop>(params(), &job).unwrap();
        assert_eq!(job.progress(), (7, 7));
        let job = Job::detached();
        job.control().request_cancel();
        assert_eq!(run::<ImageCrop>(params(), &job).unwrap_err(), KernelError::Cancelled);
    }
}
