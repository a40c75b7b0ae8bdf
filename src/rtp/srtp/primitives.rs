//! AES and HMAC-SHA1 with their expanded state kept: the AES key schedule, and SHA-1's state after the padded key.
//! Setting these up anew costs as much as sealing a voice packet (crates-measured 2.5), and no safe interface keeps
//! both. Where the processor has AES and SHA instructions the loops of `x86` do the work; elsewhere aws-lc's do,
//! which expands the keys in both cases. This is the only module of the media plane with `unsafe`.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::__m128i;
use std::mem::MaybeUninit;

use aws_lc_sys::{AES_KEY, AES_ctr128_encrypt, AES_set_encrypt_key, SHA_CTX, SHA1_Init, SHA1_Transform, SHA1_Update};
use zeroize::Zeroize;

#[cfg(target_arch = "x86_64")]
use super::x86;

/// Octets of an AES block.
pub const BLOCK: usize = 16;
/// Octets of a SHA-1 digest.
pub const DIGEST: usize = 20;
/// Octets of a roll-over counter.
pub const SUFFIX: usize = 4;
/// Octets of a block of SHA-1.
pub const SHA1_BLOCK: usize = 64;
/// Bits that the outer hash goes over: the padded key and a digest.
const OUTER_BITS: u16 = 8 * 84;

/// An expanded AES encryption key. Wiped when dropped.
pub struct AesKey {
    schedule: AES_KEY,
    /// `None`: aws-lc's loop.
    instructions: Option<AesInstructions>,
}

impl AesKey {
    /// Expands a key of 16, 24 or 32 octets; `None` for any other length.
    pub fn new(key: &[u8]) -> Option<AesKey> {
        let (bits, rounds) = match key.len() {
            16 => (128, 10),
            24 => (192, 12),
            32 => (256, 14),
            _ => return None,
        };
        let mut schedule = MaybeUninit::<AES_KEY>::zeroed();
        // SAFETY: `key` holds `bits / 8` readable octets; `schedule` is writable memory of the type asked for.
        let result = unsafe { AES_set_encrypt_key(key.as_ptr(), bits, schedule.as_mut_ptr()) };
        if result != 0 {
            return None;
        }
        // SAFETY: zeroed memory is a valid value (integers only), and the call above has filled it.
        let mut key = AesKey { schedule: unsafe { schedule.assume_init() }, instructions: None };
        key.instructions = AesInstructions::of_this_processor(rounds).filter(|direct| key.agrees_with(*direct));
        Some(key)
    }

    /// Adds the counter-mode key stream that starts at `counter` to `data` (RFC 3711 4.1.1).
    #[inline]
    pub fn counter_mode(&self, counter: u128, data: &mut [u8]) {
        // What both ways take: of the counter's low half no more is used up than a packet has blocks.
        let runs_over = (counter as u64).checked_add(data.len() as u64).is_none();
        match self.instructions {
            Some(instructions) if !runs_over => instructions.counter_mode(&self.schedule, counter, data),
            Some(_) | None => self.library_counter_mode(counter, data),
        }
    }

    fn library_counter_mode(&self, counter: u128, data: &mut [u8]) {
        let mut counter: [u8; BLOCK] = counter.to_be_bytes();
        let mut stream = [0u8; BLOCK];
        let mut used = 0;
        // SAFETY: input and output are the same `data.len()` octets, which the function allows; `counter` and
        // `stream` are 16 octets each; `used` is 0, below 16, as the function demands; the schedule was filled by `new`.
        unsafe {
            AES_ctr128_encrypt(
                data.as_ptr(),
                data.as_mut_ptr(),
                data.len(),
                &raw const self.schedule,
                counter.as_mut_ptr(),
                stream.as_mut_ptr(),
                &raw mut used,
            );
        }
    }

    /// Whether our loop reads the schedule as aws-lc wrote it: that is nowhere promised, and aws-lc has other forms
    /// for processors without AES instructions. A key it does not hold for is left to the library.
    fn agrees_with(&self, instructions: AesInstructions) -> bool {
        let (mut ours, mut theirs) = ([0; BLOCK], [0; BLOCK]);
        instructions.counter_mode(&self.schedule, 1, &mut ours);
        self.library_counter_mode(1, &mut theirs);
        ours == theirs
    }
}

impl Drop for AesKey {
    fn drop(&mut self) {
        self.schedule.rd_key.zeroize();
    }
}

/// Says that this processor has what [`x86::counter_mode`] needs: made by asking it only.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct AesInstructions {
    rounds: usize,
}

#[cfg(target_arch = "x86_64")]
impl AesInstructions {
    fn of_this_processor(rounds: usize) -> Option<AesInstructions> {
        let there = is_x86_feature_detected!("aes") && is_x86_feature_detected!("avx");
        there.then_some(AesInstructions { rounds })
    }

    #[inline]
    fn counter_mode(self, schedule: &AES_KEY, counter: u128, data: &mut [u8]) {
        let (keys, _) = schedule.rd_key.as_chunks::<4>();
        // SAFETY: a value of this type exists only where the processor has AES and AVX, the features of the function.
        unsafe { x86::counter_mode(keys.get(..=self.rounds).unwrap_or_default(), counter, data) }
    }
}

/// Says that this processor has what [`x86::hmac`] needs: made by asking it only.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct ShaInstructions(());

#[cfg(target_arch = "x86_64")]
impl ShaInstructions {
    fn of_this_processor() -> Option<ShaInstructions> {
        (is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1")).then_some(ShaInstructions(()))
    }

    #[inline]
    fn hmac(self, inner: &[u32; 5], outer: &[u32; 5], data: &[u8], end: &[u8]) -> [u8; DIGEST] {
        // SAFETY: a value of this type exists only where the processor has SHA and SSE4.1, the features of the function.
        unsafe { x86::hmac(inner, outer, data, end) }
    }
}

/// Sixteen octets as a vector, in their order.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn load(octets: &[u8; BLOCK]) -> __m128i {
    // SAFETY: both are 16 octets, and every value of them is a value of a vector.
    unsafe { std::mem::transmute(*octets) }
}

/// Four words as a vector, the first lowest.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn load_words(words: &[u32; 4]) -> __m128i {
    // SAFETY: both are 16 octets, and every value of them is a value of a vector.
    unsafe { std::mem::transmute(*words) }
}

/// A vector's octets, in their order.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn store(vector: __m128i) -> [u8; BLOCK] {
    // SAFETY: both are 16 octets, and every value of a vector is a value of them.
    unsafe { std::mem::transmute(vector) }
}

/// Without value on this architecture: aws-lc's loops do the work.
#[cfg(not(target_arch = "x86_64"))]
#[derive(Clone, Copy)]
enum AesInstructions {}

#[cfg(not(target_arch = "x86_64"))]
impl AesInstructions {
    fn of_this_processor(_rounds: usize) -> Option<AesInstructions> {
        None
    }

    fn counter_mode(self, _schedule: &AES_KEY, _counter: u128, _data: &mut [u8]) {
        match self {}
    }
}

/// Without value on this architecture: aws-lc's loops do the work.
#[cfg(not(target_arch = "x86_64"))]
#[derive(Clone, Copy)]
enum ShaInstructions {}

#[cfg(not(target_arch = "x86_64"))]
impl ShaInstructions {
    fn of_this_processor() -> Option<ShaInstructions> {
        None
    }

    fn hmac(self, _inner: &[u32; 5], _outer: &[u32; 5], _data: &[u8], _end: &[u8]) -> [u8; DIGEST] {
        match self {}
    }
}

/// HMAC-SHA1 (RFC 2104) with the states after the two padded keys. Wiped when dropped.
pub struct HmacSha1 {
    inner: [u32; 5],
    outer: [u32; 5],
    /// `None`: aws-lc's loop.
    instructions: Option<ShaInstructions>,
}

impl HmacSha1 {
    /// Takes a key of at most 64 octets; `None` for a longer one, which SRTP never has.
    pub fn new(key: &[u8]) -> Option<HmacSha1> {
        let mut padded = [0u8; SHA1_BLOCK];
        padded.get_mut(..key.len())?.copy_from_slice(key);
        let instructions = ShaInstructions::of_this_processor();
        let state = HmacSha1 { inner: keyed(&padded, 0x36), outer: keyed(&padded, 0x5c), instructions };
        padded.zeroize();
        Some(state)
    }

    /// The digest of `data` with `suffix` behind it: RFC 3711 4.2 authenticates the roll-over counter so.
    #[inline]
    pub fn digest(&self, data: &[u8], suffix: &[u8; SUFFIX]) -> [u8; DIGEST] {
        self.finish(data, suffix)
    }

    /// The digest of `data`.
    pub fn digest_plain(&self, data: &[u8]) -> [u8; DIGEST] {
        self.finish(data, &[])
    }

    /// [`HmacSha1::digest`] of the first `octets` of `buffer`, with suffix and padding written behind them: one call
    /// and no copy. `None`, and nothing written, when the room behind them is too small.
    #[inline]
    pub fn digest_in_place(&self, buffer: &mut [u8], octets: usize, suffix: &[u8; SUFFIX]) -> Option<[u8; DIGEST]> {
        let hashed = octets + SUFFIX;
        let message = buffer.get_mut(..(hashed + 1 + 8).next_multiple_of(SHA1_BLOCK))?;
        let (counter, padding) = message.get_mut(octets..)?.split_first_chunk_mut::<SUFFIX>()?;
        *counter = *suffix;
        padding.fill(0);
        *padding.first_mut()? = 0x80;
        *padding.last_chunk_mut::<8>()? = ((SHA1_BLOCK + hashed) as u64 * 8).to_be_bytes();
        Some(self.hash(message, &[]))
    }

    #[inline]
    fn finish(&self, data: &[u8], suffix: &[u8]) -> [u8; DIGEST] {
        let (whole, rest) = data.split_at(data.len() - data.len() % SHA1_BLOCK);
        // Bits of everything hashed: the padded key's block, the data and what stands behind it.
        let bits = (SHA1_BLOCK + data.len() + suffix.len()) as u64 * 8;
        let used = rest.len() + suffix.len() + 1;
        if used + 8 <= SHA1_BLOCK {
            self.hash(whole, &padded::<SHA1_BLOCK>(rest, suffix, bits))
        } else {
            self.hash(whole, &padded::<{ 2 * SHA1_BLOCK }>(rest, suffix, bits))
        }
    }

    /// Both hashes over whole blocks, the last of which is padded: those of `data`, then those of `end`.
    #[inline]
    fn hash(&self, data: &[u8], end: &[u8]) -> [u8; DIGEST] {
        match self.instructions {
            Some(instructions) => instructions.hmac(&self.inner, &self.outer, data, end),
            None => self.library_hash(data, end),
        }
    }

    fn library_hash(&self, data: &[u8], end: &[u8]) -> [u8; DIGEST] {
        let mut sha = Sha1::from(self.inner);
        sha.blocks(data);
        sha.blocks(end);
        let mut block = [0u8; SHA1_BLOCK];
        block.chunks_exact_mut(4).zip(sha.state.h).for_each(|(to, word)| to.copy_from_slice(&word.to_be_bytes()));
        let [.., high, low] = &mut block;
        [*high, *low] = OUTER_BITS.to_be_bytes();
        if let Some(mark) = block.get_mut(DIGEST) {
            *mark = 0x80;
        }
        sha.state.h = self.outer;
        sha.block(&block);
        sha.digest()
    }
}

impl Drop for HmacSha1 {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

/// The last octets of a message of `bits` bits, with SHA-1's padding (FIPS 180-4 5.1.1).
#[inline]
fn padded<const N: usize>(rest: &[u8], suffix: &[u8], bits: u64) -> [u8; N] {
    let mut block = [0u8; N];
    let mut at = 0;
    for part in [rest, suffix, &[0x80]] {
        if let Some(area) = block.get_mut(at..at + part.len()) {
            area.copy_from_slice(part);
        }
        at += part.len();
    }
    if let Some(area) = block.last_chunk_mut::<8>() {
        *area = bits.to_be_bytes();
    }
    block
}

/// SHA-1's state after one block: the padded key, each octet combined with `pad`.
fn keyed(padded: &[u8; SHA1_BLOCK], pad: u8) -> [u32; 5] {
    let mut block = padded.map(|octet| octet ^ pad);
    let mut sha = Sha1::start();
    sha.block(&block);
    block.zeroize();
    sha.state.h
}

/// SHA-1 over whole blocks. Padding is done by who uses it, so that a digest is two calls and no copies.
struct Sha1 {
    state: SHA_CTX,
}

impl Sha1 {
    fn start() -> Sha1 {
        let mut sha = Sha1::from([0; 5]);
        // SAFETY: `state` is a valid value of the type asked for, and writable.
        unsafe { SHA1_Init(&raw mut sha.state) };
        sha
    }

    /// Takes octets in, a multiple of 64.
    fn blocks(&mut self, blocks: &[u8]) {
        // SAFETY: `state` is a valid value with no octets of an unfinished block (`num` is 0, and stays so for
        // whole blocks); `blocks` is readable over its length.
        unsafe { SHA1_Update(&raw mut self.state, blocks.as_ptr().cast(), blocks.len()) };
    }

    /// Takes one block in, past the bookkeeping of [`Sha1::blocks`].
    fn block(&mut self, block: &[u8; SHA1_BLOCK]) {
        // SAFETY: `state` is a valid value, and `block` is one readable block.
        unsafe { SHA1_Transform(&raw mut self.state, block.as_ptr()) };
    }

    fn digest(&self) -> [u8; DIGEST] {
        let mut out = [0u8; DIGEST];
        out.chunks_exact_mut(4).zip(self.state.h).for_each(|(to, word)| to.copy_from_slice(&word.to_be_bytes()));
        out
    }
}

impl From<[u32; 5]> for Sha1 {
    /// At a block's end with this state.
    fn from(h: [u32; 5]) -> Sha1 {
        Sha1 { state: SHA_CTX { h, Nl: 0, Nh: 0, data: [0; SHA1_BLOCK], num: 0 } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One block, enciphered: what the key stream of that counter begins with.
    fn enciphered(key: &AesKey, block: [u8; BLOCK]) -> [u8; BLOCK] {
        let mut out = [0; BLOCK];
        key.counter_mode(u128::from_be_bytes(block), &mut out);
        out
    }

    #[test]
    fn aes_enciphers_the_block_of_fips_197() {
        let key: Vec<u8> = (0..16).collect();
        let block = std::array::from_fn(|i| (i as u8) * 0x11);
        let expected = 0x69c4_e0d8_6a7b_0430_d8cd_b780_70b4_c55a_u128.to_be_bytes();
        assert_eq!(enciphered(&AesKey::new(&key).unwrap(), block), expected);
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        assert!(AesKey::new(&[0; 15]).is_none());
        assert!(AesKey::new(&[]).is_none());
        assert!(HmacSha1::new(&[0; 65]).is_none());
    }

    #[test]
    fn counter_mode_is_block_by_block_encryption_of_the_counter_at_every_length() {
        let key = AesKey::new(&[7; 32]).unwrap();
        for length in [0usize, 1, 15, 16, 17, 160, 500] {
            let mut data = vec![0u8; length];
            key.counter_mode(u128::from_be_bytes([0xf0; BLOCK]), &mut data);
            let stream: Vec<u8> = (0..length.div_ceil(BLOCK) as u128)
                .flat_map(|i| enciphered(&key, (u128::from_be_bytes([0xf0; BLOCK]) + i).to_be_bytes()))
                .take(length)
                .collect();
            assert_eq!(data, stream);
        }
    }

    #[test]
    fn a_kept_hmac_state_gives_the_same_digest_again() {
        let mac = HmacSha1::new(&[0x0b; 20]).unwrap();
        let first = mac.digest_plain(b"Hi There");
        mac.digest_plain(&[0; 300]);
        assert_eq!(mac.digest_plain(b"Hi There"), first);
        let reference = aws_lc_rs::hmac::sign(
            &aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &[0x0b; 20]),
            b"Hi There",
        );
        assert_eq!(first, reference.as_ref());
    }

    #[test]
    fn without_room_for_the_padding_nothing_is_written() {
        let mut tight = [7u8; 63];
        assert_eq!(HmacSha1::new(&[9; 20]).unwrap().digest_in_place(&mut tight, 52, &[1, 2, 3, 4]), None);
        assert_eq!(tight, [7; 63]);
    }

    #[test]
    fn hmac_agrees_with_the_safe_interface_at_every_length_with_and_without_a_counter() {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &[9; 20]);
        let mac = HmacSha1::new(&[9; 20]).unwrap();
        for length in (0usize..300).chain([1500, 2048]) {
            let data: Vec<u8> = (0..length).map(|i| i as u8).collect();
            assert_eq!(mac.digest_plain(&data), aws_lc_rs::hmac::sign(&key, &data).as_ref(), "{length}");
            let counted = [&data[..], &[1, 2, 3, 4]].concat();
            let expected = aws_lc_rs::hmac::sign(&key, &counted);
            assert_eq!(mac.digest(&data, &[1, 2, 3, 4]), expected.as_ref(), "{length}");
            let mut room = [&data[..], &[0xaa; 128]].concat();
            assert_eq!(mac.digest_in_place(&mut room, length, &[1, 2, 3, 4]).unwrap(), expected.as_ref(), "{length}");
            assert_eq!(room[..length], data);
        }
    }

    #[test]
    fn the_processor_s_own_loops_and_the_library_s_give_the_same_octets() {
        for key in [&[3u8; 16][..], &[3; 24], &[3; 32]] {
            let key = AesKey::new(key).unwrap();
            for length in (0usize..260).chain([1500]) {
                let (mut ours, mut theirs) = (vec![0x5a; length], vec![0x5a; length]);
                key.counter_mode(0x1234_5678 << 90 | 0xffff_fffe, &mut ours);
                key.library_counter_mode(0x1234_5678 << 90 | 0xffff_fffe, &mut theirs);
                assert_eq!(ours, theirs, "{length}");
            }
        }
        let mac = HmacSha1::new(&[9; 20]).unwrap();
        for blocks in 0..25usize {
            let data: Vec<u8> = (0..blocks * SHA1_BLOCK).map(|i| i as u8).collect();
            let (data, end) = data.split_at(blocks / 2 * SHA1_BLOCK);
            assert_eq!(mac.hash(data, end), mac.library_hash(data, end), "{blocks}");
        }
    }

    #[test]
    fn a_counter_that_runs_over_its_low_half_carries_into_the_high_one() {
        let key = AesKey::new(&[7; 16]).unwrap();
        let mut data = [0; 3 * BLOCK];
        key.counter_mode(u128::from(u64::MAX), &mut data);
        assert_eq!(data[BLOCK..2 * BLOCK], enciphered(&key, (1u128 << 64).to_be_bytes()));
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn a_processor_with_the_instructions_uses_them() {
        let aes = is_x86_feature_detected!("aes") && is_x86_feature_detected!("avx");
        let sha = is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1");
        assert_eq!(AesKey::new(&[7; 32]).unwrap().instructions.is_some(), aes);
        assert_eq!(HmacSha1::new(&[7; 20]).unwrap().instructions.is_some(), sha);
    }
}
