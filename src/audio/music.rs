//! Hold music: raw G.711 or a WAVE file with 16-bit samples, 8 kHz, one channel.

use std::sync::Arc;

use crate::audio::SAMPLE_RATE;
use crate::audio::g711::Law;

/// How a music file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MusicFormat {
    /// Octets of one law and nothing else.
    Raw(Law),
    /// RIFF WAVE.
    Wave,
}

impl MusicFormat {
    /// By the ending of the file's name.
    pub fn of_extension(extension: &str) -> Option<MusicFormat> {
        match extension.to_ascii_lowercase().as_str() {
            "wav" => Some(MusicFormat::Wave),
            "al" | "alaw" | "pcma" => Some(MusicFormat::Raw(Law::A)),
            "ul" | "ulaw" | "mulaw" | "pcmu" => Some(MusicFormat::Raw(Law::Mu)),
            _ => None,
        }
    }
}

/// Why octets are no music for us. The text completes the sentence "FILE ...".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MusicFault {
    /// There is no sample in it.
    Empty,
    /// No RIFF WAVE container, or one that is cut short.
    NotWave,
    /// Another coding, rate, width, or number of channels.
    OtherForm,
}

impl MusicFault {
    /// What is wrong, for people.
    pub const fn text(self) -> &'static str {
        match self {
            MusicFault::Empty => "holds no sound",
            MusicFault::NotWave => "is no WAVE file",
            MusicFault::OtherForm => "is not 16-bit PCM at 8000 Hz with one channel",
        }
    }
}

/// Reads the samples of a file.
///
/// # Errors
/// Says why it cannot be played.
pub fn read(format: MusicFormat, octets: &[u8]) -> Result<Arc<[i16]>, MusicFault> {
    let samples: Arc<[i16]> = match format {
        MusicFormat::Raw(law) => octets.iter().map(|octet| law.decode(*octet)).collect(),
        MusicFormat::Wave => wave(octets)?,
    };
    if samples.is_empty() { Err(MusicFault::Empty) } else { Ok(samples) }
}

/// The samples of a WAVE file: its `data` chunk, after a `fmt ` chunk that says what we can play.
fn wave(octets: &[u8]) -> Result<Arc<[i16]>, MusicFault> {
    let (head, mut rest) = octets.split_first_chunk::<12>().ok_or(MusicFault::NotWave)?;
    if !head.starts_with(b"RIFF") || !head.ends_with(b"WAVE") {
        return Err(MusicFault::NotWave);
    }
    let mut playable = None;
    while let Some((&[a, b, c, d, l0, l1, l2, l3], behind)) = rest.split_first_chunk::<8>() {
        let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
        let chunk = behind.get(..length.min(behind.len())).unwrap_or_default();
        match &[a, b, c, d] {
            b"fmt " => playable = Some(is_playable(chunk)),
            b"data" => {
                return match playable {
                    Some(true) => Ok(chunk.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect()),
                    Some(false) => Err(MusicFault::OtherForm),
                    None => Err(MusicFault::NotWave),
                };
            }
            _ => {}
        }
        // Chunks begin at even places.
        rest = behind.get(length.saturating_add(length % 2)..).unwrap_or_default();
    }
    Err(MusicFault::NotWave)
}

/// Format 1 (PCM), one channel, 8000 Hz, 16 bits.
fn is_playable(chunk: &[u8]) -> bool {
    let Some(&[f0, f1, c0, c1, r0, r1, r2, r3, _, _, _, _, _, _, b0, b1]) = chunk.first_chunk::<16>() else {
        return false;
    };
    let [format, channels, bits] = [[f0, f1], [c0, c1], [b0, b1]].map(u16::from_le_bytes);
    (format, channels, bits) == (1, 1, 16) && u32::from_le_bytes([r0, r1, r2, r3]) == SAMPLE_RATE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave_file(channels: u16, samples: &[i16]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        file.extend([1, 0]);
        file.extend(channels.to_le_bytes());
        file.extend(8000u32.to_le_bytes());
        file.extend(16_000u32.to_le_bytes());
        file.extend([2, 0, 16, 0]);
        file.extend(b"LIST\x03\0\0\0abc\0data");
        file.extend(u32::try_from(samples.len() * 2).unwrap().to_le_bytes());
        samples.iter().for_each(|sample| file.extend(sample.to_le_bytes()));
        file
    }

    #[test]
    fn a_wave_file_gives_its_samples_past_chunks_it_does_not_know() {
        assert_eq!(read(MusicFormat::Wave, &wave_file(1, &[1, -2, 300])).unwrap()[..], [1, -2, 300]);
    }

    #[test]
    fn what_cannot_be_played_is_refused_with_its_reason() {
        assert_eq!(read(MusicFormat::Wave, &wave_file(2, &[1, 2])), Err(MusicFault::OtherForm));
        assert_eq!(read(MusicFormat::Wave, b"OggS"), Err(MusicFault::NotWave));
        assert_eq!(read(MusicFormat::Wave, &wave_file(1, &[])), Err(MusicFault::Empty));
        assert_eq!(read(MusicFormat::Raw(Law::A), b""), Err(MusicFault::Empty));
    }

    #[test]
    fn a_file_cut_anywhere_gives_the_samples_that_are_left_or_a_reason() {
        let whole = wave_file(1, &[5; 40]);
        let head = whole.len() - 80;
        for cut in 0..whole.len() {
            let expected = match cut.checked_sub(head) {
                None => Err(MusicFault::NotWave),
                Some(0 | 1) => Err(MusicFault::Empty),
                Some(octets) => Ok(octets / 2),
            };
            let found = read(MusicFormat::Wave, &whole[..cut]).map(|samples| samples.len());
            assert_eq!(found, expected, "cut at {cut}");
        }
    }

    #[test]
    fn raw_octets_are_decoded_by_the_law_of_their_name() {
        assert_eq!(MusicFormat::of_extension("ULAW"), Some(MusicFormat::Raw(Law::Mu)));
        assert_eq!(read(MusicFormat::Raw(Law::A), &[0xd5, 0x55]).unwrap()[..], [8, -8]);
        assert_eq!(MusicFormat::of_extension("mp3"), None);
    }
}
