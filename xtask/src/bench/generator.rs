//! The log that both systems are given: lines as compilers print them, about 93 bytes each, no two blocks alike.

use std::fmt::Write as _;
use std::io::{self, Write};

/// Larger than the window of a fast compressor, so that a repeated block cannot be found again.
const BLOCK: usize = 8 * 1024 * 1024;

/// Digits in each line that differ from block to block.
const DIGITS: usize = 6;

/// Writes exactly `bytes` bytes of lines.
pub(crate) fn write(out: &mut impl Write, bytes: usize) -> io::Result<()> {
    let (mut block, places) = block(BLOCK.min(bytes.max(256)));
    let (mut left, mut serial) = (bytes, 0);
    while left > 0 {
        for place in &places {
            serial = (serial + 7) % 10_usize.pow(DIGITS as u32);
            let mut number = serial;
            for digit in block[*place..*place + DIGITS].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        let now = left.min(block.len());
        left -= now;
        if left == 0 {
            block[now - 1] = b'\n';
        }
        for chunk in block[..now].chunks(64 * 1024) {
            out.write_all(chunk)?;
        }
    }
    out.flush()
}

/// Lines of about `size` bytes, and where each has its own number.
fn block(size: usize) -> (Vec<u8>, Vec<usize>) {
    let mut text = String::with_capacity(size + 256);
    let mut places = Vec::new();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    while text.len() < size {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let (unit, line, column) = (seed % 877, seed >> 16 & 0x7ff, seed >> 32 & 0x3f);
        let (before, after) = match seed >> 60 {
            0..=8 => (
                format!("cc -O2 -Wall -Wextra -Iinclude -fPIC -c src/unit_{unit:03}/part_"),
                format!(".c -o obj/unit_{unit:03}/part_{line}.o"),
            ),
            9..=11 => (
                format!("src/unit_{unit:03}/part_{line}.c:{line}:{column}: warning: unused variable 'buffer_"),
                "' [-Wunused-variable]".to_owned(),
            ),
            12 | 13 => (format!("   {line:>4} |     size_t length_"), format!(" = table[{column}].limit - {unit};")),
            14 => ("ar rcs lib/libunit_".to_owned(), format!(".a obj/unit_{unit:03}/part_{line}.o")),
            _ => (format!("src/unit_{unit:03}/part_{line}.c: In function 'inflate_window_"), "_step':".to_owned()),
        };
        places.push(text.len() + before.len());
        let _ = writeln!(text, "{before}{:0DIGITS$}{after}", 0);
    }
    (text.into_bytes(), places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_long_as_asked_and_made_of_lines() {
        for bytes in [1, 93, 1_000, BLOCK + 5, 2 * BLOCK + 1_000_000] {
            let mut out = Vec::new();
            write(&mut out, bytes).unwrap();
            assert_eq!(out.len(), bytes);
            assert_eq!(out.last(), Some(&b'\n'));
        }
    }

    #[test]
    fn a_hundred_megabytes_have_about_a_million_lines_and_blocks_differ() {
        let mut out = Vec::new();
        write(&mut out, 2 * BLOCK).unwrap();
        let lines = out.iter().filter(|b| **b == b'\n').count();
        let average = out.len() / lines;
        assert!((85..=100).contains(&average), "{average} bytes a line");
        let half = out.len() / 2;
        assert_ne!(out[..half], out[half..]);
    }
}
