//! Searches text or bytes for a regular expression, line by line as grep does.
//!
//! The expression is `regex-automata`'s, whose time is linear in the text whatever the pattern. The data is cut into blocks that end with
//! a line. Where no match can hold a line feed, a block is searched in one go, for literals by vectors; else line by line.

use super::in_order::in_order;
use super::in_turns::NoShard;
use super::radix::reserve;
use crate::shard::{self, Aim, Round, Rounds, Sharding};
use crate::{Array, Job, Kernel, KernelError, Shardable};
use memchr::{memchr, memchr_iter};
use regex_automata::meta::{BuildError, Cache, Regex};
use regex_automata::util::iter::Searcher;
use regex_automata::{Input, Match};
use regex_syntax::hir::{Hir, HirKind, Look};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::{ControlFlow, Range};

/// Searches for a regular expression.
pub struct Search;

/// Where to search, and what for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SearchParams {
    /// The text as UTF-8, or any bytes; at most 2³² − 1. Lines end with a line feed, or with the data.
    pub data: Array<u8>,
    /// A regular expression in the syntax of Rust's `regex`: no look-around and no back-references, so that every search takes time
    /// in proportion to the data. A match lies in one line, without its end; `^` and `$` are the line's.
    pub pattern: String,
    /// Takes the pattern as it is, not as an expression.
    #[serde(default)]
    pub literal: bool,
    /// Capital letters and small ones are the same.
    #[serde(default)]
    pub ignore_case: bool,
    /// Whether `\w`, `\d`, `\b`, `.`, classes and cases are Unicode's, which is so unless told; else they are of ASCII and of bytes.
    #[serde(default = "yes")]
    pub unicode: bool,
    /// Finds the lines without a match instead, each as a whole.
    #[serde(default)]
    pub invert: bool,
    /// Stops after so many, the first ones in the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_matches: Option<u32>,
    /// For data that lies in several places: where in the whole `data` begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begin: Option<Place>,
}

/// Where the first line of the data lies in the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Place {
    /// Bytes before it.
    pub byte: u32,
    /// Lines before it.
    pub line: u32,
}

/// The matches in the order of the data, four numbers of each. They do not overlap; an empty one does not follow on another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchOutput {
    /// The byte at which each begins.
    pub starts: Array<u32>,
    /// The byte after its last.
    pub ends: Array<u32>,
    /// The number of its line, from 1.
    pub lines: Array<u32>,
    /// The byte at which its line begins.
    pub line_starts: Array<u32>,
}

fn yes() -> bool {
    true
}

/// Bytes of a block, to the end of a line: what a thread searches between two looks at the job, some 0.1 ms.
const BLOCK: usize = 64 << 10;
/// Bytes that are searched before what was found in them is streamed. Whole blocks.
const WAVE: usize = 8 << 20;
/// Matches between two looks at the job.
const MATCHES: usize = 4096;
/// The most memory that an expression may take.
const SIZE_LIMIT: usize = 8 << 20;

impl Kernel for Search {
    const NAME: &'static str = "search";
    const ABOUT: &'static str = "Finds a regular expression in text or bytes, with line numbers.";
    type Params = SearchParams;
    type Output = SearchOutput;
    type Part = SearchOutput;

    fn validate(p: &SearchParams) -> Result<(), KernelError> {
        let most = u64::from(u32::MAX);
        let begin = p.begin.map_or(0, |begin| u64::from(begin.byte));
        if begin + p.data.len() as u64 > most {
            let message =
                format!("must end at most {most} bytes after the begin of the whole, got {} at {begin}", p.data.len());
            return Err(KernelError::bad_params("data", message));
        }
        if p.literal && p.pattern.contains('\n') {
            return Err(KernelError::bad_params("pattern", "holds a line feed, but lines are searched one by one"));
        }
        expression(p).map(drop)
    }

    fn run(p: SearchParams, job: &Job<SearchOutput>) -> Result<SearchOutput, KernelError> {
        job.set_total(p.data.len() as u64);
        job.check()?;
        let searched = Searched::of(&p)?;
        let cuts = p.cuts();
        let mut hits = Hits::of(&p);
        let first = hits.block;
        let search = |cache: &mut Cache, number: usize| {
            let block = cuts.block((first + number) * BLOCK);
            job.check()?;
            let found = searched.block(cache, &p.data[block.clone()], job)?;
            job.advance(block.len() as u64);
            Ok((block.start, found))
        };
        in_order(
            cuts.waves().len() * (WAVE / BLOCK),
            || searched.regex.create_cache(),
            search,
            |(start, found)| {
                hits.put(start, found, job)?;
                Ok(if hits.left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            },
        )?;
        // Where it stopped early, the rest is as good as done.
        let (done, total) = job.progress();
        job.advance(total.saturating_sub(done));
        Ok(SearchOutput::of(joined(hits.waves, job)?))
    }

    fn sharding() -> Option<Sharding> {
        Some(Sharding::with_turns::<Self>())
    }
}

/// What has been found so far.
struct Hits {
    /// Where in the whole the data begins.
    begin: usize,
    /// Lines of the whole that end before the next wave.
    line: u32,
    /// Matches that may still be added.
    left: usize,
    /// The columns of each wave.
    waves: Vec<[Vec<u32>; 4]>,
    /// The block that is next, as counted in the whole.
    block: usize,
    /// What the blocks of its wave before it hold, each with its begin in the data.
    wave: Vec<(usize, Found)>,
}

impl Hits {
    fn of(p: &SearchParams) -> Self {
        Self {
            begin: p.cuts().begin,
            line: p.begin.map_or(0, |begin| begin.line),
            left: p.max_matches.map_or(usize::MAX, |most| most as usize),
            waves: Vec::new(),
            block: p.cuts().waves().start * (WAVE / BLOCK),
            wave: Vec::new(),
        }
    }

    /// Takes what the next block holds. Its wave is added when it is whole.
    fn put(&mut self, start: usize, found: Found, job: &Job<SearchOutput>) -> Result<(), KernelError> {
        self.wave.push((start, found));
        self.block += 1;
        if self.block.is_multiple_of(WAVE / BLOCK) {
            let blocks = std::mem::take(&mut self.wave);
            self.end_wave(self.block / (WAVE / BLOCK) - 1, &blocks, job)?;
        }
        Ok(())
    }

    /// Adds what the blocks of a wave hold.
    fn end_wave(&mut self, wave: usize, blocks: &[(usize, Found)], job: &Job<SearchOutput>) -> Result<(), KernelError> {
        let count = blocks.iter().map(|(_, found)| found.matches.len()).sum::<usize>().min(self.left);
        let mut part = [(); 4].map(|()| Vec::new());
        for column in &mut part {
            *column = reserve(count)?;
        }
        for (start, found) in blocks {
            job.check()?;
            let base = (self.begin + start) as u32;
            for Hit { start, end, line: number, line_start } in found.matches.iter().take(count - part[0].len()) {
                let numbers = [base + start, base + end, self.line + number + 1, base + line_start];
                part.iter_mut().zip(numbers).for_each(|(column, number)| column.push(number));
            }
            self.line += found.lines;
        }
        self.left -= count;
        if count > 0 {
            job.emit(wave as u32, || SearchOutput::of(part.clone()));
            self.waves.push(part);
        }
        Ok(())
    }
}

/// A search in one instance, a block at a time.
pub struct SearchTurns {
    p: SearchParams,
    searched: Searched,
    cache: Cache,
    hits: Hits,
}

impl SearchTurns {
    fn turn(&mut self, job: &Job<SearchOutput>) -> Result<(), KernelError> {
        loop {
            let block = self.p.cuts().block(self.hits.block * BLOCK);
            let found = self.searched.block(&mut self.cache, &self.p.data[block.clone()], job)?;
            self.hits.put(block.start, found, job)?;
            // Behind the end of the data, and of a line longer than a block, blocks are empty.
            if self.hits.wave.is_empty() || !block.is_empty() {
                return Ok(());
            }
        }
    }

    fn round(self, job: &Job<SearchOutput>) -> Result<Round<Search>, KernelError> {
        let total = self.p.data.len() as u64;
        if self.hits.left == 0 || self.hits.block == self.p.cuts().waves().end * (WAVE / BLOCK) {
            return Ok(Round::Done { output: SearchOutput::of(joined(self.hits.waves, job)?), total });
        }
        let done = self.p.cuts().block(self.hits.block * BLOCK).start as u64;
        Ok(Round::Next { shards: Vec::new(), state: self, progress: (done, total) })
    }
}

impl Rounds for Search {
    type Shard = NoShard;
    type Given = ();
    type State = SearchTurns;

    fn begin(p: SearchParams, _: Aim) -> Result<Round<Self>, KernelError> {
        if p.data.len() <= BLOCK {
            return Ok(Round::Whole(p));
        }
        let searched = Searched::of(&p)?;
        let (cache, hits) = (searched.regex.create_cache(), Hits::of(&p));
        SearchTurns { p, searched, cache, hits }.round(&Job::detached())
    }

    fn run_shard(shard: NoShard, _: &Job<SearchOutput>) -> Result<(), KernelError> {
        match shard {}
    }

    fn go_on(mut state: SearchTurns, _: Vec<()>, job: &Job<SearchOutput>) -> Result<Round<Self>, KernelError> {
        state.turn(job)?;
        state.round(job)
    }
}

/// The columns of all waves, each given back as soon as it is copied.
fn joined(mut waves: Vec<[Vec<u32>; 4]>, job: &Job<SearchOutput>) -> Result<[Vec<u32>; 4], KernelError> {
    if waves.len() <= 1 {
        return Ok(waves.pop().unwrap_or_default());
    }
    let mut columns = [(); 4].map(|()| Vec::new());
    for (number, column) in columns.iter_mut().enumerate() {
        *column = reserve(waves.iter().map(|wave| wave[number].len()).sum())?;
        for wave in &mut waves {
            for slice in std::mem::take(&mut wave[number]).chunks(1 << 16) {
                job.check()?;
                column.extend_from_slice(slice);
            }
        }
    }
    Ok(columns)
}

impl SearchOutput {
    fn of([starts, ends, lines, line_starts]: [Vec<u32>; 4]) -> Self {
        Self { starts: starts.into(), ends: ends.into(), lines: lines.into(), line_starts: line_starts.into() }
    }
}

/// Runs of whole lines, as long as a wave, so that parts are the same.
impl Shardable for Search {
    type Plan = ();

    fn split(mut p: SearchParams, pieces: usize) -> Result<(Vec<SearchParams>, ()), KernelError> {
        let cuts = p.cuts();
        let waves = cuts.begin / WAVE..(cuts.begin + p.data.len()).div_ceil(WAVE);
        let each = waves.len().div_ceil(pieces).max(1);
        // Which matches are the first ones is known only when those before are.
        if waves.len() <= each || p.max_matches.is_some() {
            return Ok((vec![p], ()));
        }
        let mut line = p.begin.map_or(0, |begin| begin.line);
        let mut places = Vec::new();
        for first in waves.step_by(each) {
            let place = cuts.at(first * WAVE)..cuts.at((first + each).saturating_mul(WAVE));
            let data = &p.data[place.clone()];
            if data.is_empty() {
                continue;
            }
            let begin = Place { byte: (cuts.begin + place.start) as u32, line };
            line += memchr_iter(b'\n', data).count() as u32;
            places.push((place, begin));
        }
        let shards = places.into_iter().map(|(place, begin)| SearchParams {
            data: p.data.part(place),
            pattern: p.pattern.clone(),
            begin: Some(begin),
            ..p.options()
        });
        Ok((shards.collect(), ()))
    }

    fn merge((): (), outputs: Vec<SearchOutput>) -> Result<SearchOutput, KernelError> {
        if outputs.len() == 1 {
            return shard::only(outputs);
        }
        let column = |of: fn(&SearchOutput) -> &Array<u32>| {
            let len = outputs.iter().map(|output| of(output).len()).sum();
            shard::concat(outputs.iter().map(|output| of(output).clone()), len)
        };
        let columns = [
            column(|output| &output.starts)?,
            column(|output| &output.ends)?,
            column(|output| &output.lines)?,
            column(|output| &output.line_starts)?,
        ];
        if columns.iter().any(|column| column.len() != columns[0].len()) {
            return Err(shard::strange_outputs());
        }
        Ok(SearchOutput::of(columns))
    }
}

impl SearchParams {
    fn cuts(&self) -> Cuts<'_> {
        Cuts { data: &self.data, begin: self.begin.map_or(0, |begin| begin.byte as usize) }
    }

    /// The same without data and pattern.
    fn options(&self) -> Self {
        Self { data: Array::default(), pattern: String::new(), ..*self }
    }
}

/// Where the data is cut: each place is that of the first line that begins there or later. Places are of the whole, so that a shard is
/// cut as the whole is.
struct Cuts<'a> {
    data: &'a [u8],
    /// Where in the whole the data begins; a line begins there.
    begin: usize,
}

impl Cuts<'_> {
    /// The cut at a place of the whole, as a place in the data.
    fn at(&self, place: usize) -> usize {
        let Some(place) = place.checked_sub(self.begin).filter(|&place| place > 0) else { return 0 };
        match self.data.get(place - 1..) {
            Some(rest) => memchr(b'\n', rest).map_or(self.data.len(), |end| place + end),
            None => self.data.len(),
        }
    }

    /// The waves of which the data has something, and perhaps one that begins at its end.
    fn waves(&self) -> Range<usize> {
        self.begin / WAVE..(self.begin + self.data.len()) / WAVE + 1
    }

    /// The block at a place of the whole.
    fn block(&self, place: usize) -> Range<usize> {
        // Of 32 bits, the end of the last block can be one too many.
        self.at(place)..self.at(place.saturating_add(BLOCK))
    }
}

/// What is searched for.
struct Searched {
    regex: Regex,
    /// Whether a block must be searched line by line.
    by_line: bool,
    invert: bool,
}

/// What a block holds. Bytes and lines are counted from its begin.
struct Found {
    matches: Vec<Hit>,
    lines: u32,
}

/// A match.
#[derive(Clone, Copy)]
struct Hit {
    start: u32,
    end: u32,
    line: u32,
    line_start: u32,
}

/// The pattern, parsed.
fn expression(p: &SearchParams) -> Result<Hir, KernelError> {
    let pattern = if p.literal { regex_syntax::escape(&p.pattern) } else { p.pattern.clone() };
    let mut parser = regex_syntax::ParserBuilder::new();
    parser.multi_line(true).utf8(false).unicode(p.unicode).case_insensitive(p.ignore_case);
    parser.build().parse(&pattern).map_err(|error| {
        // In several lines it shows the place; the last says what is wrong there.
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        let place = match &error {
            regex_syntax::Error::Parse(error) => Some(error.span().start.offset),
            regex_syntax::Error::Translate(error) => Some(error.span().start.offset),
            _ => None,
        };
        let place = place.map_or(String::new(), |place| format!(" at byte {place} of it"));
        KernelError::bad_params("pattern", format!("is no regular expression: {reason}{place}"))
    })
}

impl Searched {
    fn of(p: &SearchParams) -> Result<Self, KernelError> {
        let hir = expression(p)?;
        let config =
            Regex::config().utf8_empty(false).nfa_size_limit(Some(SIZE_LIMIT)).onepass_size_limit(Some(SIZE_LIMIT / 8));
        let regex = Regex::builder().configure(config).build_from_hir(&hir).map_err(|error: BuildError| {
            let reason = match error.size_limit() {
                Some(limit) => format!("takes more than {limit} bytes when it is compiled"),
                None => error.to_string(),
            };
            KernelError::bad_params("pattern", reason)
        })?;
        Ok(Self { regex, by_line: crosses_lines(&hir), invert: p.invert })
    }

    fn block(&self, cache: &mut Cache, data: &[u8], job: &Job<SearchOutput>) -> Result<Found, KernelError> {
        let mut lines = Lines { data, start: 0, number: 0, counted: 0 };
        let mut matches = Vec::new();
        if self.invert {
            // The block's lines, and among them those with a match.
            let mut next = if self.by_line { None } else { self.next_line(cache, data, 0) };
            while let Some(line) = lines.next() {
                if matches.len() % MATCHES == 0 {
                    job.check()?;
                }
                let found = if self.by_line {
                    self.find(cache, &Input::new(&data[line.clone()])).is_some()
                } else {
                    let found = next.is_some_and(|start| start <= line.end);
                    if found {
                        next = self.next_line(cache, data, line.end + 1);
                    }
                    found
                };
                if !found {
                    matches.push(lines.hit(line));
                }
            }
        } else if self.by_line {
            while let Some(line) = lines.next() {
                let mut searcher = Searcher::new(Input::new(&data[line.clone()]));
                while let Some(found) = searcher.advance(|input| Ok(self.find(cache, input))) {
                    matches.push(lines.hit(line.start + found.start()..line.start + found.end()));
                    if matches.len() % MATCHES == 0 {
                        job.check()?;
                    }
                }
            }
        } else {
            let mut searcher = Searcher::new(Input::new(data));
            while let Some(found) = searcher.advance(|input| Ok(self.find(cache, input))) {
                // After the last line's end there is no line.
                if found.start() == data.len() && data.last().is_none_or(|&byte| byte == b'\n') {
                    break;
                }
                lines.go_to(found.start());
                matches.push(lines.hit(found.range()));
                if matches.len() % MATCHES == 0 {
                    job.check()?;
                }
            }
        }
        Ok(Found { matches, lines: lines.count() })
    }

    fn find(&self, cache: &mut Cache, input: &Input<'_>) -> Option<Match> {
        self.regex.search_with(cache, input)
    }

    /// Where the first match at or after a line's begin starts.
    fn next_line(&self, cache: &mut Cache, data: &[u8], from: usize) -> Option<usize> {
        (from < data.len()).then(|| self.find(cache, &Input::new(data).range(from..)).map(|found| found.start()))?
    }
}

/// Whether a match can hold a line feed, or begins or ends with the text: then a search of several lines at once finds other
/// matches than one of each.
fn crosses_lines(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty => false,
        HirKind::Literal(literal) => literal.0.contains(&b'\n'),
        HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => {
            class.ranges().iter().any(|range| range.start() <= '\n' && '\n' <= range.end())
        }
        HirKind::Class(regex_syntax::hir::Class::Bytes(class)) => {
            class.ranges().iter().any(|range| range.start() <= b'\n' && b'\n' <= range.end())
        }
        HirKind::Look(look) => matches!(look, Look::Start | Look::End),
        HirKind::Repetition(repetition) => crosses_lines(&repetition.sub),
        HirKind::Capture(capture) => crosses_lines(&capture.sub),
        HirKind::Concat(all) | HirKind::Alternation(all) => all.iter().any(crosses_lines),
    }
}

/// Goes through the lines of a block.
struct Lines<'a> {
    data: &'a [u8],
    /// The begin of the line that is looked at.
    start: usize,
    /// Its number.
    number: u32,
    /// How far line feeds have been counted; where the next line begins when all lines are gone through.
    counted: usize,
}

impl Lines<'_> {
    /// The next line, without its end.
    fn next(&mut self) -> Option<Range<usize>> {
        if self.counted == self.data.len() {
            return None;
        }
        self.number += u32::from(self.counted > 0);
        self.start = self.counted;
        let end = memchr(b'\n', &self.data[self.start..]).map(|end| self.start + end);
        self.counted = end.map_or(self.data.len(), |end| end + 1);
        Some(self.start..end.unwrap_or(self.data.len()))
    }

    /// Looks at the line that `place` is in, which is this one or a later one.
    fn go_to(&mut self, place: usize) {
        for end in memchr_iter(b'\n', &self.data[self.counted..place]) {
            self.number += 1;
            self.start = self.counted + end + 1;
        }
        self.counted = place;
    }

    /// A match in the line that is looked at.
    fn hit(&self, place: Range<usize>) -> Hit {
        Hit { start: place.start as u32, end: place.end as u32, line: self.number, line_start: self.start as u32 }
    }

    /// The line feeds in the block.
    fn count(self) -> u32 {
        memchr_iter(b'\n', self.data).count() as u32
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::run;
    use crate::shard::testing::{check_pieces, check_shards};
    use proptest::prelude::*;
    use std::sync::{Arc, Mutex};

    fn params(data: &[u8], pattern: &str) -> SearchParams {
        SearchParams {
            data: data.to_vec().into(),
            pattern: pattern.into(),
            literal: false,
            ignore_case: false,
            unicode: true,
            invert: false,
            max_matches: None,
            begin: None,
        }
    }

    type Row = (u32, u32, u32, u32);

    fn rows(output: &SearchOutput) -> Vec<Row> {
        let SearchOutput { starts, ends, lines, line_starts } = output;
        assert!([ends.len(), lines.len(), line_starts.len()] == [starts.len(); 3]);
        (0..starts.len()).map(|i| (starts[i], ends[i], lines[i], line_starts[i])).collect()
    }

    fn search(p: &SearchParams) -> Vec<Row> {
        rows(&run::<Search>(p.clone(), &Job::detached()).unwrap())
    }

    /// Line by line with the `regex` crate.
    fn naive(p: &SearchParams) -> Vec<Row> {
        let pattern = if p.literal { regex::escape(&p.pattern) } else { p.pattern.clone() };
        let regex = regex::bytes::RegexBuilder::new(&pattern)
            .unicode(p.unicode)
            .case_insensitive(p.ignore_case)
            .multi_line(true)
            .build()
            .unwrap();
        let (mut found, mut at, mut number) = (vec![], 0, 0);
        for line in p.data.split_inclusive(|&byte| byte == b'\n') {
            number += 1;
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            let mut hits: Vec<_> = regex.find_iter(text).map(|found| found.range()).collect();
            if p.invert {
                hits = if hits.is_empty() { std::iter::once(0..text.len()).collect() } else { vec![] };
            }
            found.extend(
                hits.into_iter().map(|hit| ((at + hit.start) as u32, (at + hit.end) as u32, number, at as u32)),
            );
            at += line.len();
        }
        found.truncate(p.max_matches.map_or(usize::MAX, |most| most as usize));
        found
    }

    fn check(p: &SearchParams) -> usize {
        let (found, expected) = (search(p), naive(p));
        assert_eq!(found.len(), expected.len(), "{:?}", (&p.pattern, p.invert));
        assert!(found == expected, "{:?}", (&p.pattern, p.invert));
        found.len()
    }

    /// A log in two alphabets, with empty lines and bytes that are no text.
    fn log(lines: usize) -> Vec<u8> {
        let words: [&[u8]; 9] = [
            b"error: ",
            "Größe ".as_bytes(),
            b"warp 42 ",
            b"",
            b"Weft;",
            "Ἀθήνα ".as_bytes(),
            b"\xFF\xFE ",
            b"shuttle\r",
            b"x=17 ",
        ];
        let mut state = 1_u32;
        let mut data = Vec::new();
        for _ in 0..lines {
            for _ in 0..5 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                data.extend_from_slice(words[(state >> 24) as usize % words.len()]);
                if state >> 28 == 3 {
                    break;
                }
            }
            data.push(b'\n');
        }
        data
    }

    const PATTERNS: [&str; 24] = [
        "error",
        "[a-z]+",
        r"\d+",
        r"\bw\w*",
        "^",
        "$",
        "^$",
        "",
        "a*",
        "x?",
        r"\s+",
        "[^a]+",
        "größe",
        r"\p{Greek}+",
        r"\A.",
        r".\z",
        "(?s).+",
        "error|Weft|17",
        "^error.*;$",
        r"\r$",
        r"(?-u)\xFF",
        r"\n",
        r"e\nx|t",
        "(foo)?(bar)?t",
    ];

    #[test]
    fn lines_and_offsets_are_those_of_a_search_line_by_line() {
        let whole = log(6000);
        for data in [&whole[..], &whole[..whole.len() - 1], b"", b"\n", b"\n\n", b"a", b"a\n", b"\na"] {
            for pattern in PATTERNS {
                for (ignore_case, invert) in [(false, false), (true, false), (false, true)] {
                    check(&SearchParams { ignore_case, invert, ..params(data, pattern) });
                }
            }
        }
        assert!(check(&params(&whole, "error")) > 1000);
        assert!(check(&params(&whole, r"\p{Greek}+")) > 1000);
    }

    #[test]
    fn without_unicode_classes_are_of_ascii() {
        let data = log(2000);
        for pattern in [r"\w+", r"[^\w]", r".+", r"(?i)GR.*", r"\xC3"] {
            check(&SearchParams { unicode: false, ..params(&data, pattern) });
        }
        assert_ne!(search(&params(&data, r"\w+")), search(&SearchParams { unicode: false, ..params(&data, r"\w+") }));
    }

    #[test]
    fn literals_are_taken_as_they_are() {
        let data = b"a.b a+b axb\n[a-z]\n A.B".repeat(9000);
        for pattern in [".", "a.b", "[a-z]", "", "\\", "x"] {
            for ignore_case in [false, true] {
                check(&SearchParams { literal: true, ignore_case, ..params(&data, pattern) });
            }
        }
        assert_eq!(check(&SearchParams { literal: true, ..params(&data, "a.b") }), 9000);
    }

    #[test]
    fn a_line_may_be_longer_than_blocks_and_waves() {
        let mut data = b"one\n".repeat(1000);
        data.extend(vec![b'-'; BLOCK * 3]);
        data.extend(b" needle \nneedle");
        data.extend(vec![b'.'; WAVE + 5]);
        data.extend(b"needle\nand a needle");
        for (pattern, invert, count) in [("needle", false, 4), ("needle", true, 1000), ("^one$", false, 1000)] {
            assert_eq!(check(&SearchParams { invert, ..params(&data, pattern) }), count);
        }
    }

    #[test]
    fn it_stops_after_as_many_matches_as_were_asked_for() {
        let data = log(200_000);
        for most in [0, 1, 2, 777, 100_000, u32::MAX] {
            for invert in [false, true] {
                let p = SearchParams { max_matches: Some(most), invert, ..params(&data, "error") };
                check(&p);
                let job = Job::detached();
                run::<Search>(p, &job).unwrap();
                assert_eq!(job.progress(), (data.len() as u64, data.len() as u64));
            }
        }
    }

    #[test]
    fn parts_are_the_output_in_pieces() {
        let data = log(900_000);
        assert!(data.len() > 2 * WAVE);
        let parts = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&parts);
        let job = Job::with_parts(move |number, part: SearchOutput| sink.lock().unwrap().push((number, rows(&part))));
        let output = run::<Search>(params(&data, "error"), &job).unwrap();
        let parts = parts.lock().unwrap();
        assert!(parts.len() > 2 && parts.is_sorted_by_key(|(number, _)| *number));
        assert!(parts.iter().flat_map(|(_, rows)| rows.clone()).eq(rows(&output)));
    }

    #[test]
    fn shards_make_the_whole() {
        let mut data = log(1_200_000);
        let waves = data.len().div_ceil(WAVE);
        // Few matches: parts are compared as text.
        (0..40).for_each(|i| data[i * 500_000..][..8].copy_from_slice(b" needle\n"));
        for (pattern, invert) in [("needle", false), (r"\Aneedle| needle$", false), (r"[^\n]|^$", true)] {
            let p = SearchParams { invert, ..params(&data, pattern) };
            for (pieces, shards) in [(0, 1), (2, 2), (3, 3), (64, waves)] {
                assert_eq!(check_pieces::<Search>(&p, pieces), shards.min(waves), "{pattern} in {pieces} pieces");
            }
        }
        assert_eq!(check_shards::<Search>(&SearchParams { max_matches: Some(9), ..params(&data, "r") }), 1);
        assert_eq!(check_shards::<Search>(&params(&log(100), "r")), 1);
        // Lines that end far behind where waves would.
        let mut data = vec![b'-'; WAVE * 2 + 100];
        data.extend(b"\nshort\n");
        data.extend(vec![b'e'; WAVE]);
        check_pieces::<Search>(&params(&data, "e+"), 3);
        // A shard divides again.
        let begin = Some(Place { byte: 12_345_678, line: 99 });
        assert!(check_pieces::<Search>(&SearchParams { begin, ..params(&vec![b'\n'; WAVE + WAVE / 2], "x") }, 9) > 1);
    }

    #[test]
    fn the_result_is_the_same_on_any_number_of_threads() {
        let p = params(&log(300_000), r"\w+ \d+");
        let found = [1, 2, 3, 8].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| search(&p))
        });
        assert!(!found[0].is_empty() && found.iter().all(|rows| *rows == found[0]));
    }

    #[test]
    fn unusable_params_are_named() {
        let refused = |p: SearchParams| run::<Search>(p, &Job::detached()).unwrap_err().to_string();
        assert_eq!(refused(params(b"", "(a")), "pattern: is no regular expression: unclosed group at byte 0 of it");
        assert_eq!(
            refused(params(b"", r"a\p{Nothing}")),
            "pattern: is no regular expression: Unicode property not found at byte 1 of it"
        );
        assert!(refused(params(b"", r"(?=a)")).contains("look-around"));
        assert!(refused(params(b"", r"\w{1000}{1000}")).starts_with("pattern: takes more than 8388608 bytes"));
        assert!(
            refused(SearchParams { literal: true, ..params(b"", "a\nb") }).starts_with("pattern: holds a line feed")
        );
        let begin = Some(Place { byte: u32::MAX, line: 0 });
        assert!(refused(SearchParams { begin, ..params(b"a", "a") }).starts_with("data: must end at most"));
    }

    #[test]
    fn outputs_of_another_job_are_refused() {
        let odd = SearchOutput { starts: vec![1].into(), ..SearchOutput::default() };
        assert!(matches!(Search::merge((), vec![odd.clone(), odd]), Err(KernelError::Failed { .. })));
    }

    #[test]
    fn a_cancelled_job_finds_nothing() {
        let job = Job::detached();
        job.control().request_cancel();
        assert_eq!(run::<Search>(params(b"abc", "b"), &job), Err(KernelError::Cancelled));
        assert_eq!(job.progress().0, 0);
    }

    proptest! {
        #[test]
        fn any_bytes(data in prop::collection::vec(prop::sample::select(b"ab \n\r\xC3\xA9".to_vec()), 0..300), pattern in 0..PATTERNS.len(), invert in any::<bool>()) {
            check(&SearchParams { invert, ..params(&data, PATTERNS[pattern]) });
        }
    }
}
