//! Reports of up to fifty megabytes are read in bounded memory: every byte that is allocated is counted.

use formats::{Event, Format, Limits, Reader, Summary};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the pointer came from `alloc` above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Reads `piece` over and over until so many bytes are read. Answers with the most memory that was held meanwhile.
fn endless(format: Format, head: &[u8], piece: &dyn Fn(usize) -> Vec<u8>, bytes: usize) -> (Summary, usize) {
    let before = NOW.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let mut events = 0usize;
    let mut reader = Reader::new(format, Limits::default());
    let mut take = |event: Event| events += usize::from(matches!(event, Event::Test(_)));
    reader.push(head, &mut take);
    let mut read = 0;
    for i in 0.. {
        let piece = piece(i);
        reader.push(&piece, &mut take);
        read += piece.len();
        if read >= bytes {
            break;
        }
    }
    let summary = reader.finish(&mut take);
    (summary, MOST.load(Ordering::Relaxed) - before)
}

/// What it is, its format, how it begins, what goes on and on, and for how many bytes.
type Endless<'a> = (&'a str, Format, &'a [u8], &'a dyn Fn(usize) -> Vec<u8>, usize);

#[test]
fn fifty_megabytes_take_a_few() {
    const MB: usize = 1 << 20;
    let x = |n: usize| vec![b'x'; n];
    let failing = |i: usize| format!("not ok {i} - test {i}\n# {}\n", "why ".repeat(500)).into_bytes();
    let cases = |i: usize| {
        let text = "trouble ".repeat(400);
        format!("<testcase name='t{i}' classname='C'><failure message='m'>{text}</failure></testcase>").into_bytes()
    };
    // One test runs after the other, so that allocations of others are not counted.
    let table: [Endless<'_>; 9] = [
        ("failing tests with messages", Format::Tap, b"", &failing, 24 * MB),
        ("one line without an end", Format::Tap, b"1..1\nnot ok 1 - ", &|_| x(4096), 50 * MB),
        ("one line, nobody knows of what", Format::Auto, b"", &|_| x(4096), 50 * MB),
        ("failing cases", Format::Junit, b"<testsuite>", &cases, 8 * MB),
        ("one tag without an end", Format::Junit, b"<testsuite name='", &|_| x(4096), 8 * MB),
        ("elements within elements", Format::Junit, b"<testsuite>", &|_| b"<testsuite name='abc'>".repeat(50), 4 * MB),
        ("details without an end", Format::SubunitV1, b"test: a\nerror: a [\n", &|_| b"trouble\n".repeat(99), 8 * MB),
        (
            "tests that begin only",
            Format::GoTest,
            b"",
            &|i| (0..50).flat_map(|j| format!("=== RUN   Test{i}_{j}\n").into_bytes()).collect(),
            8 * MB,
        ),
        ("packets that lie", Format::SubunitV2, b"", &|_| b"\n\xb3\x29\x01\x9f\xff\xff".repeat(400), 2 * MB),
    ];
    for (what, format, head, piece, bytes) in table {
        let (summary, most) = endless(format, head, piece, bytes);
        assert!(most < 16 * MB, "{what}: {most} bytes");
        assert!(summary.totals.bad.len() <= 1000, "{what}");
        if what == "failing tests with messages" {
            assert!(summary.totals.failed > 10_000, "what is not kept is counted");
        }
    }
}
