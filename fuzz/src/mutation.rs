//! Inputs that a seed repeats: each follows from the corpus, the seed and its number alone.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// No input is longer, in bytes.
pub const LONGEST: usize = 64 * 1024;

/// Lengths and numbers at which parsers change their mind.
const NUMBERS: &[u64] = &[
    0,
    1,
    7,
    8,
    15,
    16,
    20,
    21,
    127,
    128,
    250,
    251,
    252,
    253,
    254,
    255,
    256,
    4095,
    4096,
    0x7fff,
    0x8000,
    0xffff,
    0x1_0000,
    0x7f_ffff,
    0xff_ffff,
    0x7fff_ffff,
    0xffff_ffff,
    u64::MAX,
];

/// Words that mean something to one of the parsers.
const WORDS: &[&str] = &[
    "\0",
    "\r\n",
    "\n",
    " ",
    ".",
    ":",
    "/",
    "%",
    "%00",
    "&",
    "=",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    "null",
    "true",
    "-1",
    "1e999",
    "\\ud800",
    "\u{feff}",
    "\u{202e}",
    "é",
    "unix",
    "unix:",
    "unix:/",
    "[::1]",
    "::",
    "::ffff:127.0.0.1",
    "127.0.0.1",
    "0",
    "65535",
    "65536",
    "localhost",
    "*.example.com",
    "example.com.",
    "xn--",
    "..",
    "../",
    "-",
    "_",
    "cdb-",
    "cdbrg-",
    "cdbro-",
    "agent-",
    "sgt1.",
    "\"v\":1",
    "\"v\":2",
    "-----BEGIN CERTIFICATE-----",
    "-----END CERTIFICATE-----",
    "-----BEGIN PRIVATE KEY-----",
    "\r\n--x",
    "--x--",
    "Content-Disposition: form-data; name=",
    "TC3-HMAC-SHA256",
    "UNSIGNED-PAYLOAD",
    "HmacSHA1",
    "Signature=",
    "Action",
    "Filters.0.Name",
    "5.5.5-",
    "mysql_native_password",
    "caching_sha2_password",
    "client_ed25519",
    "auth_socket",
];

/// Makes inputs of a corpus.
pub struct Mutations<'a> {
    corpus: &'a [Vec<u8>],
    seed: u64,
}

impl<'a> Mutations<'a> {
    /// Of these inputs.
    pub fn new(corpus: &'a [Vec<u8>], seed: u64) -> Self {
        Self { corpus, seed }
    }

    /// The input with this number. The first ones are the corpus as it is.
    pub fn input(&self, number: u64) -> Vec<u8> {
        let whole = usize::try_from(number).ok();
        if let Some(input) = whole.and_then(|index| self.corpus.get(index)) {
            return input.clone();
        }
        let mut rng = StdRng::seed_from_u64(self.seed.rotate_left(32) ^ number);
        let mut input = self.pick(&mut rng);
        for _ in 0..rng.random_range(1..=6) {
            self.change(&mut input, &mut rng);
        }
        input.truncate(LONGEST);
        input
    }

    fn pick(&self, rng: &mut StdRng) -> Vec<u8> {
        if self.corpus.is_empty() || rng.random_ratio(1, 16) {
            return bytes(rng);
        }
        self.corpus[rng.random_range(0..self.corpus.len())].clone()
    }

    fn change(&self, input: &mut Vec<u8>, rng: &mut StdRng) {
        let (from, to) = range(input, rng);
        match rng.random_range(0..10) {
            0 if from < input.len() => input[from] ^= 1 << rng.random_range(0..8),
            1 if from < input.len() => input[from] = rng.random(),
            2 => drop(input.drain(from..to)),
            3 => insert(input, from, &bytes(rng)),
            4 => insert(
                input,
                from,
                WORDS[rng.random_range(0..WORDS.len())].as_bytes(),
            ),
            5 => overwrite(input, from, &number(rng)),
            6 => input.truncate(to),
            7 => repeat(input, from, to, rng),
            8 => {
                let other = self.pick(rng);
                let (start, end) = range(&other, rng);
                insert(input, from, &other[start..end]);
            }
            _ => overwrite(
                input,
                from,
                WORDS[rng.random_range(0..WORDS.len())].as_bytes(),
            ),
        }
    }
}

fn range(of: &[u8], rng: &mut StdRng) -> (usize, usize) {
    let (one, other) = (
        rng.random_range(0..=of.len()),
        rng.random_range(0..=of.len()),
    );
    (one.min(other), one.max(other))
}

fn bytes(rng: &mut StdRng) -> Vec<u8> {
    (0..rng.random_range(0..40)).map(|_| rng.random()).collect()
}

/// One of [`NUMBERS`], in one to eight bytes of either order.
fn number(rng: &mut StdRng) -> Vec<u8> {
    let number = NUMBERS[rng.random_range(0..NUMBERS.len())];
    let width = rng.random_range(1..=8);
    if rng.random() {
        number.to_le_bytes()[..width].to_vec()
    } else {
        number.to_be_bytes()[8 - width..].to_vec()
    }
}

fn insert(input: &mut Vec<u8>, at: usize, more: &[u8]) {
    input.splice(at..at, more.iter().copied());
}

fn overwrite(input: &mut [u8], at: usize, with: &[u8]) {
    for (byte, new) in input[at..].iter_mut().zip(with) {
        *byte = *new;
    }
}

/// Deep nesting and long lists: a part, up to a few thousand times.
fn repeat(input: &mut Vec<u8>, from: usize, to: usize, rng: &mut StdRng) {
    let part = input[from..to.min(from + 64)].to_vec();
    let most = LONGEST / part.len().max(1);
    let times = 1 << rng.random_range(0..13);
    let more = part.repeat(most.min(times));
    insert(input, from, &more);
    input.truncate(LONGEST);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_follows_from_its_seed_and_number() {
        let corpus = [b"SELECT 1".to_vec(), Vec::new()];
        let inputs = |seed| {
            let mutations = Mutations::new(&corpus, seed);
            (0..2000)
                .map(|number| mutations.input(number))
                .collect::<Vec<_>>()
        };
        let first = inputs(1);
        assert_eq!(first[..2], corpus);
        assert_eq!(first, inputs(1));
        assert_ne!(first, inputs(2));
        assert!(first.iter().all(|input| input.len() <= LONGEST));
    }
}
