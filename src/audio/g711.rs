//! ITU-T G.711: A-law and mu-law, between octets and 16-bit samples.

/// The two laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    /// PCMA, payload type 8.
    A,
    /// PCMU, payload type 0.
    Mu,
}

impl Law {
    /// The octet of a sample.
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Law::A => encode_a(sample),
            Law::Mu => encode_mu(sample),
        }
    }

    /// The sample of an octet.
    pub fn decode(self, octet: u8) -> i16 {
        let table = match self {
            Law::A => &A_SAMPLES,
            Law::Mu => &MU_SAMPLES,
        };
        table.get(usize::from(octet)).copied().unwrap_or(0)
    }

    /// The octet of no sound.
    pub const fn silence(self) -> u8 {
        match self {
            Law::A => 0xd5,
            Law::Mu => 0xff,
        }
    }

    /// Encodes sample by sample; what is longer of the two is cut.
    pub fn encode_all(self, samples: &[i16], octets: &mut [u8]) {
        octets.iter_mut().zip(samples).for_each(|(octet, sample)| *octet = self.encode(*sample));
    }
}

/// Every octet's sample, G.711 tables 1a and 1b scaled from 13 to 16 bits.
static A_SAMPLES: [i16; 256] = samples(Law::A);
/// Every octet's sample, G.711 tables 2a and 2b scaled from 14 to 16 bits.
static MU_SAMPLES: [i16; 256] = samples(Law::Mu);

#[allow(clippy::indexing_slicing, reason = "runs in the compiler, where a wrong index is an error of the build")]
const fn samples(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let code = octet as i16;
        table[octet] = match law {
            Law::A => decode_a(code),
            Law::Mu => decode_mu(code),
        };
        octet += 1;
    }
    table
}

/// Even bits are inverted on the line; a set sign bit is positive. Each of 8 segments but the first doubles its step.
const fn decode_a(code: i16) -> i16 {
    let code = code ^ 0x55;
    let (segment, step) = ((code >> 4) & 7, (code & 0x0f) << 4);
    let magnitude = match segment {
        0 => step + 8,
        _ => (step + 0x108) << (segment - 1),
    };
    if code & 0x80 != 0 { magnitude } else { -magnitude }
}

/// All bits are inverted on the line; a set sign bit is negative. The bias of 33 makes the segments powers of two.
const fn decode_mu(code: i16) -> i16 {
    const BIAS: i16 = 33 << 2;
    let code = !code & 0xff;
    let magnitude = ((((code & 0x0f) << 3) + BIAS) << ((code >> 4) & 7)) - BIAS;
    if code & 0x80 != 0 { -magnitude } else { magnitude }
}

fn encode_a(sample: i16) -> u8 {
    let sign: u8 = if sample < 0 { 0 } else { 0x80 };
    // 0..=2047: the ones' complement of a negative sample, as in G.191.
    let magnitude = (if sample < 0 { !sample } else { sample } >> 4).unsigned_abs();
    let segment = 12 - (magnitude | 0x1f).leading_zeros().min(12) + u32::from(magnitude >= 16);
    let segment = segment.saturating_sub(1);
    let step = if magnitude < 32 { magnitude } else { magnitude >> (segment - 1) };
    let code = match magnitude {
        0..=31 => step,
        _ => (step & 0x0f) | low_three(segment) << 4,
    };
    (sign | code.to_be_bytes()[1]) ^ 0x55
}

fn encode_mu(sample: i16) -> u8 {
    let sign: u8 = if sample < 0 { 0x80 } else { 0 };
    let biased = ((if sample < 0 { !sample } else { sample } >> 2).unsigned_abs() + 33).min(0x1fff);
    // 33 has its highest bit at 5: segment 0.
    let segment = 10 - biased.leading_zeros().min(10);
    let code = ((biased >> (segment + 1)) & 0x0f) | low_three(segment) << 4;
    !(sign | code.to_be_bytes()[1])
}

const fn low_three(segment: u32) -> u16 {
    (segment & 7) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decision values x and quantised values y of the positive half, computed from the columns "number of
    /// intervals x size" of tables 1a (A-law) and 2a (mu-law).
    fn itu(law: Law) -> (Vec<i32>, Vec<i32>) {
        let segments: &[(usize, i32)] = match law {
            Law::A => &[(32, 2), (16, 4), (16, 8), (16, 16), (16, 32), (16, 64), (16, 128)],
            Law::Mu => &[(1, 1), (15, 2), (16, 4), (16, 8), (16, 16), (16, 32), (16, 64), (16, 128), (16, 256)],
        };
        let mut decisions = vec![0];
        for (count, size) in segments {
            (0..*count).for_each(|_| decisions.push(decisions[decisions.len() - 1] + size));
        }
        let first = if law == Law::Mu { 0 } else { 1 };
        let mut values: Vec<i32> = decisions.windows(2).map(|pair| (pair[0] + pair[1]) / 2).collect();
        values[0] = first;
        (decisions, values)
    }

    #[test]
    fn the_quantised_values_are_those_the_tables_print() {
        let printed_a = [(1, 1), (33, 66), (49, 132), (65, 264), (81, 528), (97, 1056), (113, 2112), (128, 4032)];
        let printed_mu =
            [(1, 0), (2, 2), (17, 33), (33, 99), (49, 231), (65, 495), (81, 1023), (97, 2079), (128, 8031)];
        for (law, printed) in [(Law::A, &printed_a[..]), (Law::Mu, &printed_mu[..])] {
            let (_, values) = itu(law);
            assert_eq!(values.len(), 128);
            printed.iter().for_each(|(n, y)| assert_eq!(values[n - 1], *y, "{law:?} y{n}"));
        }
    }

    /// The line octet of the n-th positive value, n from 0 (tables 1a and 2a, column 6).
    fn octet(law: Law, n: usize) -> u8 {
        let n = u8::try_from(n).unwrap();
        match law {
            Law::A => (0x80 | n) ^ 0x55,
            Law::Mu => !n,
        }
    }

    #[test]
    fn every_octet_gives_the_tables_value_in_both_signs() {
        for (law, scale) in [(Law::A, 8), (Law::Mu, 4)] {
            let (_, values) = itu(law);
            for (n, y) in values.iter().enumerate() {
                assert_eq!(i32::from(law.decode(octet(law, n))), y * scale, "{law:?} y{}", n + 1);
                assert_eq!(i32::from(law.decode(octet(law, n) ^ 0x80)), -y * scale);
            }
        }
    }

    #[test]
    fn every_sample_goes_to_the_interval_the_tables_put_it_in() {
        for (law, scale) in [(Law::A, 8), (Law::Mu, 4)] {
            let (decisions, _) = itu(law);
            for sample in 0..=i16::MAX {
                let above = decisions.partition_point(|x| x * scale <= i32::from(sample));
                let n = above.saturating_sub(1).min(127);
                assert_eq!(law.encode(sample), octet(law, n), "{law:?} {sample}");
                // G.191 takes the ones' complement, so that zero has no double.
                assert_eq!(law.encode(!sample), octet(law, n) ^ 0x80, "{law:?} {}", !sample);
            }
        }
    }

    #[test]
    fn an_octet_survives_the_way_there_and_back() {
        for law in [Law::A, Law::Mu] {
            for octet in 0..=255 {
                let back = law.encode(law.decode(octet));
                // mu-law has two zeros.
                assert!(back == octet || (law == Law::Mu && octet == 0x7f && back == 0xff));
            }
            assert!(law.decode(law.silence()).abs() <= 8);
        }
    }
}
