//! Parallel loops whose bodies are called through a pointer.
//!
//! rayon's own are compiled anew for each body, some thousands of LLVM's lines a time: for kernels that take arrays of many kinds they were
//! a third of all that there was to compile. Here they are compiled once. A body is work of tens of microseconds, of which a call is
//! nothing; what it reads in a loop of its own it copies first, for what lies behind a pointer is read again after each write.
#![cfg_attr(not(feature = "kernels"), allow(dead_code))]

use rayon::prelude::*;

/// Does `task` for 0 to `count`, on all threads, until one of them fails.
pub(crate) fn try_each<E: Send>(count: usize, task: &(dyn Fn(usize) -> Result<(), E> + Sync)) -> Result<(), E> {
    (0..count).into_par_iter().try_for_each(task)
}

/// What `make` makes of 0 to `count`, in their order.
pub(crate) fn try_map<R: Send, E: Send>(
    count: usize,
    make: impl Fn(usize) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let mut made: Vec<Option<R>> = (0..count).map(|_| None).collect();
    try_each_chunk(&mut made, 1, |number, place| {
        place[0] = Some(make(number)?);
        Ok(())
    })?;
    // None is left out: without a failure each number has had its turn.
    Ok(made.into_iter().flatten().collect())
}

/// What `make` makes of the number and the items of each chunk of up to `len`, in their order.
pub(crate) fn try_map_chunks<T: Sync, R: Send, E: Send>(
    items: &[T],
    len: usize,
    make: impl Fn(usize, &[T]) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    try_map(items.len().div_ceil(len), |number| make(number, chunk(items, len, number)))
}

/// Does `task` for the number and the items of each chunk of up to `len`, on all threads, until one of them fails.
pub(crate) fn try_each_chunk<T: Send, E: Send>(
    items: &mut [T],
    len: usize,
    task: impl Fn(usize, &mut [T]) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let (start, all) = (Start(items.as_mut_ptr()), items.len());
    try_each(all.div_ceil(len), &|number| {
        let first = number * len;
        // SAFETY: within the items, which are borrowed until all tasks have ended; chunks of different numbers have none in common,
        // and each number is given once.
        let chunk = unsafe { std::slice::from_raw_parts_mut(start.pointer().add(first), len.min(all - first)) };
        task(number, chunk)
    })
}

/// A chunk of up to `len`, by its number.
pub(crate) fn chunk<T>(items: &[T], len: usize, number: usize) -> &[T] {
    &items[number * len..items.len().min((number + 1) * len)]
}

/// Where items begin, of which each thread takes its own.
struct Start<T>(*mut T);

// SAFETY: what is made of it are borrows of items that no other thread has; these may move between threads.
unsafe impl<T: Send> Sync for Start<T> {}

impl<T> Start<T> {
    /// A method, so that closures take all of it: the pointer alone is of no thread but its own.
    fn pointer(&self) -> *mut T {
        self.0
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;

    #[test]
    fn every_number_and_every_item_has_its_turn() {
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                for (count, len) in [(0, 3), (1, 3), (3, 3), (4, 3), (1000, 1), (1001, 10)] {
                    let mut items: Vec<usize> = vec![0; count];
                    let number_all = |number: usize, items: &mut [usize]| {
                        items.iter_mut().zip(number * len..).for_each(|(item, at)| *item += at + 1);
                        Ok::<_, ()>(())
                    };
                    try_each_chunk(&mut items, len, number_all).unwrap();
                    assert!(items.iter().copied().eq(1..=count), "{count} by {len}");
                    let sums =
                        try_map_chunks(&items, len, |number, items| Ok::<_, ()>((number, items.to_vec()))).unwrap();
                    assert!(sums.iter().map(|(number, _)| *number).eq(0..count.div_ceil(len)));
                    assert_eq!(sums.into_iter().flat_map(|(_, items)| items).collect::<Vec<_>>(), items);
                }
            });
        }
    }

    #[test]
    fn a_failure_ends_it() {
        let fails = |number| if number == 700 { Err(number) } else { Ok(String::from("made")) };
        assert_eq!(try_map(1000, fails), Err(700));
        assert_eq!(try_map(700, fails).unwrap().len(), 700);
        let mut items = [1; 10];
        assert_eq!(
            try_each_chunk(&mut items, 4, |number, items| if items.len() < 4 { Err(number) } else { Ok(()) }),
            Err(2)
        );
    }
}
