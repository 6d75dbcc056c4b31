//! Prefix codes (D. A. Huffman, Proceedings of the IRE 40, 1952) and the bits that they are written in: for the lossless formats whose
//! codes go by the same rules, VP8L ([`webp`](super::webp), RFC 9649) and deflate ([`png`](super::png), RFC 1951).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A symbol's prefix code, its first bit lowest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Code {
    pub bits: u16,
    pub length: u8,
}

/// The codes of an alphabet.
pub struct Table<const N: usize> {
    pub codes: [Code; N],
    /// The only symbol that is used: it takes no bits.
    pub only: Option<usize>,
}

impl<const N: usize> Table<N> {
    /// Prefix codes of at most `limit` bits for symbols that are used so often.
    pub fn new(counts: &[u32; N], limit: u8) -> Self {
        let mut used = (0..N).filter(|&symbol| counts[symbol] > 0);
        if let (first, None) = (used.next(), used.next()) {
            return Self { codes: [Code::default(); N], only: Some(first.unwrap_or(0)) };
        }
        // When codes are too long, rare symbols count for more until they are not.
        let mut least = 1;
        loop {
            let lengths = lengths(&counts.map(|count| if count == 0 { 0 } else { count.max(least) }));
            if lengths.iter().all(|&length| length <= limit) {
                return Self { codes: canonical(&lengths), only: None };
            }
            least *= 2;
        }
    }
}

/// How the lengths of codes are written: as symbols of a code of their own, which is [`Lengths::code`].
pub struct Lengths {
    /// Symbols, each with its extra bits and how many they are.
    tokens: Vec<(usize, u64, u8)>,
    code: Table<19>,
}

impl Lengths {
    pub fn of(codes: &[Code]) -> Self {
        let tokens = tokens(codes);
        let mut counts = [0; 19];
        tokens.iter().for_each(|&(symbol, _, _)| counts[symbol] += 1);
        Self { tokens, code: Table::new(&counts, 7) }
    }

    /// The lengths of the lengths' own code, in the order that the format wants.
    pub fn put_code(&self, order: &[usize; 19], bits: &mut Bits) {
        bits.put(order.len() as u64 - 4, 4);
        for &symbol in order {
            let length = if self.code.only == Some(symbol) { 1 } else { self.code.codes[symbol].length };
            bits.put(u64::from(length), 3);
        }
    }

    /// The lengths themselves.
    pub fn put(&self, bits: &mut Bits) {
        for &(symbol, extra, length) in &self.tokens {
            bits.put_code(self.code.codes[symbol]);
            bits.put(extra, length);
        }
    }
}

/// Runs of zeros are the symbols 17 (3 to 10) and 18 (11 to 138).
fn tokens(codes: &[Code]) -> Vec<(usize, u64, u8)> {
    let mut tokens = Vec::with_capacity(codes.len());
    let mut at = 0;
    while at < codes.len() {
        let zeros = codes[at..].iter().take(138).take_while(|code| code.length == 0).count();
        match zeros {
            0 => tokens.push((usize::from(codes[at].length), 0, 0)),
            1..3 => tokens.extend([(0, 0, 0); 2].into_iter().take(zeros)),
            3..11 => tokens.push((17, zeros as u64 - 3, 3)),
            _ => tokens.push((18, zeros as u64 - 11, 7)),
        }
        at += zeros.max(1);
    }
    tokens
}

/// The depth of each symbol's leaf. Equals are taken in order, so that nothing is left to chance.
fn lengths<const N: usize>(counts: &[u32; N]) -> [u8; N] {
    let used = counts.iter().enumerate().filter(|&(_, &count)| count > 0);
    let mut nodes: BinaryHeap<_> = used.map(|(symbol, &count)| Reverse((u64::from(count), symbol))).collect();
    let mut inner: Vec<[usize; 2]> = Vec::with_capacity(N);
    while let (Some(Reverse((count, node))), Some(Reverse((more, other)))) = (nodes.pop(), nodes.pop()) {
        inner.push([node, other]);
        nodes.push(Reverse((count + more, N + inner.len() - 1)));
    }
    let mut lengths = [0; N];
    let mut depths = vec![0_u8; inner.len()];
    for (at, pair) in inner.iter().enumerate().rev() {
        for &node in pair {
            match node.checked_sub(N) {
                None => lengths[node] = depths[at] + 1,
                Some(below) => depths[below] = depths[at] + 1,
            }
        }
    }
    lengths
}

/// The codes that follow from their lengths: shorter ones first, then in the order of symbols.
fn canonical<const N: usize>(lengths: &[u8; N]) -> [Code; N] {
    let mut codes = [Code::default(); N];
    let mut next = 0_u32;
    for length in 1..=15_u8 {
        for symbol in (0..N).filter(|&symbol| lengths[symbol] == length) {
            codes[symbol] = Code { bits: (next as u16).reverse_bits() >> (16 - length), length };
            next += 1;
        }
        next *= 2;
    }
    codes
}

/// Bits in the making, the first one lowest in its byte.
#[derive(Default)]
pub struct Bits {
    pub bytes: Vec<u8>,
    /// Up to 7 bits that are no whole byte yet.
    pub pending: u64,
    pub filled: u32,
}

impl Bits {
    pub fn length(&self) -> u64 {
        self.bytes.len() as u64 * 8 + u64::from(self.filled)
    }

    /// Up to 56 bits; those of `value` above them are 0.
    pub fn put(&mut self, value: u64, length: u8) {
        self.pending |= value << self.filled;
        self.filled += u32::from(length);
        let whole = self.filled / 8;
        self.bytes.extend_from_slice(&self.pending.to_le_bytes()[..whole as usize]);
        self.pending >>= whole * 8;
        self.filled %= 8;
    }

    pub fn put_code(&mut self, code: Code) {
        self.put(u64::from(code.bits), code.length);
    }

    pub fn append(&mut self, other: &Self) {
        if self.filled == 0 {
            self.bytes.extend_from_slice(&other.bytes);
        } else {
            let (words, rest) = other.bytes.as_chunks();
            for &word in words {
                let shifted = self.pending | u64::from(u32::from_le_bytes(word)) << self.filled;
                self.bytes.extend_from_slice(&(shifted as u32).to_le_bytes());
                self.pending = shifted >> 32;
            }
            rest.iter().for_each(|&byte| self.put(u64::from(byte), 8));
        }
        self.put(other.pending, other.filled as u8);
    }

    /// All bytes, the last one filled up with zeros.
    pub fn finish(mut self) -> Vec<u8> {
        self.put(0, 7);
        self.bytes
    }
}

/// Bits written without a branch into room that is there.
pub struct RoomBits<'a> {
    pub room: &'a mut [u8],
    pub at: usize,
    pub pending: u64,
    pub filled: u32,
}

impl RoomBits<'_> {
    /// Up to 56 bits; those of `value` above them are 0.
    #[inline]
    pub fn put(&mut self, value: u64, length: u8) {
        self.pending |= value << self.filled;
        self.filled += u32::from(length);
        self.room[self.at..][..8].copy_from_slice(&self.pending.to_le_bytes());
        self.at += self.filled as usize / 8;
        self.pending >>= self.filled & !7;
        self.filled &= 7;
    }

    #[inline]
    pub fn put_two(&mut self, first: Code, second: Code) {
        self.put(u64::from(first.bits) | u64::from(second.bits) << first.length, first.length + second.length);
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;

    #[test]
    fn codes_fit_their_limit_and_are_whole() {
        // Fibonacci's numbers make the deepest tree there is.
        let mut counts = [0_u32; 40];
        (counts[0], counts[1]) = (1, 1);
        for i in 2..40 {
            counts[i] = counts[i - 1] + counts[i - 2];
        }
        let table = Table::new(&counts, 15);
        assert!(table.codes.iter().all(|code| (1..=15).contains(&code.length)));
        let whole: u32 = table.codes.iter().map(|code| 1 << (15 - code.length)).sum();
        assert_eq!(whole, 1 << 15);
    }
}
