//! Runs kernels natively for `./build.sh bench`: the speed limit that wasm is measured against.
//!
//! Reads one JSON request a line: `{ kernel, params, arrays: [{ dtype, path, shape? }], threads }`, where `params` refers to
//! an array as `{ "$array": index }` and `path` is a file of its raw little-endian elements. Answers one JSON line each:
//! `{ ms, sha256 }` (of the output's arrays, in order) or `{ error }`. Inputs stay loaded as long as requests name them.

#[cfg(not(target_family = "wasm"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    native::serve()
}

#[cfg(target_family = "wasm")]
fn main() {}

#[cfg(not(target_family = "wasm"))]
mod native {
    use loomwork::array::{self, AnyArray, DType};
    use loomwork::control::ControlBlock;
    use loomwork::params::Tree;
    use loomwork::task::{Outcome, Value, run_caught};
    use serde::Deserialize;
    use sha2::{Digest, Sha256};
    use std::collections::HashMap;
    use std::collections::hash_map::Entry;
    use std::io::{BufRead, Write};
    use std::time::Instant;

    #[derive(Deserialize)]
    struct Request {
        kernel: String,
        params: Tree,
        arrays: Vec<Input>,
        threads: usize,
    }

    #[derive(Deserialize)]
    struct Input {
        dtype: String,
        path: String,
    }

    type Error = Box<dyn std::error::Error>;

    /// Answers requests until standard input ends.
    pub fn serve() -> Result<(), Error> {
        let mut inputs = HashMap::new();
        let mut pools = HashMap::new();
        let mut out = std::io::stdout().lock();
        for line in std::io::stdin().lock().lines() {
            let answer = match run(&line?, &mut inputs, &mut pools) {
                Ok((ms, digest)) => serde_json::json!({ "ms": ms, "sha256": digest }),
                Err(error) => serde_json::json!({ "error": error.to_string() }),
            };
            writeln!(out, "{answer}")?;
            out.flush()?;
        }
        Ok(())
    }

    fn run(
        line: &str,
        inputs: &mut HashMap<String, AnyArray>,
        pools: &mut HashMap<usize, rayon::ThreadPool>,
    ) -> Result<(f64, String), Error> {
        let request: Request = serde_json::from_str(line)?;
        let entry = loomwork::kernels::KERNELS
            .iter()
            .find(|entry| entry.name == request.kernel)
            .ok_or_else(|| format!("no kernel is named '{}'", request.kernel))?;
        inputs.retain(|path, _| request.arrays.iter().any(|input| input.path == *path));
        let mut arrays = Vec::new();
        for input in &request.arrays {
            if !inputs.contains_key(&input.path) {
                inputs.insert(input.path.clone(), load(input)?);
            }
            let array = inputs.get_mut(&input.path).ok_or("an input was not loaded")?;
            // SAFETY: the kernel reads it where it lies, as in wasm it reads an array of `host.alloc`. `inputs` is not touched until the job has
            // ended and what it gave has been digested.
            arrays.push(unsafe { AnyArray::lent(array.dtype(), array.as_mut_ptr(), array.len()) });
        }
        if let Entry::Vacant(place) = pools.entry(request.threads) {
            place.insert(rayon::ThreadPoolBuilder::new().num_threads(request.threads).build()?);
        }
        array::attach(arrays);
        let task = (entry.prepare)(request.params)?;
        let control = &ControlBlock::table()[0];
        let start = Instant::now();
        let outcome = pools[&request.threads].install(|| run_caught(task, control, Box::new(|_, _| {})));
        let ms = start.elapsed().as_secs_f64() * 1000.0;
        match outcome {
            Outcome::Done(output) => Ok((ms, digest(&output)?)),
            Outcome::Failed(failure) => Err(failure.message.into()),
            Outcome::Cancelled => Err("cancelled".into()),
        }
    }

    fn load(input: &Input) -> Result<AnyArray, Error> {
        let bytes = std::fs::read(&input.path).map_err(|error| format!("{}: {error}", input.path))?;
        let dtype = DType::ALL
            .iter()
            .copied()
            .find(|dtype| dtype.name() == input.dtype)
            .ok_or_else(|| format!("no element kind is named '{}'", input.dtype))?;
        let len = bytes.len() / dtype.size();
        let mut array = AnyArray::with_capacity(dtype, len)?;
        // SAFETY: room for `len` elements was reserved; exactly their bytes are copied in, and every pattern of bits is
        // a valid number.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), array.as_mut_ptr(), len * dtype.size());
            array.assume_filled(len);
        }
        Ok(array)
    }

    /// SHA-256 of the bytes of an output's arrays, or of its values when it has none.
    fn digest(output: &Value) -> Result<String, Error> {
        let (json, views) = array::collect(|| serde_json::to_value(output));
        let mut hash = Sha256::new();
        if views.is_empty() {
            hash.update(text(&json?));
        }
        for view in views {
            // SAFETY: the view lies in `output`, which lives on unchanged.
            hash.update(unsafe { std::slice::from_raw_parts(view.start, view.len * view.dtype.size()) });
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// A value as text in which numbers stand by their bits: JSON's are written in other ways by other languages.
    fn text(value: &serde_json::Value) -> String {
        use serde_json::Value::{Array, Number, Object};
        let list = |items: Vec<String>| items.join(",");
        match value {
            Number(number) => format!("{:016x}", number.as_f64().unwrap_or_default().to_bits()),
            Array(items) => format!("[{}]", list(items.iter().map(text).collect())),
            Object(entries) => {
                let mut entries: Vec<_> = entries.iter().collect();
                entries.sort_by_key(|(key, _)| *key);
                format!("{{{}}}", list(entries.iter().map(|(key, value)| format!("{key}:{}", text(value))).collect()))
            }
            other => other.to_string(),
        }
    }
}
