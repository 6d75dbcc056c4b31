//! Outputs that the caller's thread copies where they lie: kept from when a lane has answered until that is done.
//!
//! Nothing tells of the copy but the job's turn: the caller's thread frees the block when it has read all. What is free is dropped when
//! room is wanted, so that of small outputs up to [`ROOM`] bytes stay for a while.

use crate::control::{ControlBlock, ENDED, RUNNING};
use crate::sync::Ordering::SeqCst;

/// Bytes of outputs that are kept at once.
pub(crate) const ROOM: usize = if cfg!(loom) { MOST } else { 4 << 20 };

/// Bytes of an output above which the coordinator copies it: the caller's thread has other things to do.
pub(crate) const MOST: usize = 128 << 10;

/// An output counts as at least so many bytes: it has more to it than its arrays.
const LEAST: usize = 1 << 10;

/// Kept outputs of the jobs in a table of control blocks.
pub(crate) struct Kept<T> {
    outputs: Vec<Output<T>>,
    bytes: usize,
}

struct Output<T> {
    slot: usize,
    id: u32,
    bytes: usize,
    /// Held, and not looked at again.
    _value: T,
}

impl<T> Kept<T> {
    pub(crate) const fn new() -> Self {
        Self { outputs: Vec::new(), bytes: 0 }
    }

    /// Keeps the output of the job in `slot`, whose turn is the lane's.
    ///
    /// # Errors
    /// Gives it back when it is too large, or there is no room for it now.
    pub(crate) fn keep(&mut self, table: &[ControlBlock], slot: usize, bytes: usize, value: T) -> Result<(), T> {
        if bytes > MOST {
            return Err(value);
        }
        let bytes = bytes.max(LEAST);
        if self.bytes + bytes > ROOM {
            // From RUNNING to ENDED the block is this job's: after that its caller has freed it, and perhaps given it to another.
            self.outputs.retain(|output| {
                let block = &table[output.slot];
                block.id() == output.id && matches!(block.turn().0.load(SeqCst), RUNNING | ENDED)
            });
            self.bytes = self.outputs.iter().map(|output| output.bytes).sum();
        }
        if self.bytes + bytes > ROOM {
            return Err(value);
        }
        self.outputs.push(Output { slot, id: table[slot].id(), bytes, _value: value });
        self.bytes += bytes;
        Ok(())
    }
}

#[cfg(all(test, not(loom), not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::control::FREE;
    use crate::sync::Ordering::Relaxed;
    use std::sync::Arc;

    fn running(table: &[ControlBlock], slot: usize, id: u32) {
        table[slot].id.store(id, Relaxed);
        table[slot].turn().publish();
        assert!(table[slot].turn().claim());
    }

    #[test]
    fn what_its_caller_has_not_read_is_kept_and_the_rest_makes_room() {
        const FIT: usize = ROOM / MOST;
        const JOBS: usize = FIT + 3;
        let table = [const { ControlBlock::new() }; JOBS];
        let outputs = [(); JOBS].map(Arc::new);
        let alive = |slot: usize| Arc::strong_count(&outputs[slot]) == 2;
        let mut kept = Kept::new();
        for (slot, output) in outputs.iter().enumerate() {
            running(&table, slot, slot as u32);
            let taken = kept.keep(&table, slot, MOST, output.clone());
            assert_eq!(taken.is_ok(), slot < FIT, "{slot}");
            table[slot].turn().end();
        }
        // Read by its caller; read, and its slot given to the next; not read.
        table[0].turn().0.store(FREE, SeqCst);
        running(&table, 1, 1001);
        running(&table, FIT, 1002);
        assert!(kept.keep(&table, FIT, MOST, outputs[FIT].clone()).is_ok());
        assert!(kept.keep(&table, 1, MOST, outputs[1].clone()).is_ok());
        assert!(!alive(0) && alive(1) && alive(FIT) && (2..FIT).all(alive));
        let surplus = outputs[FIT + 1].clone();
        assert!(kept.keep(&table, FIT + 1, LEAST, surplus).is_err(), "all of it is taken by those that are not read");
    }

    #[test]
    fn what_is_large_is_given_back() {
        let table = [const { ControlBlock::new() }; 1];
        assert_eq!(Kept::new().keep(&table, 0, MOST + 1, 'v'), Err('v'));
    }

    #[test]
    fn many_small_ones_have_a_bound_too() {
        let table = [const { ControlBlock::new() }; 1];
        running(&table, 0, 1);
        let mut kept = Kept::new();
        assert_eq!((0..5_000).filter(|_| kept.keep(&table, 0, 0, ()).is_ok()).count(), ROOM / LEAST);
    }
}
