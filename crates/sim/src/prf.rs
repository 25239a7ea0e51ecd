//! What commands write: a function of the command and the place of the byte, so that whoever reads it needs no copy to
//! know whether it is right.

use wire::CommandId;

/// The bytes of a command's output from `from` on, so many.
pub(crate) fn output(command: CommandId, from: u64, length: usize) -> Vec<u8> {
    let seed = seed_of(command);
    let mut bytes = Vec::with_capacity(length + 16);
    let first = from / 8;
    let skip = (from % 8) as usize;
    let mut block = first;
    while bytes.len() < skip + length {
        bytes.extend_from_slice(&mix(seed ^ block.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes());
        block += 1;
    }
    bytes.drain(..skip);
    bytes.truncate(length);
    bytes
}

/// The first place at which these bytes are not the command's; `None`: all are right.
pub(crate) fn wrong(command: CommandId, from: u64, bytes: &[u8]) -> Option<u64> {
    let right = output(command, from, bytes.len());
    let at = right.iter().zip(bytes).position(|(right, got)| right != got)?;
    Some(from + at as u64)
}

fn seed_of(command: CommandId) -> u64 {
    let CommandId { build, epoch, step } = command;
    [build, epoch, step].into_iter().fold(0x5851_f42d_4c95_7f2d, |seed, n| mix(seed ^ n.cast_unsigned()))
}

/// The finaliser of splitmix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_the_same_wherever_it_is_cut() {
        let command = CommandId { build: 7, epoch: 2, step: 31 };
        let whole = output(command, 0, 1000);
        for (from, length) in [(0, 1), (1, 7), (7, 2), (8, 8), (500, 500), (999, 1)] {
            assert_eq!(output(command, from as u64, length), whole[from..from + length]);
            assert_eq!(wrong(command, from as u64, &whole[from..from + length]), None);
        }
        assert_eq!(wrong(command, 8, &[whole[8], !whole[9]]), Some(9));
        assert_ne!(output(CommandId { epoch: 3, ..command }, 0, 64), whole[..64]);
    }
}
