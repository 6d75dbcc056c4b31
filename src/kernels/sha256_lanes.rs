//! SHA-256 (FIPS 180-4) of four buffers at once, one in each lane of a vector: for [`hash.many`](super::hash_many).
//!
//! The rounds of one buffer depend on each other, so vectors cannot speed it up; those of four do not. A lane whose buffer
//! ends takes the next one.

use crate::{Job, KernelError};
use std::ops::Range;
use wide::u32x4;

/// Buffers at once.
pub(super) const COUNT: usize = 4;
/// Blocks between two looks at the job.
const BLOCKS: usize = 1024;

type Block = [u8; 64];
type State = [u32x4; 8];

/// The hash before any data.
const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

#[rustfmt::skip]
const ROUNDS: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// A buffer on its way through a lane.
struct Lane<'a> {
    /// Which buffer it is.
    number: usize,
    /// Its whole blocks.
    body: &'a [Block],
    /// What is left, padded, with the length: the last one or two blocks.
    tail: [Block; 2],
    blocks: usize,
    done: usize,
}

impl<'a> Lane<'a> {
    fn new(number: usize, data: &'a [u8]) -> Self {
        let (body, rest) = data.as_chunks();
        let mut tail = [[0; 64]; 2];
        let flat = tail.as_flattened_mut();
        flat[..rest.len()].copy_from_slice(rest);
        flat[rest.len()] = 0x80;
        let end = if rest.len() < 56 { 64 } else { 128 };
        flat[end - 8..end].copy_from_slice(&(data.len() as u64 * 8).to_be_bytes());
        Self { number, body, tail, blocks: body.len() + end / 64, done: 0 }
    }

    fn block(&self, ahead: usize) -> &Block {
        let index = self.done + ahead;
        self.body.get(index).unwrap_or_else(|| &self.tail[index - self.body.len()])
    }
}

/// Writes the hash of each place in `data`.
pub(super) fn hash(
    data: &[u8],
    places: &[Range<usize>],
    digests: &mut [[u8; 32]],
    job: &Job,
) -> Result<(), KernelError> {
    let mut waiting = places.iter().enumerate().map(|(number, place)| Lane::new(number, &data[place.clone()]));
    let mut lanes: [Option<Lane>; COUNT] = std::array::from_fn(|_| waiting.next());
    let mut state: State = START.map(u32x4::splat);
    while let Some(shortest) = lanes.iter().flatten().map(|lane| lane.blocks - lane.done).min() {
        job.check()?;
        let count = shortest.min(BLOCKS);
        for ahead in 0..count {
            // What a lane without a buffer does is not looked at.
            compress(&mut state, lanes.each_ref().map(|lane| lane.as_ref().map_or(&[0; 64], |lane| lane.block(ahead))));
        }
        for (index, slot) in lanes.iter_mut().enumerate() {
            let Some(lane) = slot else { continue };
            lane.done += count;
            if lane.done < lane.blocks {
                continue;
            }
            let mut words = state.map(u32x4::to_array);
            for (bytes, word) in digests[lane.number].as_chunks_mut().0.iter_mut().zip(&words) {
                *bytes = word[index].to_be_bytes();
            }
            words.iter_mut().zip(START).for_each(|(word, start)| word[index] = start);
            state = words.map(u32x4::new);
            job.advance(places[lane.number].len() as u64);
            *slot = waiting.next();
        }
    }
    Ok(())
}

#[inline(always)]
fn rotate<const BY: u32>(x: u32x4) -> u32x4 {
    (x >> BY) | (x << (32 - BY))
}

/// One block of each buffer.
fn compress(state: &mut State, blocks: [&Block; COUNT]) {
    let word = |index: usize| {
        u32x4::new(blocks.map(|block| {
            let place = index * 4;
            u32::from_be_bytes([block[place], block[place + 1], block[place + 2], block[place + 3]])
        }))
    };
    let mut words: [u32x4; 16] = std::array::from_fn(word);
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for (group, constants) in ROUNDS.as_chunks::<16>().0.iter().enumerate() {
        if group > 0 {
            for i in 0..16 {
                let (x, y) = (words[(i + 1) % 16], words[(i + 14) % 16]);
                let small = rotate::<7>(x) ^ rotate::<18>(x) ^ (x >> 3_u32);
                let large = rotate::<17>(y) ^ rotate::<19>(y) ^ (y >> 10_u32);
                words[i] = words[i] + small + words[(i + 9) % 16] + large;
            }
        }
        for (&word, &constant) in words.iter().zip(constants) {
            let choice = g ^ (e & (f ^ g));
            let sum = h + (rotate::<6>(e) ^ rotate::<11>(e) ^ rotate::<25>(e)) + choice + word + u32x4::splat(constant);
            let majority = (a & b) ^ (c & (a ^ b));
            let other = (rotate::<2>(a) ^ rotate::<13>(a) ^ rotate::<22>(a)) + majority;
            (h, g, f, e, d, c, b, a) = (g, f, e, d + sum, c, b, a, sum + other);
        }
    }
    for (value, more) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *value += more;
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    /// Against `sha2`, for buffers of these lengths one after the other.
    fn check(lengths: &[usize]) {
        let data: Vec<u8> =
            (0..lengths.iter().sum::<usize>() as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut at = 0;
        let place = |length: &usize| {
            at += length;
            at - length..at
        };
        let places: Vec<Range<usize>> = lengths.iter().map(place).collect();
        let mut digests = vec![[0; 32]; lengths.len()];
        let job = Job::detached();
        hash(&data, &places, &mut digests, &job).unwrap();
        for (place, digest) in places.iter().zip(&digests) {
            assert_eq!(digest[..], Sha256::digest(&data[place.clone()])[..], "{place:?}");
        }
        assert_eq!(job.progress().0, data.len() as u64);
    }

    #[test]
    fn any_lengths_and_any_number_of_buffers() {
        for count in 0..10 {
            check(&vec![100; count]);
        }
        check(&(0..300).collect::<Vec<_>>());
        check(&(0..300).rev().map(|i| i * 7).collect::<Vec<_>>());
        check(&[300_000, 0, 64, 55, 56, 63, 65, 119, 120, 128, 1, 200_000, 0, 0, 0, 0, 0, 9]);
    }

    #[test]
    fn a_cancelled_job_stops() {
        let job = Job::detached();
        job.control().request_cancel();
        assert_eq!(hash(&[0; 9], &[0..4, 4..9], &mut [[0; 32]; 2], &job), Err(KernelError::Cancelled));
    }
}
