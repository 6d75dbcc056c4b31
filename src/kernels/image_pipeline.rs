//! Several steps on one image in one job: what is in between never leaves the instance.
//!
//! A step's params are those of its kernel without the image, and the kernel does the work: this room only takes the image from one to
//! the next, adds up their progress, and says at which step something is wrong.

use super::image_decode::recognise;
use super::{
    ImageBlur, ImageBlurParams, ImageColor, ImageColorParams, ImageConvolve, ImageConvolveParams, ImageCrop,
    ImageCropParams, ImageDecode, ImageDecodeParams, ImageEncode, ImageEncodeParams, ImageResize, ImageResizeParams,
    ImageRotate, ImageRotateParams,
};
use crate::image::{Image, size};
use crate::params::{self, Tree};
use crate::{Array, Job, Kernel, KernelError};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;

/// Several steps on one image.
///
/// Its jobs do not divide: a step needs what the one before has made of all rows.
pub struct ImagePipeline;

/// What to begin with, one of `data` and `image`, and what to do.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImagePipelineParams {
    /// The bytes of a PNG, JPEG or WebP file, which is decoded first.
    #[serde(default)]
    pub data: Option<Array<u8>>,
    /// An image.
    #[serde(default)]
    pub image: Option<Image>,
    /// The steps, 1 to 64, one after another: `op` is the kernel without `image.`, the rest its params without the image. `encode` can be
    /// the last only.
    pub steps: Vec<Step>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ImagePipelineOutput {
    /// The file, when the last step was `encode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Array<u8>>,
    /// The image, when it was another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// Pixels in a row of the result.
    pub width: u32,
    /// Rows of the result.
    pub height: u32,
}

/// The most steps.
const MAX_STEPS: usize = 64;

/// Progress of a step: units that it is counted in.
const STEP: u64 = 1000;

/// What is a kernel's own in its params, and no step's: the image comes from the step before, and all of it.
const NOT_A_STEPS: [&str; 3] = ["image", "rows", "source"];

macro_rules! steps {
    ($($op:literal $name:ident $kernel:ty, $params:ty;)+) => {
        /// A step: the params of its kernel, whose image is a placeholder until the step before has made it.
        #[derive(Debug, Clone)]
        pub enum Step { $(#[doc = $op] $name($params)),+ }

        const OPS: &[&str] = &[$($op),+];

        impl Step {
            fn of(op: &str, tree: Tree) -> Option<Result<Self, KernelError>> {
                match op {
                    $($op => Some(params::decode(tree).map(Self::$name)),)+
                    _ => None,
                }
            }

            fn image(&mut self) -> &mut Image {
                match self { $(Self::$name(params) => &mut params.image),+ }
            }

            fn validate(&self) -> Result<(), KernelError> {
                match self { $(Self::$name(params) => <$kernel>::validate(params)),+ }
            }

            /// The schemas of all steps.
            fn schemas(generator: &mut SchemaGenerator) -> Vec<Schema> {
                vec![$(step_schema($op, stringify!($name), <$kernel>::ABOUT, <$params>::json_schema(generator))),+]
            }
        }
    };
}

steps! {
    "crop" Crop ImageCrop, ImageCropParams;
    "resize" Resize ImageResize, ImageResizeParams;
    "rotate" Rotate ImageRotate, ImageRotateParams;
    "blur" Blur ImageBlur, ImageBlurParams;
    "color" Color ImageColor, ImageColorParams;
    "convolve" Convolve ImageConvolve, ImageConvolveParams;
    "encode" Encode ImageEncode, ImageEncodeParams;
}

/// What a step has made.
enum Made {
    Image(Image),
    File(Array<u8>),
}

impl Step {
    fn run(self, job: &Job) -> Result<Made, KernelError> {
        Ok(match self {
            Self::Crop(p) => Made::Image(ImageCrop::run(p, job)?.image),
            Self::Resize(p) => Made::Image(ImageResize::run(p, job)?.image),
            Self::Rotate(p) => Made::Image(ImageRotate::run(p, job)?.image),
            Self::Blur(p) => Made::Image(ImageBlur::run(p, job)?.image),
            Self::Color(p) => Made::Image(ImageColor::run(p, job)?.image),
            Self::Convolve(p) => Made::Image(ImageConvolve::run(p, job)?.image),
            Self::Encode(p) => Made::File(ImageEncode::run(p, job)?.data),
        })
    }

    /// Refuses what is wrong whatever the image is.
    fn validate_early(&self) -> Result<(), KernelError> {
        match self {
            // The placeholder is one pixel: whether there is something to cut out is seen when the step comes.
            Self::Crop(p) => size(p.width, p.height),
            other => other.validate(),
        }
    }
}

/// Through a tree: which kernel's params it is decoded as depends on one of its fields.
impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Tree::Map(mut entries) = Tree::deserialize(deserializer)? else {
            return Err(D::Error::custom("must be an object with an `op` and the params of its kernel"));
        };
        let refuse = |field: &str, message: String| Err(params::nested(&KernelError::bad_params(field, message)));
        let Some(at) = entries.iter().position(|(key, _)| key == "op") else {
            return refuse("op", format!("is missing: one of {}", OPS.join(", ")));
        };
        let Tree::Text(op) = entries.remove(at).1 else {
            return refuse("op", format!("must be one of {}", OPS.join(", ")));
        };
        if let Some((key, _)) = entries.iter().find(|(key, _)| NOT_A_STEPS.contains(&key.as_str())) {
            return refuse(key, "is not a step's: it works on all of the image that the step before has made".into());
        }
        entries.push(("image".into(), placeholder()));
        match Self::of(&op, Tree::Map(entries)) {
            Some(step) => step.map_err(|error| params::nested(&without_kernels_own(error))),
            None => refuse("op", format!("must be one of {}, got text \"{op}\"", OPS.join(", "))),
        }
    }
}

/// One pixel.
fn placeholder() -> Tree {
    let field = |name: &str, value| (name.to_string(), value);
    let data = Tree::List(vec![Tree::Int(0); 4]);
    Tree::Map(vec![field("width", Tree::Int(1)), field("height", Tree::Int(1)), field("data", data)])
}

/// An unknown field's error lists those that are known: the kernel's own are not.
fn without_kernels_own(error: KernelError) -> KernelError {
    match error {
        KernelError::BadParams { field, message } => {
            let Some((start, known)) = message.split_once("known are ") else {
                return KernelError::BadParams { field, message };
            };
            let known: Vec<&str> = known.split(", ").filter(|name| !NOT_A_STEPS.contains(name)).collect();
            KernelError::bad_params(field, format!("{start}known are op, {}", known.join(", ")))
        }
        other => other,
    }
}

impl JsonSchema for Step {
    fn schema_name() -> Cow<'static, str> {
        "ImageStep".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "A step of a pipeline.", "anyOf": Self::schemas(generator) })
    }
}

/// The schema of a kernel's params as one of a step.
fn step_schema(op: &str, name: &str, about: &str, params: Schema) -> Schema {
    let mut schema = params.to_value();
    if let Some(properties) = schema["properties"].as_object_mut() {
        for name in NOT_A_STEPS {
            properties.remove(name);
        }
        properties.insert("op".into(), serde_json::json!({ "type": "string", "const": op }));
    }
    if let Some(required) = schema["required"].as_array_mut() {
        required.retain(|field| !NOT_A_STEPS.iter().any(|name| field == name));
        required.push("op".into());
    }
    schema["title"] = format!("{name}Step").into();
    schema["description"] = about.into();
    Schema::try_from(schema).expect("an object, as it was")
}

/// An error of a step, in the params of the pipeline.
fn at_step(number: usize, error: KernelError) -> KernelError {
    match error {
        KernelError::BadParams { field, message } if field.is_empty() => {
            KernelError::bad_params(format!("steps[{number}]"), message)
        }
        KernelError::BadParams { field, message } => {
            KernelError::bad_params(format!("steps[{number}].{field}"), message)
        }
        other => other,
    }
}

impl Kernel for ImagePipeline {
    const NAME: &'static str = "image.pipeline";
    const ABOUT: &'static str = "Decodes, crops, resizes, rotates, blurs, colors, convolves and encodes in one job.";
    type Params = ImagePipelineParams;
    type Output = ImagePipelineOutput;
    type Part = ();

    fn validate(p: &ImagePipelineParams) -> Result<(), KernelError> {
        match (&p.data, &p.image) {
            (Some(data), None) => drop(recognise(data)?),
            (None, Some(image)) => image.validate("image")?,
            (None, None) => {
                return Err(KernelError::bad_params("image", "is missing: give pixels, or a file's bytes as `data`"));
            }
            (Some(_), Some(_)) => {
                return Err(KernelError::bad_params("image", "is given, and so is data: give one of the two"));
            }
        }
        if !(1..=MAX_STEPS).contains(&p.steps.len()) {
            let message = format!("must hold 1 to {MAX_STEPS} steps, got {}", p.steps.len());
            return Err(KernelError::bad_params("steps", message));
        }
        for (number, step) in p.steps.iter().enumerate() {
            step.validate_early().map_err(|error| at_step(number, error))?;
            if number + 1 < p.steps.len() && matches!(step, Step::Encode(_)) {
                let message = format!("only the last of {} steps can be encode", p.steps.len());
                return Err(KernelError::bad_params(format!("steps[{number}].op"), message));
            }
        }
        Ok(())
    }

    fn run(p: ImagePipelineParams, job: &Job) -> Result<ImagePipelineOutput, KernelError> {
        job.set_total(STEP * (p.steps.len() as u64 + u64::from(p.data.is_some())));
        let mut image = match (p.data, p.image) {
            (Some(data), _) => job.stage(STEP, |stage| ImageDecode::run(ImageDecodeParams { data }, stage))?.image,
            (None, Some(image)) => image,
            (None, None) => return Err(KernelError::bad_params("image", "is missing")),
        };
        for (number, mut step) in p.steps.into_iter().enumerate() {
            job.check()?;
            let (width, height) = (image.width, image.height);
            *step.image() = image;
            step.validate().map_err(|error| at_step(number, error))?;
            let made = job.stage(STEP, |stage| step.run(stage)).map_err(|error| at_step(number, error))?;
            image = match made {
                Made::Image(image) => image,
                Made::File(data) => return Ok(ImagePipelineOutput { data: Some(data), image: None, width, height }),
            };
        }
        let (width, height) = (image.width, image.height);
        Ok(ImagePipelineOutput { data: None, image: Some(image), width, height })
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use serde_json::{Value, json};

    fn photograph() -> Vec<u8> {
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/hubble_deep_field.jpg")).unwrap()
    }

    fn decoded(params: Value) -> Result<ImagePipelineParams, KernelError> {
        params::decode(serde_json::from_value(params).unwrap())
    }

    fn small() -> Value {
        json!({ "width": 4, "height": 2, "data": (0..32).map(|i| i * 7).collect::<Vec<u8>>() })
    }

    fn error(steps: Value) -> String {
        let params = decoded(json!({ "image": small(), "steps": steps }));
        params.and_then(|params| run::<ImagePipeline>(params, &Job::detached())).unwrap_err().to_string()
    }

    #[test]
    fn steps_are_their_kernels_one_after_another() {
        let mut params = decoded(json!({ "steps": [
            { "op": "crop", "x": 100, "y": 50, "width": 600, "height": 500 },
            { "op": "resize", "width": 300, "height": 250, "filter": "mitchell" },
            { "op": "rotate", "angle": 10, "flip": "horizontal", "background": [1, 2, 3, 255] },
            { "op": "blur", "sigma": 1.5 },
            { "op": "color", "hueRotate": 40, "saturate": 1.5 },
            { "op": "convolve", "kernel": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]] },
            { "op": "encode", "format": "jpeg", "quality": 90 },
        ]}))
        .unwrap();
        params.data = Some(photograph().into());
        let job = Job::detached();
        let output = run::<ImagePipeline>(params.clone(), &job).unwrap();
        assert_eq!(job.progress(), (8000, 8000));
        assert!(output.image.is_none());

        let job = Job::detached();
        let image = run::<ImageDecode>(ImageDecodeParams { data: photograph().into() }, &job).unwrap().image;
        let (x, y, width, height) = (100, 50, 600, 500);
        let image = run::<ImageCrop>(ImageCropParams { image, x, y, width, height }, &job).unwrap().image;
        let one_by_one = params.steps.into_iter().skip(1).try_fold(image, |image, mut step| {
            *step.image() = image;
            match step.run(&Job::detached()).unwrap() {
                Made::Image(image) => Ok(image),
                Made::File(data) => Err(data),
            }
        });
        assert!(one_by_one.unwrap_err() == output.data.unwrap());
        assert!(output.width > 300 && output.height > 250);
    }

    #[test]
    fn without_encode_the_image_comes_out() {
        let params = decoded(json!({ "image": small(), "steps": [{ "op": "rotate", "angle": 90 }] })).unwrap();
        let output = run::<ImagePipeline>(params, &Job::detached()).unwrap();
        let image = output.image.unwrap();
        assert_eq!((output.width, output.height, image.width, image.height), (2, 4, 2, 4));
        assert_eq!(image.data[..4], [112, 119, 126, 133], "the lower left pixel is the first");
        let json = serde_json::to_value(ImagePipelineOutput { data: None, image: None, width: 1, height: 1 }).unwrap();
        assert_eq!(json, json!({ "width": 1, "height": 1 }), "what is not there is not named");
    }

    #[test]
    fn each_error_names_its_step_and_field() {
        let invert = json!({ "op": "color", "invert": 1 });
        for (steps, says) in [
            (json!([]), "steps: must hold 1 to 64 steps, got 0"),
            (json!([3]), "steps[0]: must be an object with an `op` and the params of its kernel"),
            (
                json!([{ "width": 3 }]),
                "steps[0].op: is missing: one of crop, resize, rotate, blur, color, convolve, encode",
            ),
            (
                json!([invert, { "op": "sharpen" }]),
                "steps[1].op: must be one of crop, resize, rotate, blur, color, convolve, encode, got text \"sharpen\"",
            ),
            (json!([{ "op": 3 }]), "steps[0].op: must be one of crop, resize, rotate, blur, color, convolve, encode"),
            (json!([invert, invert, { "op": "resize", "height": 3 }]), "steps[2].width: is missing"),
            (
                json!([{ "op": "resize", "width": "3", "height": 3 }]),
                "steps[0].width: expected a whole number from 0 to 4294967295, got text \"3\"",
            ),
            (json!([{ "op": "resize", "width": 0, "height": 3 }]), "steps[0].width: must be 1 to 65535 pixels, got 0"),
            (
                json!([{ "op": "resize", "width": 3, "height": 3, "filter": "best" }]),
                "steps[0].filter: expected one of lanczos3, nearest, box",
            ),
            (json!([{ "op": "blur", "sgima": 3 }]), "steps[0].sgima: is not a param; known are op, sigma, radius"),
            (
                json!([{ "op": "blur", "sigma": 1, "rows": { "first": 0, "count": 1 } }]),
                "steps[0].rows: is not a step's",
            ),
            (json!([{ "op": "blur", "sigma": 1, "image": small() }]), "steps[0].image: is not a step's"),
            (
                json!([{ "op": "convolve", "kernel": [[1], [2, 3], [1]] }]),
                "steps[0].kernel[1]: must hold an odd number",
            ),
            (
                json!([{ "op": "convolve", "kernel": [["x"]] }]),
                "steps[0].kernel[0][0]: expected a number, got text \"x\"",
            ),
            (
                json!([{ "op": "encode", "format": "png" }, invert]),
                "steps[0].op: only the last of 2 steps can be encode",
            ),
            (
                json!([{ "op": "crop", "x": 0, "y": 0, "width": 0, "height": 1 }]),
                "steps[0].width: must be 1 to 65535 pixels, got 0",
            ),
            // What the image must be known for.
            (
                json!([{ "op": "rotate", "angle": 90 }, { "op": "crop", "x": 1, "y": 0, "width": 2, "height": 1 }]),
                "steps[1].width: must be 1 to 1: the image has so many columns from x 1, got 2",
            ),
            (
                json!([{ "op": "resize", "width": 20000, "height": 1 }, { "op": "encode", "format": "webp" }]),
                "steps[1].image.width: a WebP has at most 16383 pixels a side, got 20000",
            ),
        ] {
            let error = error(steps.clone());
            assert!(error.starts_with(says), "{steps}: {error}");
        }
        let refused = |params: Value| {
            let params = decoded(params).unwrap();
            run::<ImagePipeline>(params, &Job::detached()).unwrap_err().to_string()
        };
        assert!(refused(json!({ "steps": [invert] })).starts_with("image: is missing"));
        assert!(refused(json!({ "steps": [invert], "image": small(), "data": [1] })).starts_with("image: is given"));
        assert!(refused(json!({ "steps": [invert], "data": [1, 2] })).starts_with("data: the 2 bytes do not begin"));
        let short = json!({ "width": 4, "height": 2, "data": [1] });
        assert!(refused(json!({ "steps": [invert], "image": short })).starts_with("image.data: must hold"));
    }

    #[test]
    fn a_cancelled_job_stops_inside_of_a_step() {
        let params = || {
            let mut params = decoded(json!({ "steps": [
                { "op": "resize", "width": 3000, "height": 2000 },
                { "op": "blur", "sigma": 60 },
            ]}))
            .unwrap();
            params.data = Some(photograph().into());
            params
        };
        let job = Job::detached();
        let stopped = std::thread::scope(|scope| {
            scope.spawn(|| {
                // Inside of the blur.
                while job.progress().0 <= 2000 {
                    std::thread::yield_now();
                }
                job.control().request_cancel();
            });
            run::<ImagePipeline>(params(), &job)
        });
        assert_eq!(stopped.unwrap_err(), KernelError::Cancelled);
        let (done, total) = job.progress();
        assert!(done > 2000 && done < total, "{done} of {total}");
    }

    #[test]
    fn the_schema_of_a_step_is_its_kernels() {
        let schema = SchemaGenerator::default().into_root_schema_for::<Step>().to_value();
        let steps = schema["anyOf"].as_array().unwrap();
        assert_eq!(steps.len(), OPS.len());
        for (step, op) in steps.iter().zip(OPS) {
            assert_eq!(step["properties"]["op"]["const"], *op);
            assert!(NOT_A_STEPS.iter().all(|name| step["properties"].get(name).is_none()), "{op}");
            assert_eq!(step["additionalProperties"], json!(false), "{op}");
        }
        assert_eq!(steps[1]["required"], json!(["width", "height", "op"]));
        assert_eq!(steps[3]["required"], json!(["op"]));
    }
}
