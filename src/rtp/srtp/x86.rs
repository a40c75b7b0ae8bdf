//! The two inner loops of SRTP on the instructions of x86-64 processors (AES, SHA), in safe code: what they need of the
//! processor is in each function's `target_feature`, and [`super::primitives`] proves it before it calls.
//!
//! A voice packet is four blocks of SHA-1 and ten of AES. Called through a library, copies, padding and state that goes
//! through memory cost about as much as the ciphering; here a whole HMAC is one call that stays in registers, and the
//! key stream of one packet is far enough ahead in program order to be computed beside the hash.

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_add_epi64, _mm_aesenc_si128, _mm_aesenclast_si128, _mm_extract_epi32, _mm_set_epi8,
    _mm_set_epi32, _mm_set_epi64x, _mm_sha1msg1_epu32, _mm_sha1msg2_epu32, _mm_sha1nexte_epu32, _mm_sha1rnds4_epu32,
    _mm_shuffle_epi8, _mm_shuffle_epi32, _mm_xor_si128,
};

use super::primitives::{BLOCK, DIGEST, SHA1_BLOCK, load, load_words, store};

/// Key stream blocks computed side by side, as many as hide the latency of one: two of these are a voice packet.
const ABREAST: usize = 5;

/// Adds the counter-mode key stream that starts at `counter` to `data`. The low 64 bits of the counter must not run
/// over. `keys` are the round keys, 11, 13 or 15 of them.
#[target_feature(enable = "aes,avx")]
pub fn counter_mode(keys: &[[u32; 4]], counter: u128, data: &mut [u8]) {
    let [first, middle @ .., last] = keys else { return };
    let [high, low] = [(counter >> 64) as i64, counter as i64];
    let mut next = _mm_set_epi64x(high, low);
    for chunk in data.chunks_mut(ABREAST * BLOCK) {
        let mut stream = [load_words(first); ABREAST];
        for block in &mut stream {
            *block = _mm_xor_si128(*block, reversed(next));
            next = _mm_add_epi64(next, _mm_set_epi64x(0, 1));
        }
        for key in middle {
            let key = load_words(key);
            for block in &mut stream {
                *block = _mm_aesenc_si128(*block, key);
            }
        }
        for block in &mut stream {
            *block = _mm_aesenclast_si128(*block, load_words(last));
        }
        add(chunk, &stream);
    }
}

/// Adds a key stream to at most as many octets.
#[target_feature(enable = "aes,avx")]
fn add(data: &mut [u8], stream: &[__m128i; ABREAST]) {
    let (whole, rest) = data.as_chunks_mut::<BLOCK>();
    let mut used = 0;
    for (octets, key) in whole.iter_mut().zip(stream) {
        *octets = store(_mm_xor_si128(load(octets), *key));
        used += 1;
    }
    if let Some(key) = stream.get(used) {
        rest.iter_mut().zip(store(*key)).for_each(|(octet, key)| *octet ^= key);
    }
}

/// The octets of a vector in the opposite order.
#[inline]
#[target_feature(enable = "ssse3")]
fn reversed(vector: __m128i) -> __m128i {
    _mm_shuffle_epi8(vector, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
}

/// SHA-1's state in the order of the instructions: A is the highest word of `abcd`, E the highest of `e`.
#[derive(Clone, Copy)]
struct State {
    abcd: __m128i,
    e: __m128i,
}

/// HMAC-SHA1 from the states after the two padded keys, over whole blocks: those of `data`, then those of `end`, whose
/// last octets are SHA-1's padding.
#[target_feature(enable = "sha,sse4.1")]
pub fn hmac(inner: &[u32; 5], outer: &[u32; 5], data: &[u8], end: &[u8]) -> [u8; DIGEST] {
    let mut state = State::from_words(inner);
    for blocks in [data, end] {
        for block in blocks.as_chunks::<SHA1_BLOCK>().0 {
            state = state.after(message(block));
        }
    }
    State::from_words(outer).after(state.as_message()).octets()
}

impl State {
    #[target_feature(enable = "sha,sse4.1")]
    fn from_words([abcd @ .., e]: &[u32; 5]) -> State {
        let abcd = _mm_shuffle_epi32::<0b00_01_10_11>(load_words(abcd));
        State { abcd, e: _mm_set_epi32(e.cast_signed(), 0, 0, 0) }
    }

    /// The state after one block of the message (FIPS 180-4 6.1.2).
    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    fn after(self, mut words: [__m128i; 4]) -> State {
        // The first four rounds take E as it is; later ones make it of the A of four rounds before.
        let first = _mm_sha1rnds4_epu32::<0>(self.abcd, _mm_add_epi32(self.e, words[0]));
        let mut rounds = Rounds { before: self.abcd, abcd: first };
        words = following(words);
        for _ in 1..5 {
            rounds = rounds.four::<0>(words[0]);
            words = following(words);
        }
        for _ in 5..10 {
            rounds = rounds.four::<1>(words[0]);
            words = following(words);
        }
        for _ in 10..15 {
            rounds = rounds.four::<2>(words[0]);
            words = following(words);
        }
        for _ in 15..20 {
            rounds = rounds.four::<3>(words[0]);
            words = following(words);
        }
        State { abcd: _mm_add_epi32(rounds.abcd, self.abcd), e: _mm_sha1nexte_epu32(rounds.before, self.e) }
    }

    /// The digest in this state as the one block that the outer hash goes over, padded: 64 octets of key came before.
    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    fn as_message(self) -> [__m128i; 4] {
        const BITS: i32 = 8 * (SHA1_BLOCK + DIGEST) as i32;
        let e = _mm_extract_epi32::<3>(self.e);
        [self.abcd, _mm_set_epi32(e, i32::MIN, 0, 0), _mm_set_epi32(0, 0, 0, 0), _mm_set_epi32(0, 0, 0, BITS)]
    }

    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    fn octets(self) -> [u8; DIGEST] {
        let mut octets = [0; DIGEST];
        let (abcd, e) = octets.split_at_mut(BLOCK);
        abcd.copy_from_slice(&store(reversed(self.abcd)));
        e.copy_from_slice(&_mm_extract_epi32::<3>(self.e).to_be_bytes());
        octets
    }
}

/// Between two groups of four rounds.
#[derive(Clone, Copy)]
struct Rounds {
    abcd: __m128i,
    /// `abcd` four rounds ago.
    before: __m128i,
}

impl Rounds {
    /// Four rounds of kind `F` (FIPS 180-4 4.1.1: 0 to 3) over four words of the schedule.
    #[inline]
    #[target_feature(enable = "sha,sse4.1")]
    fn four<const F: i32>(self, words: __m128i) -> Rounds {
        let e = _mm_sha1nexte_epu32(self.before, words);
        Rounds { abcd: _mm_sha1rnds4_epu32::<F>(self.abcd, e), before: self.abcd }
    }
}

/// The schedule four words on (FIPS 180-4 6.1.2, step 1).
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn following([w0, w1, w2, w3]: [__m128i; 4]) -> [__m128i; 4] {
    let next = _mm_sha1msg2_epu32(_mm_xor_si128(_mm_sha1msg1_epu32(w0, w1), w2), w3);
    [w1, w2, w3, next]
}

/// The sixteen words of a block.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn message(block: &[u8; SHA1_BLOCK]) -> [__m128i; 4] {
    let (quarters, _) = block.as_chunks::<BLOCK>();
    let mut words = [_mm_set_epi32(0, 0, 0, 0); 4];
    words.iter_mut().zip(quarters).for_each(|(to, from)| *to = reversed(load(from)));
    words
}
