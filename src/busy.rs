//! Which thread was busy with which job, and when: the spans that `host.trace()` shows and from which threads' utilisation is counted.
//!
//! A thread of a pool is known to be busy each time that its kernel calls [`Job::check`](crate::Job::check): calls less than `GAP_MS`
//! apart are one span. A lane's own thread needs no spans: it is busy from the start of its job to the end. Spans are written to a
//! diary in shared memory, which the caller's thread reads (`www/host/main/diary.ts`).

use crate::dispatch::LANES;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

/// Spans that the diary holds; the oldest is written over.
pub const SPANS: usize = 4096;

/// A kernel checks at least once a millisecond of work: a thread that is not heard of for so long has had nothing to do.
const GAP_MS: f64 = 2.0;

/// A longer span is told in pieces, so that a long job is seen while it runs.
const MOST_MS: f64 = 500.0;

/// Spans of less are not worth telling.
const LEAST_MS: f64 = 0.05;

/// A thread worked for a job, from then to then (milliseconds since 1970, as the bits of an f64).
#[repr(C)]
pub struct Span {
    job: AtomicU32,
    /// The lane, and the thread's number in its pool.
    lane: AtomicU32,
    thread: AtomicU32,
    from: AtomicU64,
    to: AtomicU64,
}

impl Span {
    const fn new() -> Self {
        let [job, lane, thread] = [const { AtomicU32::new(0) }; 3];
        let [from, to] = [const { AtomicU64::new(0) }; 2];
        Self { job, lane, thread, from, to }
    }
}

/// Byte offsets of a span's words, for the TypeScript end.
pub const SPAN_FIELDS: &[(&str, usize)] = &[
    ("job", std::mem::offset_of!(Span, job)),
    ("lane", std::mem::offset_of!(Span, lane)),
    ("thread", std::mem::offset_of!(Span, thread)),
    ("from", std::mem::offset_of!(Span, from)),
    ("to", std::mem::offset_of!(Span, to)),
];

/// The latest spans.
#[repr(C)]
pub struct Diary {
    /// Spans written so far.
    written: AtomicU32,
    spans: [Span; SPANS],
}

/// Byte offsets in a [`Diary`], for the TypeScript end.
pub const DIARY_FIELDS: &[(&str, usize)] =
    &[("written", std::mem::offset_of!(Diary, written)), ("spans", std::mem::offset_of!(Diary, spans))];

impl Diary {
    const fn new() -> Self {
        Self { written: AtomicU32::new(0), spans: [const { Span::new() }; SPANS] }
    }

    /// The one that the caller's thread sees.
    pub fn shared() -> &'static Self {
        static SHARED: Diary = Diary::new();
        &SHARED
    }

    fn write(&self, thread: &Thread) {
        static WRITING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.written.load(Relaxed);
        let span = &self.spans[number as usize % SPANS];
        span.job.store(thread.job.load(Relaxed), Relaxed);
        span.lane.store(thread.lane as u32, Relaxed);
        span.thread.store(thread.index as u32, Relaxed);
        span.from.store(thread.from.load(Relaxed), Relaxed);
        span.to.store(thread.to.load(Relaxed), Relaxed);
        self.written.store(number.wrapping_add(1), SeqCst);
    }
}

/// A pool's thread and its present span; job 0 when it has none.
struct Thread {
    lane: usize,
    index: usize,
    job: AtomicU32,
    from: AtomicU64,
    to: AtomicU64,
}

impl Thread {
    fn end_span(&self, diary: &Diary) {
        let length = f64::from_bits(self.to.load(Relaxed)) - f64::from_bits(self.from.load(Relaxed));
        if self.job.load(Relaxed) != 0 && length >= LEAST_MS {
            diary.write(self);
        }
        self.job.store(0, Relaxed);
    }

    fn begin_span(&self, job: u32, now: f64) {
        self.job.store(job, Relaxed);
        self.from.store(now.to_bits(), Relaxed);
    }

    fn seen(&self, diary: &Diary, job: u32, now: f64) {
        let [from, to] = [&self.from, &self.to].map(|word| f64::from_bits(word.load(Relaxed)));
        if self.job.load(Relaxed) != job || now - to > GAP_MS {
            self.end_span(diary);
            self.begin_span(job, now);
        } else if now - from > MOST_MS {
            self.to.store(now.to_bits(), Relaxed);
            self.end_span(diary);
            self.begin_span(job, now);
        }
        self.to.store(now.to_bits(), Relaxed);
    }
}

/// The threads of each lane's pool.
static THREADS: [Mutex<Vec<Arc<Thread>>>; LANES] = [const { Mutex::new(Vec::new()) }; LANES];

thread_local! {
    static ME: RefCell<Option<Arc<Thread>>> = const { RefCell::new(None) };
}

/// The current thread, not the lane's own, joins a lane's pool under a number.
pub fn enter(lane: usize, index: usize) {
    let [from, to] = [const { AtomicU64::new(0) }; 2];
    let me = Arc::new(Thread { lane, index, job: AtomicU32::new(0), from, to });
    THREADS[lane].lock().unwrap_or_else(PoisonError::into_inner).push(me.clone());
    ME.set(Some(me));
}

/// The current thread leaves its pool.
pub fn leave() {
    if let Some(me) = ME.take() {
        THREADS[me.lane].lock().unwrap_or_else(PoisonError::into_inner).retain(|other| !Arc::ptr_eq(other, &me));
    }
}

/// The current thread works for a job, now. Does nothing, and does not ask the clock, on a thread that is in no pool.
pub fn seen(job: u32, clock: impl FnOnce() -> f64) {
    ME.with_borrow(|me| {
        if let Some(me) = me {
            me.seen(Diary::shared(), job, clock());
        }
    });
}

/// A lane's job has ended: no thread works for it any more.
pub fn ended(lane: usize) {
    for thread in THREADS[lane].lock().unwrap_or_else(PoisonError::into_inner).iter() {
        thread.end_span(Diary::shared());
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn thread(lane: usize, index: usize) -> Thread {
        Thread { lane, index, job: AtomicU32::new(0), from: AtomicU64::new(0), to: AtomicU64::new(0) }
    }

    fn told(diary: &Diary) -> Vec<(u32, u32, u32, f64, f64)> {
        let written = diary.written.load(SeqCst) as usize;
        let read = |word: &AtomicU64| f64::from_bits(word.load(Relaxed));
        diary.spans[..written.min(SPANS)]
            .iter()
            .map(|span| {
                let [job, lane, thread] = [&span.job, &span.lane, &span.thread].map(|word| word.load(Relaxed));
                (job, lane, thread, read(&span.from), read(&span.to))
            })
            .collect()
    }

    #[test]
    fn checks_that_follow_each_other_are_one_span() {
        let (diary, thread) = (Box::new(Diary::new()), thread(2, 3));
        for now in [10.0, 11.0, 12.5] {
            thread.seen(&diary, 7, now);
        }
        thread.end_span(&diary);
        assert_eq!(told(&diary), [(7, 2, 3, 10.0, 12.5)]);
    }

    #[test]
    fn a_gap_another_job_and_the_end_each_end_a_span() {
        let (diary, thread) = (Box::new(Diary::new()), thread(0, 1));
        for (job, now) in [(7, 10.0), (7, 11.0), (7, 20.0), (7, 21.0), (8, 21.5), (8, 22.5)] {
            thread.seen(&diary, job, now);
        }
        thread.end_span(&diary);
        thread.end_span(&diary);
        assert_eq!(told(&diary), [(7, 0, 1, 10.0, 11.0), (7, 0, 1, 20.0, 21.0), (8, 0, 1, 21.5, 22.5)]);
    }

    #[test]
    fn a_long_span_is_told_while_it_lasts() {
        let (diary, thread) = (Box::new(Diary::new()), thread(0, 1));
        for now in 0..=1200 {
            thread.seen(&diary, 7, f64::from(now));
        }
        assert_eq!(told(&diary), [(7, 0, 1, 0.0, 501.0), (7, 0, 1, 501.0, 1002.0)]);
    }

    #[test]
    fn a_single_check_is_no_span() {
        let (diary, thread) = (Box::new(Diary::new()), thread(0, 1));
        thread.seen(&diary, 7, 10.0);
        thread.seen(&diary, 8, 20.0);
        thread.end_span(&diary);
        assert_eq!(told(&diary), []);
    }

    #[test]
    fn a_thread_in_no_pool_does_not_ask_the_clock() {
        seen(1, || panic!("asked"));
    }
}
