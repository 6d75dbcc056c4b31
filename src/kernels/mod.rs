//! The built-in kernels, one file each, and the list that registers them.

mod argsort;
mod blur;
mod compress;
mod decompress;
mod deflate;
mod distances;
mod exact;
#[cfg(feature = "faults")]
mod fault;
mod fft;
mod floats;
mod fourier;
mod group_by;
mod hash;
mod hash_many;
mod image_blur;
mod image_color;
mod image_convolve;
mod image_crop;
mod image_decode;
mod image_encode;
mod image_pipeline;
mod image_resize;
mod image_rotate;
mod kmeans;
mod knn;
mod lanes;
mod lz4;
mod mandelbrot;
mod matmul;
mod montecarlo;
mod nbody;
mod neighbours;
mod noop;
mod number;
mod partition;
mod radix;
mod random;
mod resample;
mod search;
mod select;
mod sha256_lanes;
mod sort;
mod stats_describe;
mod stats_histogram;
mod stats_quantiles;
mod topk;
mod turn;
mod webp;
mod zstd;

pub use argsort::{Argsort, ArgsortOutput};
pub use compress::{Compress, CompressOutput, CompressParams, CompressionFormat, Piece, PieceFacts};
pub use decompress::{Decompress, DecompressOutput, DecompressParams};
pub use fft::{Fft, FftOutput, FftParams};
pub use floats::Floats;
pub use group_by::{GroupBy, GroupByOutput, GroupByParams};
pub use hash::{Hash, HashAlgorithm, HashOutput, HashParams};
pub use hash_many::{HashMany, HashManyOutput, HashManyParams};
pub use image_blur::{ImageBlur, ImageBlurOutput, ImageBlurParams};
pub use image_color::{ImageColor, ImageColorOutput, ImageColorParams};
pub use image_convolve::{Edges, ImageConvolve, ImageConvolveOutput, ImageConvolveParams};
pub use image_crop::{ImageCrop, ImageCropOutput, ImageCropParams};
pub use image_decode::{ImageDecode, ImageDecodeOutput, ImageDecodeParams, ImageFormat};
pub use image_encode::{ImageEncode, ImageEncodeOutput, ImageEncodeParams};
pub use image_pipeline::{ImagePipeline, ImagePipelineOutput, ImagePipelineParams, Step as ImageStep};
pub use image_resize::{ImageResize, ImageResizeOutput, ImageResizeParams, ResizeFilter, ResizeSource};
pub use image_rotate::{Flip, ImageRotate, ImageRotateOutput, ImageRotateParams};
pub use kmeans::{Kmeans, KmeansOutput, KmeansParams, KmeansPart};
pub use knn::{Knn, KnnMetric, KnnOutput, KnnParams};
pub use mandelbrot::{Mandelbrot, MandelbrotOutput, MandelbrotParams, MandelbrotPart};
pub use matmul::{Matmul, MatmulOutput, MatmulParams};
pub use montecarlo::{Montecarlo, MontecarloOutput, MontecarloParams, OptionKind, OptionStyle, PathBlocks};
pub use nbody::{Nbody, NbodyOutput, NbodyParams, NbodyPart};
pub use noop::{Noop, NoopOutput, NoopParams};
pub use search::{Place, Search, SearchOutput, SearchParams};
pub use sort::{Order, Sort, SortOutput, SortParams};
pub use stats_describe::{StatsDescribe, StatsDescribeOutput, StatsDescribeParams};
pub use stats_histogram::{StatsHistogram, StatsHistogramOutput, StatsHistogramParams};
pub use stats_quantiles::{StatsQuantiles, StatsQuantilesOutput, StatsQuantilesParams};
pub use topk::{Topk, TopkOutput, TopkParams};

#[cfg(feature = "faults")]
crate::kernels![
    Argsort,
    Compress,
    Decompress,
    fault::Fault,
    Fft,
    GroupBy,
    Hash,
    HashMany,
    ImageBlur,
    ImageColor,
    ImageConvolve,
    ImageCrop,
    ImageDecode,
    ImageEncode,
    ImagePipeline,
    ImageResize,
    ImageRotate,
    Kmeans,
    Knn,
    Mandelbrot,
    Matmul,
    Montecarlo,
    Nbody,
    Noop,
    Search,
    Sort,
    StatsDescribe,
    StatsHistogram,
    StatsQuantiles,
    Topk
];
#[cfg(not(feature = "faults"))]
crate::kernels![
    Argsort,
    Compress,
    Decompress,
    Fft,
    GroupBy,
    Hash,
    HashMany,
    ImageBlur,
    ImageColor,
    ImageConvolve,
    ImageCrop,
    ImageDecode,
    ImageEncode,
    ImagePipeline,
    ImageResize,
    ImageRotate,
    Kmeans,
    Knn,
    Mandelbrot,
    Matmul,
    Montecarlo,
    Nbody,
    Noop,
    Search,
    Sort,
    StatsDescribe,
    StatsHistogram,
    StatsQuantiles,
    Topk
];
