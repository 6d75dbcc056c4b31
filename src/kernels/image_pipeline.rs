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
use crate::shard::{self, Aim, Round, Rounds, Sharding};
use crate::{Array, Job, Kernel, KernelError, Shardable};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::iter::Enumerate;
use std::marker::PhantomData;
use std::vec::IntoIter;

/// Several steps on one image.
///
/// Its jobs are done step after step, each as jobs of its kernel are: what a step is made of is all that the one before has made.
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
    ($($op:literal $name:ident $kernel:ty as $rounds:ty, $params:ty => $made:ident($field:ident);)+) => {
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

            fn run(self, job: &Job) -> Result<Made, KernelError> {
                Ok(match self { $(Self::$name(params) => Made::$made(<$kernel>::run(params, job)?.$field)),+ })
            }

            fn begin(self, aim: Aim) -> Result<Next, KernelError> {
                match self { $(Self::$name(params) => {
                    let round = <$rounds>::begin(params, aim)?;
                    Ok(Next::of::<$rounds>(round, Work::$name, Going::$name, |output| Made::$made(output.$field)))
                }),+ }
            }

            /// The schemas of all steps.
            fn schemas(generator: &mut SchemaGenerator) -> Vec<Schema> {
                vec![$(step_schema($op, stringify!($name), <$kernel>::ABOUT, <$params>::json_schema(generator))),+]
            }
        }

        /// A shard of a step.
        #[derive(Serialize, Deserialize)]
        pub enum Work { $(#[doc = $op] $name(<$rounds as Rounds>::Shard)),+ }

        /// What comes out of a shard of a step.
        #[derive(Serialize, Deserialize)]
        pub enum Given { $(#[doc = $op] $name(<$rounds as Rounds>::Given)),+ }

        /// A step that has begun: what its kernel keeps from one round to the next.
        pub enum Going {
            /// A file that is decoded.
            Decode(<ImageDecode as Rounds>::State),
            $(#[doc = $op] $name(<$rounds as Rounds>::State)),+
        }

        impl Work {
            fn run(self, job: &Job) -> Result<Given, KernelError> {
                match self { $(Self::$name(shard) => <$rounds>::run_shard(shard, job).map(Given::$name)),+ }
            }
        }

        impl Going {
            fn go_on(self, given: Vec<Given>, job: &Job) -> Result<Next, KernelError> {
                match self { Self::Decode(state) => Ok(Next::decoded(ImageDecode::go_on(state, vec![], job)?)), $(Self::$name(state) => {
                    let own = given.into_iter().map(|given| match given {
                        Given::$name(given) => Ok(given),
                        _ => Err(shard::strange_outputs()),
                    });
                    let round = <$rounds>::go_on(state, own.collect::<Result<_, _>>()?, job)?;
                    Ok(Next::of::<$rounds>(round, Work::$name, Going::$name, |output| Made::$made(output.$field)))
                }),+ }
            }
        }
    };
}

steps! {
    "crop" Crop ImageCrop as ImageCrop, ImageCropParams => Image(image);
    "resize" Resize ImageResize as Once<ImageResize>, ImageResizeParams => Image(image);
    "rotate" Rotate ImageRotate as ImageRotate, ImageRotateParams => Image(image);
    "blur" Blur ImageBlur as Once<ImageBlur>, ImageBlurParams => Image(image);
    "color" Color ImageColor as ImageColor, ImageColorParams => Image(image);
    "convolve" Convolve ImageConvolve as Once<ImageConvolve>, ImageConvolveParams => Image(image);
    "encode" Encode ImageEncode as ImageEncode, ImageEncodeParams => File(data);
}

/// What a step has made.
enum Made {
    Image(Image),
    File(Array<u8>),
}

/// A kernel whose jobs divide once, as one whose jobs are done in rounds.
pub struct Once<K>(PhantomData<K>);

impl<K: Shardable> Kernel for Once<K> {
    const NAME: &'static str = K::NAME;
    const ABOUT: &'static str = K::ABOUT;
    type Params = K::Params;
    type Output = K::Output;
    type Part = K::Part;

    fn run(params: K::Params, job: &Job<K::Part>) -> Result<K::Output, KernelError> {
        K::run(params, job)
    }
}

impl<K: Shardable> Rounds for Once<K> {
    type Shard = K::Params;
    type Given = K::Output;
    type State = K::Plan;

    fn begin(params: K::Params, aim: Aim) -> Result<Round<Self>, KernelError> {
        let (mut shards, state) = K::split(params, aim.pieces)?;
        if shards.len() == 1 {
            return Ok(Round::Whole(shards.remove(0)));
        }
        Ok(Round::Next { shards, state, progress: (0, 1) })
    }

    fn run_shard(shard: K::Params, job: &Job<K::Part>) -> Result<K::Output, KernelError> {
        K::run(shard, job)
    }

    fn go_on(plan: K::Plan, given: Vec<K::Output>, _: &Job<K::Part>) -> Result<Round<Self>, KernelError> {
        Ok(Round::Done { output: K::merge(plan, given)?, total: 1 })
    }
}

/// Does all of a step.
type Run = dyn FnOnce(&Job) -> Result<Made, KernelError>;

/// What comes next of a step.
enum Next {
    /// All of it at once.
    Whole(Box<Run>),
    Round {
        shards: Vec<Work>,
        going: Going,
        /// Of the step's own units.
        progress: (u64, u64),
    },
    Done(Made),
}

impl Next {
    fn decoded(round: Round<ImageDecode>) -> Self {
        Self::of(round, |shard| match shard {}, Going::Decode, |output| Made::Image(output.image))
    }

    fn of<K: Rounds<Part = ()>>(
        round: Round<K>,
        work: fn(K::Shard) -> Work,
        going: fn(K::State) -> Going,
        made: fn(K::Output) -> Made,
    ) -> Self {
        match round {
            Round::Whole(params) => Self::Whole(Box::new(move |job| K::run(params, job).map(made))),
            Round::Next { shards, state, progress } => {
                Self::Round { shards: shards.into_iter().map(work).collect(), going: going(state), progress }
            }
            Round::Done { output, .. } => Self::Done(made(output)),
        }
    }
}

impl Step {
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

    fn sharding() -> Option<Sharding> {
        Some(Sharding::in_rounds::<Self>())
    }
}

/// Rounds of its steps, one step after another. What a step does not hand out is done where the job is.
impl Rounds for ImagePipeline {
    type Shard = Shard;
    type Given = Given;
    type State = (Course, At);

    fn begin(p: ImagePipelineParams, aim: Aim) -> Result<Round<Self>, KernelError> {
        let total = STEP * (p.steps.len() as u64 + u64::from(p.data.is_some()));
        let at = match (p.data, p.image) {
            (Some(data), _) => At::File(data),
            (None, Some(image)) => At::Image(image),
            (None, None) => return Err(KernelError::bad_params("image", "is missing")),
        };
        let steps = p.steps.into_iter().enumerate();
        let course = Course { aim, steps, begun: None, width: 0, height: 0, done: 0, total };
        Ok(Round::Next { shards: vec![], progress: (0, total), state: (course, at) })
    }

    fn run_shard(shard: Shard, job: &Job) -> Result<Given, KernelError> {
        job.stage(shard.units, |stage| shard.work.run(stage)).map_err(|error| at_step(shard.step, error))
    }

    fn go_on((mut course, mut at): Self::State, mut given: Vec<Given>, job: &Job) -> Result<Round<Self>, KernelError> {
        loop {
            job.check()?;
            let next = course.next(at, std::mem::take(&mut given), job).map_err(|error| course.located(error))?;
            let made = match next {
                // Units that are done here are in what is returned.
                Next::Whole(run) => job.stage(0, run).map_err(|error| course.located(error))?,
                Next::Round { shards, going, progress } => {
                    return Ok(course.round(shards, At::Step(going), progress));
                }
                Next::Done(made) => made,
            };
            course.done += STEP;
            let (width, height, total) = (course.width, course.height, course.total);
            let output = match made {
                Made::Image(image) if course.steps.len() > 0 => {
                    at = At::Image(image);
                    if course.aim.short {
                        return Ok(course.round(vec![], at, (0, 1)));
                    }
                    continue;
                }
                Made::Image(image) => {
                    let (width, height) = (image.width, image.height);
                    ImagePipelineOutput { data: None, image: Some(image), width, height }
                }
                Made::File(data) => ImagePipelineOutput { data: Some(data), image: None, width, height },
            };
            return Ok(Round::Done { output, total });
        }
    }
}

/// A shard of a step of a pipeline.
#[derive(Serialize, Deserialize)]
pub struct Shard {
    /// The step's number.
    step: usize,
    /// Units of the job that the shard is.
    units: u64,
    work: Work,
}

/// A pipeline on its way.
pub struct Course {
    aim: Aim,
    /// Those that have not begun.
    steps: Enumerate<IntoIter<Step>>,
    /// The number of the step that has begun last.
    begun: Option<usize>,
    /// Sides of the image that that step was given.
    width: u32,
    height: u32,
    /// Units of the steps that are done, and of all.
    done: u64,
    total: u64,
}

/// Where a pipeline is.
pub enum At {
    /// There is a file to be decoded.
    File(Array<u8>),
    /// There is an image for the next step.
    Image(Image),
    /// In a step.
    Step(Going),
}

impl Course {
    fn next(&mut self, at: At, given: Vec<Given>, job: &Job) -> Result<Next, KernelError> {
        match at {
            At::File(data) => Ok(Next::decoded(ImageDecode::begin(ImageDecodeParams { data }, self.aim)?)),
            At::Image(image) => {
                let Some((number, mut step)) = self.steps.next() else { return Ok(Next::Done(Made::Image(image))) };
                (self.begun, self.width, self.height) = (Some(number), image.width, image.height);
                *step.image() = image;
                step.validate()?;
                step.begin(self.aim)
            }
            At::Step(going) => going.go_on(given, job),
        }
    }

    /// An error, with the step that it is of.
    fn located(&self, error: KernelError) -> KernelError {
        match self.begun {
            Some(number) => at_step(number, error),
            None => error,
        }
    }

    /// A round of the step that has begun, and how far the step is. Steps have one round with shards at most: those are the rest of it.
    fn round(self, shards: Vec<Work>, at: At, (done, total): (u64, u64)) -> Round<ImagePipeline> {
        let done = STEP * done / total.max(1);
        let units = (STEP - done) / shards.len().max(1) as u64;
        let step = self.begun.unwrap_or(0);
        let shards = shards.into_iter().map(|work| Shard { step, units, work }).collect();
        Round::Next { shards, progress: (self.done + done, self.total), state: (self, at) }
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use crate::shard::testing::check_aims;
    use serde::ser::{SerializeStruct, Serializer};
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

    /// As a caller gives it.
    impl Serialize for Step {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let (op, params) = match self {
                Self::Crop(params) => ("crop", serde_json::to_value(params)),
                Self::Resize(params) => ("resize", serde_json::to_value(params)),
                Self::Rotate(params) => ("rotate", serde_json::to_value(params)),
                Self::Blur(params) => ("blur", serde_json::to_value(params)),
                Self::Color(params) => ("color", serde_json::to_value(params)),
                Self::Convolve(params) => ("convolve", serde_json::to_value(params)),
                Self::Encode(params) => ("encode", serde_json::to_value(params)),
            };
            let mut params = params.unwrap();
            params.as_object_mut().unwrap().remove("image");
            params["op"] = op.into();
            params.serialize(serializer)
        }
    }

    impl Serialize for ImagePipelineParams {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut params = serializer.serialize_struct("params", 3)?;
            params.serialize_field("data", &self.data)?;
            params.serialize_field("image", &self.image)?;
            params.serialize_field("steps", &self.steps)?;
            params.end()
        }
    }

    const AIMS: [(usize, bool); 4] = [(1, false), (3, false), (64, false), (256, true)];

    /// The most shards in a round, and the most rounds.
    fn rounds(params: &ImagePipelineParams) -> (usize, usize) {
        let seen = check_aims::<ImagePipeline>(params, &AIMS.map(|(pieces, short)| Aim { pieces, short }));
        (seen.iter().map(|seen| seen.shards).max().unwrap(), seen.iter().map(|seen| seen.rounds).max().unwrap())
    }

    #[test]
    fn rounds_make_the_whole() {
        let noise = |width: u32, height: u32| {
            let byte = |i: u32| ((i.wrapping_mul(2_654_435_761) >> 13) ^ (i / 900)) as u8;
            Image::new(width, height, (0..width * height * 4).map(byte).collect())
        };
        let crop = json!({ "op": "crop", "x": 1, "y": 0, "width": 1100, "height": 830 });
        let resize = json!({ "op": "resize", "width": 1300, "height": 907, "filter": "mitchell" });
        let nearest = json!({ "op": "resize", "width": 901, "height": 600, "filter": "nearest" });
        let rotate = json!({ "op": "rotate", "angle": 10, "flip": "horizontal", "background": [1, 2, 3, 255] });
        let blur = json!({ "op": "blur", "sigma": 1.5 });
        let color = json!({ "op": "color", "hueRotate": 40, "saturate": 1.5 });
        let convolve = json!({ "op": "convolve", "kernel": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]] });
        let encode = |format: &str| json!({ "op": "encode", "format": format });
        for (steps, least) in [
            (json!([crop, resize, rotate, blur, color, convolve, encode("png")]), (7, 30)),
            (json!([blur, nearest, convolve, encode("webp")]), (5, 20)),
            (json!([rotate, encode("jpeg")]), (0, 10)),
            (json!([color, blur]), (5, 5)),
            (json!([convolve]), (5, 2)),
        ] {
            let mut params = decoded(json!({ "steps": steps })).unwrap();
            params.image = Some(noise(1201, 833));
            let (shards, rounds) = rounds(&params);
            assert!(shards >= least.0 && rounds >= least.1, "{steps}: {shards} shards, {rounds} rounds");
        }
        let mut params = decoded(json!({ "steps": [blur, encode("png")] })).unwrap();
        params.data = Some(photograph().into());
        let (shards, turns) = rounds(&params);
        assert!(shards > 1 && turns > 50, "{shards} shards, {turns} rounds");
        for (width, height) in [(1, 1), (3, 70)] {
            let steps = json!([resize, color, { "op": "resize", "width": 1, "height": 2 }, rotate, blur]);
            let mut params = decoded(json!({ "steps": steps })).unwrap();
            params.image = Some(noise(width, height));
            rounds(&params);
        }
    }

    #[test]
    fn an_error_in_a_round_names_its_step() {
        let steps = json!([{ "op": "rotate", "angle": 90 }, { "op": "crop", "x": 1, "y": 0, "width": 2, "height": 1 }]);
        for short in [false, true] {
            let params = decoded(json!({ "image": small(), "steps": steps })).unwrap();
            let (expected, job) = (error(steps.clone()), Job::detached());
            let mut round = ImagePipeline::begin(params, Aim { pieces: 2, short });
            while let Ok(Round::Next { state, .. }) = round {
                round = ImagePipeline::go_on(state, vec![], &job);
            }
            assert_eq!(round.map(drop).unwrap_err().to_string(), expected);
        }
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
