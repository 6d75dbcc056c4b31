//! The built-in kernels, one file each, and the list that registers them.
//!
//! They come in groups, each a feature of its own with the crates that it needs. A crate of the user's own may take a group without `builtin`
//! (which registers them all) and name some of its kernels in its own list.
#![cfg_attr(not(feature = "all-kernels"), allow(dead_code))]

mod argsort;
mod decimal;
#[cfg(feature = "faults")]
mod fault;
mod hash;
mod hash_many;
mod mandelbrot;
mod noop;
mod orbit;
mod partition;
mod perturbation;
mod radix;
mod scaled;
mod sha256_lanes;
mod skips;
mod sort;

#[cfg(feature = "compression")]
mod compress;
#[cfg(feature = "compression")]
mod decompress;
#[cfg(feature = "compression")]
mod deflate;
#[cfg(feature = "compression")]
mod lz4;
#[cfg(feature = "compression")]
mod zstd;

#[cfg(feature = "images")]
mod blur;
#[cfg(feature = "images")]
mod image_blur;
#[cfg(feature = "images")]
mod image_color;
#[cfg(feature = "images")]
mod image_convolve;
#[cfg(feature = "images")]
mod image_crop;
#[cfg(feature = "images")]
mod image_decode;
#[cfg(feature = "images")]
mod image_encode;
#[cfg(feature = "images")]
mod image_pipeline;
#[cfg(feature = "images")]
mod image_resize;
#[cfg(feature = "images")]
mod image_rotate;
mod in_order;
mod in_turns;
#[cfg(feature = "images")]
mod jpeg;
#[cfg(feature = "images")]
mod lanes;
#[cfg(feature = "images")]
mod neighbours;
#[cfg(feature = "images")]
mod png;
#[cfg(feature = "images")]
mod prefix;
#[cfg(feature = "images")]
mod resample;
#[cfg(feature = "images")]
mod webp;

#[cfg(feature = "numbers")]
mod aggregate;
#[cfg(feature = "numbers")]
mod dense_groups;
#[cfg(feature = "numbers")]
mod distances;
#[cfg(feature = "numbers")]
mod exact;
#[cfg(feature = "numbers")]
mod fft;
#[cfg(feature = "numbers")]
mod floats;
#[cfg(feature = "numbers")]
mod fourier;
#[cfg(feature = "numbers")]
mod fourier_lone;
#[cfg(feature = "numbers")]
mod fourier_real;
#[cfg(feature = "numbers")]
mod group_by;
#[cfg(feature = "numbers")]
mod kmeans;
#[cfg(feature = "numbers")]
mod knn;
#[cfg(feature = "numbers")]
mod knn_index;
#[cfg(feature = "numbers")]
mod knn_search;
#[cfg(feature = "numbers")]
mod matmul;
#[cfg(feature = "numbers")]
mod montecarlo;
#[cfg(feature = "numbers")]
mod nbody;
#[cfg(feature = "numbers")]
mod number;
#[cfg(feature = "numbers")]
mod random;
#[cfg(feature = "numbers")]
mod select;
#[cfg(feature = "numbers")]
mod stats_describe;
#[cfg(feature = "numbers")]
mod stats_histogram;
#[cfg(feature = "numbers")]
mod stats_quantiles;
#[cfg(feature = "numbers")]
mod topk;
#[cfg(feature = "numbers")]
mod turn;

#[cfg(feature = "search")]
mod search;

pub use argsort::{Argsort, ArgsortOutput};
pub use decimal::Decimal;
pub use hash::{Hash, HashAlgorithm, HashOutput, HashParams};
pub use hash_many::{HashMany, HashManyOutput, HashManyParams};
pub use mandelbrot::{Mandelbrot, MandelbrotOutput, MandelbrotParams, MandelbrotPart};
pub use noop::{Noop, NoopOutput, NoopParams};
pub use sort::{Order, Sort, SortOutput, SortParams};

#[cfg(feature = "compression")]
pub use compress::{Compress, CompressOutput, CompressParams, CompressionFormat, Piece, PieceFacts};
#[cfg(feature = "compression")]
pub use decompress::{Decompress, DecompressOutput, DecompressParams};

#[cfg(feature = "images")]
pub use image_blur::{ImageBlur, ImageBlurOutput, ImageBlurParams};
#[cfg(feature = "images")]
pub use image_color::{ImageColor, ImageColorOutput, ImageColorParams};
#[cfg(feature = "images")]
pub use image_convolve::{Edges, ImageConvolve, ImageConvolveOutput, ImageConvolveParams};
#[cfg(feature = "images")]
pub use image_crop::{ImageCrop, ImageCropOutput, ImageCropParams};
#[cfg(feature = "images")]
pub use image_decode::{ImageDecode, ImageDecodeOutput, ImageDecodeParams, ImageFormat};
#[cfg(feature = "images")]
pub use image_encode::{ImageEncode, ImageEncodeOutput, ImageEncodeParams};
#[cfg(feature = "images")]
pub use image_pipeline::{ImagePipeline, ImagePipelineOutput, ImagePipelineParams, Step as ImageStep};
#[cfg(feature = "images")]
pub use image_resize::{ImageResize, ImageResizeOutput, ImageResizeParams, ResizeFilter, ResizeSource};
#[cfg(feature = "images")]
pub use image_rotate::{Flip, ImageRotate, ImageRotateOutput, ImageRotateParams};

#[cfg(feature = "numbers")]
pub use fft::{Fft, FftOutput, FftParams};
#[cfg(feature = "numbers")]
pub use floats::Floats;
#[cfg(feature = "numbers")]
pub use group_by::{GroupBy, GroupByOutput, GroupByParams};
#[cfg(feature = "numbers")]
pub use kmeans::{Kmeans, KmeansOutput, KmeansParams, KmeansPart};
#[cfg(feature = "numbers")]
pub use knn::{Knn, KnnMetric, KnnOutput, KnnParams};
#[cfg(feature = "numbers")]
pub use knn_index::{KnnIndex, KnnIndexOutput, KnnIndexParams};
#[cfg(feature = "numbers")]
pub use knn_search::{KnnPart, KnnSearch, KnnSearchParams};
#[cfg(feature = "numbers")]
pub use matmul::{Matmul, MatmulOutput, MatmulParams};
#[cfg(feature = "numbers")]
pub use montecarlo::{Montecarlo, MontecarloOutput, MontecarloParams, OptionKind, OptionStyle, PathBlocks};
#[cfg(feature = "numbers")]
pub use nbody::{Nbody, NbodyOutput, NbodyParams, NbodyPart};
#[cfg(feature = "numbers")]
pub use stats_describe::{StatsDescribe, StatsDescribeOutput, StatsDescribeParams};
#[cfg(feature = "numbers")]
pub use stats_histogram::{StatsHistogram, StatsHistogramOutput, StatsHistogramParams};
#[cfg(feature = "numbers")]
pub use stats_quantiles::{StatsQuantiles, StatsQuantilesOutput, StatsQuantilesParams};
#[cfg(feature = "numbers")]
pub use topk::{Topk, TopkOutput, TopkParams};

#[cfg(feature = "search")]
pub use search::{Place, Search, SearchOutput, SearchParams};

#[cfg(feature = "builtin")]
crate::kernels![
    Argsort,
    #[cfg(feature = "compression")]
    Compress,
    #[cfg(feature = "compression")]
    Decompress,
    #[cfg(feature = "faults")]
    fault::Fault,
    #[cfg(feature = "numbers")]
    Fft,
    #[cfg(feature = "numbers")]
    GroupBy,
    Hash,
    HashMany,
    #[cfg(feature = "images")]
    ImageBlur,
    #[cfg(feature = "images")]
    ImageColor,
    #[cfg(feature = "images")]
    ImageConvolve,
    #[cfg(feature = "images")]
    ImageCrop,
    #[cfg(feature = "images")]
    ImageDecode,
    #[cfg(feature = "images")]
    ImageEncode,
    #[cfg(feature = "images")]
    ImagePipeline,
    #[cfg(feature = "images")]
    ImageResize,
    #[cfg(feature = "images")]
    ImageRotate,
    #[cfg(feature = "numbers")]
    Kmeans,
    #[cfg(feature = "numbers")]
    Knn,
    #[cfg(feature = "numbers")]
    KnnIndex,
    #[cfg(feature = "numbers")]
    KnnSearch,
    Mandelbrot,
    #[cfg(feature = "numbers")]
    Matmul,
    #[cfg(feature = "numbers")]
    Montecarlo,
    #[cfg(feature = "numbers")]
    Nbody,
    Noop,
    #[cfg(feature = "search")]
    Search,
    Sort,
    #[cfg(feature = "numbers")]
    StatsDescribe,
    #[cfg(feature = "numbers")]
    StatsHistogram,
    #[cfg(feature = "numbers")]
    StatsQuantiles,
    #[cfg(feature = "numbers")]
    Topk,
];
