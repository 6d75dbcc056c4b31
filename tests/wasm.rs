//! The crate in a real browser on a real thread pool: run with `wasm-pack test --headless` (`./build.sh test wasm-chromium`).
//!
//! Rayon must not be touched before the pool is built (it would settle for one thread for ever), so each test begins with [`pool`].
#![cfg(all(target_family = "wasm", feature = "no-bundler"))]

use loomwork::array::{AnyArray, attach};
use loomwork::control::ControlBlock;
use loomwork::kernels::{KERNELS, Mandelbrot, MandelbrotParams};
use loomwork::params::Tree;
use loomwork::task::{Outcome, run_caught};
use loomwork::{Job, KernelError, kernel};
use rayon::prelude::*;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

const THREADS: usize = 3;

/// Starts the global pool, once for all tests.
async fn pool() {
    static STARTED: AtomicBool = AtomicBool::new(false);
    if !STARTED.swap(true, Ordering::SeqCst) {
        let promise = loomwork::boundary::init_thread_pool(THREADS);
        wasm_bindgen_futures::JsFuture::from(promise).await.expect("the pool starts");
    }
}

fn view() -> MandelbrotParams {
    MandelbrotParams {
        width: 211,
        height: 157,
        center_x: (-0.6).into(),
        center_y: 0.05.into(),
        span: 2.8.into(),
        max_iterations: 300,
        rows: None,
    }
}

/// The view's counts by their definition, on one thread.
fn naive(p: &MandelbrotParams) -> Vec<u32> {
    let step = 2.8 / f64::from(p.width);
    let pixel = |index: u32| {
        let cr = -0.6 + (f64::from(index % p.width) + 0.5 - f64::from(p.width) / 2.0) * step;
        let ci = 0.05 + (f64::from(index / p.width) + 0.5 - f64::from(p.height) / 2.0) * step;
        let (mut zr, mut zi) = (0.0_f64, 0.0_f64);
        (0..p.max_iterations)
            .take_while(|_| {
                (zr, zi) = (zr * zr - zi * zi + cr, 2.0 * zr * zi + ci);
                zr * zr + zi * zi <= 4.0
            })
            .count() as u32
    };
    (0..p.width * p.height).map(pixel).collect()
}

#[wasm_bindgen_test]
async fn the_pool_has_its_threads_and_they_share_memory() {
    pool().await;
    assert_eq!(rayon::current_num_threads(), THREADS);
    let arrived = AtomicUsize::new(0);
    // Each thread waits until all are here: they can only be if they run at once and see each other's writes.
    let indices = rayon::broadcast(|context| {
        arrived.fetch_add(1, Ordering::SeqCst);
        for _ in 0..2_000_000_000_u64 {
            if arrived.load(Ordering::SeqCst) == THREADS {
                return Some(context.index());
            }
            std::hint::spin_loop();
        }
        None
    });
    let distinct: HashSet<usize> = indices.into_iter().map(|index| index.expect("all threads run at once")).collect();
    assert_eq!(distinct.len(), THREADS);
}

#[wasm_bindgen_test]
async fn a_kernel_gives_the_same_bits_as_one_thread() {
    pool().await;
    let output = kernel::run::<Mandelbrot>(view(), &Job::detached()).unwrap();
    assert_eq!(*output.counts, *naive(&view()));
}

#[wasm_bindgen_test]
async fn a_panic_on_a_pool_thread_is_caught_and_the_pool_works_on() {
    pool().await;
    let caught = catch_unwind(AssertUnwindSafe(|| {
        (0..10_000_u32).into_par_iter().for_each(|i| assert!(i != 7777, "the unlucky one"));
    }));
    assert!(caught.is_err());
    assert_eq!((0..1000_u64).into_par_iter().sum::<u64>(), 499_500);
}

#[wasm_bindgen_test]
async fn a_running_job_stops_when_told() {
    pool().await;
    let endless = MandelbrotParams { width: 4000, height: 4000, max_iterations: 50_000_000, ..view() };
    let job = Job::detached();
    let tell_it = || {
        for _ in 0..2_000_000_000_u64 {
            if job.progress().0 > 0 {
                break;
            }
            std::hint::spin_loop();
        }
        job.control().request_cancel();
        job.progress().0
    };
    let (stopped, at_cancel) = rayon::join(|| kernel::run::<Mandelbrot>(endless, &job), tell_it);
    assert_eq!(stopped, Err(KernelError::Cancelled));
    let (done, total) = job.progress();
    assert!(at_cancel > 0 && done - at_cancel < total / 100, "{at_cancel} of {total} at the cancel, {done} at the end");
}

#[wasm_bindgen_test]
async fn every_registered_kernel_refuses_an_unknown_param_by_name() {
    pool().await;
    for entry in KERNELS {
        match (entry.prepare)(Tree::Map(vec![("nonsense".into(), Tree::Int(1))])) {
            Err(KernelError::BadParams { field, .. }) => assert_eq!(field, "nonsense", "{}", entry.name),
            Err(other) => panic!("{}: {other:?}", entry.name),
            Ok(_) => panic!("{} accepts nonsense", entry.name),
        }
    }
}

#[wasm_bindgen_test]
async fn a_task_goes_from_plain_params_to_an_output() {
    pool().await;
    let entry = KERNELS.iter().find(|entry| entry.name == "hash").unwrap();
    attach(vec![AnyArray::U8(b"abc".to_vec().into())]);
    let reference = Tree::Map(vec![("$array".into(), Tree::Int(0))]);
    let params = Tree::Map(vec![("data".into(), reference), ("algorithm".into(), Tree::Text("sha256".into()))]);
    let task = (entry.prepare)(params).unwrap();
    let Outcome::Done(output) = run_caught(task, &ControlBlock::table()[5], Box::new(|_, _| {})) else {
        panic!("the task is not done");
    };
    let expected = r#"{"hex":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}"#;
    assert_eq!(serde_json::to_string(&output).unwrap(), expected);
}
