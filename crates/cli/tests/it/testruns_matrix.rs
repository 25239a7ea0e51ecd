//! A matrix of real work: the area of the manual, over a small C library of our own that is built as zlib is.

use crate::testruns::Area;
use serde_json::Value;
use std::fs;
use std::process::Command;

/// The chapter whose area is run here, word for word.
const CHAPTER: &str = include_str!("../../../../docs/src/tests-matrix.md");
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/python/bin/python");

const CONFIGURE: &str = r#"
names=0 asserts=0
for flag; do
    case $flag in
        --zprefix) names=1 ;;
        --debug) asserts=1 ;;
        *) echo "unknown flag $flag" >&2; exit 1 ;;
    esac
done
echo 'int main(void) { return 0; }' > probe.c
cc $CFLAGS -c probe.c -o probe.o || { echo "cc does not understand $CFLAGS" >&2; exit 1; }
rm -f probe.c probe.o
sed -e "s/@CFLAGS@/$CFLAGS -DASSERTS=$asserts/" Makefile.in > Makefile
sed -e "s/@PREFIX@/$names/" zconf.h.in > zconf.h
echo "configured with$(test $names = 0 || echo ' a prefix')$(test $asserts = 0 || echo ' assertions') $CFLAGS"
"#;

const MAKEFILE: &str = "\
CFLAGS = @CFLAGS@
libz.a: pack.o
\tar rcs $@ pack.o
pack.o: pack.c pack.h zconf.h
\tcc $(CFLAGS) -c pack.c
check: libz.a
\tcc $(CFLAGS) -I. test/example.c libz.a -o example
\t./example
";

const ZCONF: &str = "\
#if @PREFIX@
# define PREFIXED 1
# define pack z_pack
# define unpack z_unpack
#endif
";

const HEADER: &str = "\
#include \"zconf.h\"
#include <stddef.h>
/* Runs of a byte become a count and the byte. Both answer with the length of what they wrote, and with 0 for no room. */
size_t pack(const unsigned char *from, size_t length, unsigned char *to, size_t room);
size_t unpack(const unsigned char *from, size_t length, unsigned char *to, size_t room);
";

const LIBRARY: &str = r#"#include "pack.h"
#if ASSERTS
# include <assert.h>
#else
# define assert(x)
#endif

size_t pack(const unsigned char *from, size_t length, unsigned char *to, size_t room) {
    size_t at = 0, out = 0;
    while (at < length) {
        size_t run = 1;
        while (run < 255 && at + run < length && from[at + run] == from[at]) run++;
        assert(run > 0);
        if (out + 2 > room) return 0;
        to[out++] = (unsigned char)run;
        to[out++] = from[at];
        at += run;
    }
    return out;
}

size_t unpack(const unsigned char *from, size_t length, unsigned char *to, size_t room) {
    size_t at, out = 0;
    for (at = 0; at + 1 < length; at += 2) {
        size_t run = from[at];
        assert(run > 0);
        if (out + run > room) return 0;
        while (run--) to[out++] = from[at + 1];
    }
    return out;
}
"#;

const EXAMPLE: &str = r#"#include "pack.h"
#include <stdio.h>
#include <string.h>

int main(void) {
    unsigned char text[1000], packed[2000], back[1000];
    size_t i, n;
    for (i = 0; i < sizeof text; i++) text[i] = (unsigned char)(i / 100);
    n = pack(text, sizeof text, packed, sizeof packed);
    printf("1000 bytes are %u\n", (unsigned)n);
    if (n != 20) { printf("pack: expected 20, got %u\n", (unsigned)n); return 1; }
    if (unpack(packed, n, back, sizeof back) != sizeof text || memcmp(text, back, sizeof text)) {
        printf("unpack: not what was packed\n");
        return 1;
    }
    return 0;
}
"#;

/// What somebody writes who has not built all eight ways.
const BROKEN: &str = "\
#if defined(PREFIXED) && ASSERTS && defined(__OPTIMIZE_SIZE__)
static int checked = UNPACKED;
#endif
";

fn area() -> Area {
    let star = CHAPTER.split("```python,tests\n").nth(1).and_then(|rest| rest.split("```\n").next());
    let area = Area::native(star.expect("the chapter has an area"));
    area.script("zlib/configure", CONFIGURE);
    for (name, content) in [
        ("Makefile.in", MAKEFILE),
        ("zconf.h.in", ZCONF),
        ("pack.h", HEADER),
        ("pack.c", LIBRARY),
        ("test/example.c", EXAMPLE),
    ] {
        area.file(&format!("zlib/{name}"), content);
    }
    area
}

/// Show 3.
#[test]
fn a_library_is_configured_built_checked_and_weighed_in_eight_ways() {
    let area = area();
    area.run(&["run"]).passes().says("r1 is green: 33 PASS");
    let summary = area.json(&["show", "summary"]);
    let datum = |summary: &Value, name: &str| {
        let all = summary["data"].as_array().unwrap();
        let one = all.iter().find(|d| format!("{}/{}", d["category"], d["variable"]).replace('"', "") == name);
        one.map(|d| (d["value"].as_str().unwrap().to_owned(), d["within"].as_bool()))
    };
    assert_eq!(datum(&summary, "ways/checked"), Some(("8".to_owned(), Some(true))));
    assert_eq!(datum(&summary, "size/largest").unwrap().1, Some(true));
    assert_eq!(datum(&summary, "time/slowest").unwrap().1, Some(true));
    assert!(datum(&summary, "size/zprefix/debug/Os").unwrap().1.is_none(), "it is told, and not judged");
    area.run(&["log", "configure/zprefix/debug/Os"]).passes().says("configured with a prefix assertions -Os");
    area.run(&["log", "check/zprefix/debug/Os"]).passes().says("1000 bytes are 20");

    area.file("zlib/pack.c", &LIBRARY.replace("size_t unpack", &format!("{BROKEN}size_t unpack")));
    let said = area.run(&["run"]).ends(1).says("r2 is red: 29 PASS, 2 FAIL, 1 PREQ_FAIL, 1 PREQ_DISCARDED");
    assert!(
        said.out.contains("error: ") && said.out.contains("UNPACKED"),
        "the line that says what is wrong: {}",
        said.out
    );
    assert!(said.out.contains("ways/checked: 7, where 8 is wanted"), "{}", said.out);
    area.run(&["list"]).passes().says("r2").says("r1");
    insta::assert_snapshot!(lines(&area.run(&["list", "-n", "r2", "--status", "FAIL,PREQ_FAIL,PREQ_DISCARDED"]).out), @r#"
    ✗ r2 red 29 PASS, 2 FAIL, 1 PREQ_FAIL, 1 PREQ_DISCARDED
    ✗ build(zprefix/debug/Os) FAIL step 'make' ended with 2
    ✗ check(zprefix/debug/Os) PREQ_FAIL build(zprefix/debug/Os) is FAIL
    ✗ size(zprefix/debug/Os) PREQ_DISCARDED check(zprefix/debug/Os) was not run: build(zprefix/debug/Os) is FAIL
    ✗ summary FAIL ways/checked: 7, where 8 is wanted
    "#);
    insta::assert_snapshot!(lines(&area.run(&["diff", "r1", "r2"]).ends(1).out), @r#"
    WORSE build(zprefix/debug/Os) PASS -> FAIL
    WORSE check(zprefix/debug/Os) PASS -> PREQ_FAIL
    WORSE size(zprefix/debug/Os) PASS -> PREQ_DISCARDED
    WORSE summary PASS -> FAIL
    r1 -> r2: 29 CLEAN, 4 WORSE
    "#);
    judged_by_others(&area, 33, 2, 2);

    area.file("zlib/pack.c", LIBRARY);
    area.run(&["rerun", "failed"]).passes().says("r2 is green: 33 PASS");
    let items = area.items(&[]);
    let again: Vec<&str> = items.iter().filter(|(_, i)| i.2 == 2).map(|(name, _)| name.as_str()).collect();
    assert_eq!(again, ["build/zprefix/debug/Os", "summary"], "only what failed was run twice");
    assert_eq!(area.run(&["diff", "r1", "r2"]).passes().out.trim(), "r1 -> r2: 33 CLEAN");
    judged_by_others(&area, 33, 0, 0);
}

/// Lines without the times in them, which are a number and a unit.
fn lines(text: &str) -> String {
    let plain = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_time = |at: usize| {
            let unit = words.get(at + 1).is_some_and(|unit| ["ms", "s", "min", "h"].contains(unit));
            unit && words[at].parse::<f64>().is_ok()
        };
        let kept = (0..words.len()).filter(|at| !is_time(*at) && !at.checked_sub(1).is_some_and(is_time));
        kept.map(|at| words[at]).collect::<Vec<_>>().join(" ")
    };
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// A reader of JUnit that is not ours finds in the report what there is: cases, failures and errors, what was skipped.
fn judged_by_others(area: &Area, cases: u32, failed: u32, skipped: u32) {
    let report = area.place.path("junit.xml");
    let text = |path: &std::path::Path| path.display().to_string();
    area.run(&["report", "--junit", &text(&report), "--html", &text(&area.place.path("site"))]).passes();
    let script = "\
import sys
from junitparser import JUnitXml, Failure, Error, Skipped
xml = JUnitXml.fromfile(sys.argv[1])
cases = [case for suite in xml for case in suite]
of = lambda *kinds: [c for c in cases if any(isinstance(r, kinds) for r in c.result)]
print(len(cases), len(of(Failure, Error)), len(of(Skipped)))
print(xml.tests, xml.failures + xml.errors, xml.skipped)
print(sum(s.tests for s in xml), sum(s.failures + s.errors for s in xml), sum(s.skipped for s in xml))
print(sorted(s.name for s in xml))
print(all(c.name and c.classname and c.time is not None for c in cases))
print([(c.classname, c.name, c.result[0].message) for c in of(Failure, Error)])
";
    let said = Command::new(PYTHON).args(["-c", script]).arg(&report).output().expect("python starts");
    let out = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let told: Vec<&str> = out.lines().collect();
    let wanted = format!("{cases} {failed} {skipped}");
    assert_eq!(told[..3], [wanted.as_str(); 3], "cases, sums and sums of suites");
    assert_eq!(told[3..5], ["['build', 'check', 'configure', 'size', 'summary']", "True"]);
    let says = ["step 'make' ended with 2", "ways/checked: 7, where 8 is wanted"];
    assert_eq!(says.iter().all(|s| told[5].contains(s)), failed > 0, "{}", told[5]);
    let page = fs::read_to_string(area.place.path("site/index.html")).expect("a page");
    assert!(page.contains("zprefix"), "{page}");
}
