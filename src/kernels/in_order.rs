//! Work in pieces whose results are wanted in the order of the pieces. Threads take the pieces one after another, and whoever has finished one
//! puts behind those before it what is there. Nobody waits for the others until the end, as they do where one parallel loop follows on another:
//! a thread that finds nothing to do goes to sleep within a microsecond or two, and to wake it costs the one that does.

use crate::KernelError;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError, TryLockError};

/// Works on the pieces from 0 on, `count` of them. Each thread has a state of its own. `put` gets what came of each piece, in their order, and says
/// whether more is wanted; of pieces behind one where it is not, some may have been worked on.
pub(super) fn in_order<S, T: Send>(
    count: usize,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> Result<T, KernelError> + Sync,
    put: impl FnMut(T) -> Result<ControlFlow<()>, KernelError> + Send,
) -> Result<(), KernelError> {
    let taken = AtomicUsize::new(0);
    // What is made, by the number of its piece, is soon put down. What `put` does with it may take longer: who finds it at work leaves it to it.
    let made = Mutex::new(BTreeMap::new());
    let end = Mutex::new(End { next: 0, put, stopped: false });
    let threads = rayon::current_num_threads().min(count);
    (0..threads).into_par_iter().with_max_len(1).try_for_each(|_| {
        let mut state = state();
        let mut piece = |number: usize| {
            let result = work(&mut state, number)?;
            made.lock().unwrap_or_else(PoisonError::into_inner).insert(number, result);
            match end.try_lock() {
                Ok(mut end) => end.take(&made, &taken, count),
                Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => Ok(()),
            }
        };
        let mut numbers = std::iter::repeat_with(|| taken.fetch_add(1, Relaxed)).take_while(|&number| number < count);
        // One that fails leaves nothing to do for the others.
        numbers.try_for_each(&mut piece).inspect_err(|_| taken.store(count, Relaxed))
    })?;
    // What was made while another was putting its last.
    end.into_inner().unwrap_or_else(PoisonError::into_inner).take(&made, &taken, count)
}

/// Where results come together.
struct End<P> {
    /// The piece whose result is put next.
    next: usize,
    put: P,
    /// Nothing more is wanted.
    stopped: bool,
}

impl<P> End<P> {
    /// Puts what is there and is next.
    fn take<T>(
        &mut self,
        made: &Mutex<BTreeMap<usize, T>>,
        taken: &AtomicUsize,
        count: usize,
    ) -> Result<(), KernelError>
    where
        P: FnMut(T) -> Result<ControlFlow<()>, KernelError>,
    {
        while !self.stopped {
            let Some(result) = made.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.next) else { break };
            self.next += 1;
            if (self.put)(result)?.is_break() {
                self.stopped = true;
                taken.store(count, Relaxed);
            }
        }
        Ok(())
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;

    fn on(threads: usize, work: impl FnOnce() + Send) {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work);
    }

    #[test]
    fn results_come_in_order_on_any_number_of_threads() {
        for threads in [1, 2, 5] {
            for count in [0, 1, 2, 3, 1000] {
                on(threads, || {
                    let mut put = Vec::new();
                    let work = |own: &mut usize, number: usize| {
                        *own += 1;
                        // Some are far slower than those behind them.
                        if number.is_multiple_of(97) {
                            std::thread::sleep(std::time::Duration::from_millis(3));
                        }
                        Ok(number)
                    };
                    let take = |number| {
                        put.push(number);
                        Ok(ControlFlow::Continue(()))
                    };
                    in_order(count, || 0, work, take).unwrap();
                    assert!(put.iter().copied().eq(0..count), "{threads} threads, {count}");
                });
            }
        }
    }

    #[test]
    fn it_ends_when_no_more_is_wanted() {
        on(3, || {
            let mut put = Vec::new();
            let take = |number| {
                put.push(number);
                Ok(if number == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            };
            let worked = AtomicUsize::new(0);
            let work = |(): &mut (), number: usize| {
                worked.fetch_add(1, Relaxed);
                std::thread::sleep(std::time::Duration::from_micros(100));
                Ok(number)
            };
            in_order(10_000, || (), work, take).unwrap();
            assert_eq!(put, [0, 1, 2, 3, 4, 5]);
            assert!(worked.into_inner() < 5000);
        });
    }

    #[test]
    fn a_failure_of_either_ends_all() {
        let failure = |number: usize| match number {
            7 => Err(KernelError::failed("seven")),
            _ => Ok(number),
        };
        for threads in [1, 4] {
            on(threads, || {
                let worked = in_order(10_000, || (), |(), number| failure(number), |_| Ok(ControlFlow::Continue(())));
                assert_eq!(worked, failure(7).map(drop));
                let put = |number| failure(number).map(|_| ControlFlow::Continue(()));
                assert_eq!(in_order(10_000, || (), |(), number| Ok(number), put), failure(7).map(drop));
            });
        }
    }
}
