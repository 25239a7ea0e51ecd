//! What happens in the demo's repository: a dozen commits by three people. Pure data.

use std::collections::BTreeMap;

/// Who did it.
pub(super) const PEOPLE: [&str; 3] =
    ["Maren Holt <maren@abacus.example>", "Tomasz Wilk <tomasz@abacus.example>", "Inês Duarte <ines@abacus.example>"];

/// The project as it is at first: name, content, whether it may be executed.
const FIRST: &[(&str, &str)] = &[
    ("Makefile", include_str!("project/Makefile")),
    ("README.md", include_str!("project/README.md")),
    ("configure", include_str!("project/configure")),
    ("include/abacus.h", include_str!("project/include/abacus.h")),
    ("src/eval.c", include_str!("project/src/eval.c")),
    ("src/lexer.c", include_str!("project/src/lexer.c")),
    ("src/lexer.h", include_str!("project/src/lexer.h")),
    ("tests/check.c", include_str!("project/tests/check.c")),
    ("tests/soak.c", include_str!("project/tests/soak.c")),
    ("tests/tap.h", include_str!("project/tests/tap.h")),
];

/// A commit.
pub(super) struct Chapter {
    /// Whose: a place in [`PEOPLE`].
    pub(super) author: usize,
    /// How many minutes before the end of the story.
    pub(super) ago: i64,
    pub(super) message: &'static str,
    edits: &'static [Edit],
}

/// What a commit does to a file.
enum Edit {
    /// Writes it anew.
    Write(&'static str, &'static str),
    /// Puts the third text in the place of the second, which is there once.
    Swap(&'static str, &'static str, &'static str),
}

/// All files of the project after a commit, by name.
pub(super) type Files = BTreeMap<&'static str, String>;

/// Only this one may be executed.
pub(super) fn is_script(file: &str) -> bool {
    file == "configure"
}

/// The files after each chapter. A chapter that does not fit is an error that names it.
pub(super) fn tell() -> Result<Vec<(&'static Chapter, Files)>, String> {
    let mut files: Files = FIRST.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    let mut told = Vec::new();
    for chapter in CHAPTERS {
        for edit in chapter.edits {
            match edit {
                Edit::Write(name, text) => {
                    files.insert(name, (*text).to_owned());
                }
                Edit::Swap(name, old, new) => {
                    let text = files.get(name).filter(|t| t.matches(old).count() == 1);
                    let text = text.ok_or_else(|| format!("{name} does not have {old:?} once: {}", chapter.message))?;
                    let text = text.replace(old, new);
                    files.insert(name, text);
                }
            }
        }
        told.push((chapter, files.clone()));
    }
    Ok(told)
}

const DAY: i64 = 24 * 60;

/// The story, the oldest first.
const CHAPTERS: &[Chapter] = &[
    Chapter {
        author: 0,
        ago: 9 * DAY + 130,
        message: "Import abacus 0.1\n\nA lexer, an evaluator and their tests, as they were in the old tree.\n",
        edits: &[],
    },
    Chapter {
        author: 2,
        ago: 8 * DAY + 410,
        message: "Test parentheses and white space\n",
        edits: &[Edit::Swap(
            "tests/check.c",
            "    is(\"100 / 5 / 2\", 10);\n",
            "    is(\"100 / 5 / 2\", 10);\n    is(\"(1 + 2) * 3\", 9);\n    is(\"-(2 - 5)\", 3);\n    is(\" \\t 4\\n+ 4 \", 8);\n",
        )],
    },
    Chapter {
        author: 0,
        ago: 7 * DAY + 95,
        message: "Add the remainder operator\n\nIt binds as strongly as division, as in C.\n",
        edits: &[
            Edit::Swap("src/lexer.c", "strchr(\"+-*/\"", "strchr(\"+-*/%\""),
            Edit::Swap(
                "src/eval.c",
                "        return a / b;\n",
                "        return a / b;\n    case '%':\n        return a % b;\n",
            ),
            Edit::Swap("tests/check.c", "\n    refused(\"\");", "    is(\"17 % 5 * 2\", 4);\n\n    refused(\"\");"),
        ],
    },
    Chapter {
        author: 1,
        ago: 6 * DAY + 300,
        message: "Give the operators a file of their own\n\n\
                  The evaluator no longer knows which operators there are. The next ones are\n\
                  a line in a table each.\n",
        edits: &[
            Edit::Write("src/operators.c", OPERATORS_C),
            Edit::Swap("src/eval.c", "#include \"lexer.h\"\n", "#include \"lexer.h\"\n#include \"operators.h\"\n"),
            Edit::Swap("src/eval.c", BINDING, ""),
            Edit::Swap("src/eval.c", APPLY, ""),
            Edit::Swap("src/eval.c", "binding(r->now.op) >= least", "operator_binding(r->now.op) >= least"),
            Edit::Swap("src/eval.c", "binding(op) + 1", "operator_binding(op) + 1"),
            Edit::Swap(
                "src/eval.c",
                "        if (!r->wrong)\n            left = apply(r, op, left, right);\n",
                "        if (!r->wrong && operator_apply(op, left, right, &left) != 0)\n            fail(r);\n",
            ),
            Edit::Swap("Makefile", "out/lexer.o out/eval.o", "out/lexer.o out/operators.o out/eval.o"),
        ],
    },
    Chapter {
        author: 1,
        ago: 6 * DAY + 288,
        message: "Add the header that I forgot\n",
        edits: &[
            Edit::Write("src/operators.h", OPERATORS_H),
            Edit::Swap("Makefile", "src/lexer.h tests/tap.h", "src/lexer.h src/operators.h tests/tap.h"),
        ],
    },
    Chapter {
        author: 0,
        ago: 5 * DAY + 200,
        message: "Refuse to divide by zero\n\nUntil now the process died of SIGFPE.\n",
        edits: &[
            Edit::Swap(
                "src/operators.c",
                "    case '/':\n        *result",
                "    case '/':\n        if (b == 0)\n            return -1;\n        *result",
            ),
            Edit::Swap(
                "src/operators.c",
                "    case '%':\n        *result",
                "    case '%':\n        if (b == 0)\n            return -1;\n        *result",
            ),
            Edit::Swap(
                "tests/check.c",
                "    refused(\"1 2\");\n",
                "    refused(\"1 2\");\n    refused(\"1 / 0\");\n    refused(\"1 % (2 - 2)\");\n",
            ),
        ],
    },
    Chapter {
        author: 2,
        ago: 4 * DAY + 350,
        message: "Powers, written ^\n\nThey group to the right: 2 ^ 3 ^ 2 is 2 ^ 9.\n",
        edits: &[
            Edit::Swap("src/lexer.c", "strchr(\"+-*/%\"", "strchr(\"+-*/%^\""),
            Edit::Swap(
                "src/operators.c",
                "    switch (op) {\n    case '+':\n    case '-':\n        return 1;\n",
                "    switch (op) {\n    case '^':\n        return 3;\n    case '+':\n    case '-':\n        return 1;\n",
            ),
            Edit::Swap("src/operators.c", "    case '+':\n        *result", POWER),
            Edit::Swap(
                "src/eval.c",
                "operator_binding(op) + 1",
                "op == '^' ? operator_binding(op) : operator_binding(op) + 1",
            ),
            Edit::Swap(
                "tests/check.c",
                "\n    refused(\"\");",
                "    is(\"2 ^ 10\", 1024);\n    is(\"2 ^ 3 ^ 2\", 512);\n    is(\"2 * 3 ^ 2\", 18);\n\n    refused(\"\");",
            ),
        ],
    },
    Chapter {
        author: 1,
        ago: 3 * DAY + 515,
        message: "Simplify the loop over operators\n\nAll operators are the same now, so the loop need not know any of them.\n",
        edits: &[Edit::Swap(
            "src/eval.c",
            "op == '^' ? operator_binding(op) : operator_binding(op) + 1",
            "operator_binding(op) + 1",
        )],
    },
    Chapter {
        author: 0,
        ago: 3 * DAY + 490,
        message: "README: show how to call it\n",
        edits: &[Edit::Swap(
            "README.md",
            "`abacus_eval` is all there is to it; see `include/abacus.h`.\n",
            "`abacus_eval` is all there is to it:\n\n    long result;\n    if (abacus_eval(\"2 ^ 10\", &result) == 0)\n        printf(\"%ld\\n\", result);\n",
        )],
    },
    Chapter {
        author: 1,
        ago: 3 * DAY + 60,
        message: "Powers group to the right again\n\n\
                  They are the one operator that is not the same. Which side an operator\n\
                  groups to is a fact of the operator, so it is in their file now.\n",
        edits: &[
            Edit::Swap("src/eval.c", "operator_binding(op) + 1", "operator_binding(op) + !operator_groups_right(op)"),
            Edit::Swap(
                "src/operators.h",
                "\n#endif",
                "\n/* Whether a op b op c is a op (b op c). */\nint operator_groups_right(char op);\n\n#endif",
            ),
            Edit::Swap(
                "src/operators.c",
                "int operator_apply(",
                "int operator_groups_right(char op)\n{\n    return op == '^';\n}\n\nint operator_apply(",
            ),
        ],
    },
    Chapter {
        author: 2,
        ago: DAY + 270,
        message: "Refuse numbers that do not fit\n\n99999999999999999999 was read as something else altogether.\n",
        edits: &[
            Edit::Swap("src/lexer.c", "#include <ctype.h>\n", "#include <ctype.h>\n#include <limits.h>\n"),
            Edit::Swap(
                "src/lexer.c",
                "        while (isdigit((unsigned char)text[*at]))\n            token.number",
                "        while (isdigit((unsigned char)text[*at])) {\n            if (token.number > (LONG_MAX - 9) / 10)\n                token.kind = WRONG;\n            else\n                token.number",
            ),
            Edit::Swap(
                "src/lexer.c",
                "(text[(*at)++] - '0');\n        return",
                "(text[*at] - '0');\n            ++*at;\n        }\n        return",
            ),
            Edit::Swap(
                "tests/check.c",
                "    return tap_end();",
                "    refused(\"99999999999999999999\");\n    return tap_end();",
            ),
        ],
    },
    Chapter {
        author: 0,
        ago: 25,
        message: "abacus 0.2\n",
        edits: &[
            Edit::Swap("README.md", "# abacus\n", "# abacus 0.2\n"),
            Edit::Swap(
                "include/abacus.h",
                "#define ABACUS_H\n",
                "#define ABACUS_H\n\n#define ABACUS_VERSION \"0.2\"\n",
            ),
        ],
    },
];

const BINDING: &str = "/* How strongly an operator binds; more is stronger. */\nstatic int binding(char op)\n{\n    return op == '+' || op == '-' ? 1 : 2;\n}\n\n";

const APPLY: &str = "static long apply(struct reader *r, char op, long a, long b)
{
    switch (op) {
    case '+':
        return a + b;
    case '-':
        return a - b;
    case '*':
        return a * b;
    case '/':
        return a / b;
    case '%':
        return a % b;
    }
    return fail(r);
}

";

const OPERATORS_H: &str = "#ifndef OPERATORS_H
#define OPERATORS_H

/* How strongly an operator binds; more is stronger. */
int operator_binding(char op);

/* Puts a op b into `result`. Says 0, or -1 when there is no such thing. */
int operator_apply(char op, long a, long b, long *result);

#endif
";

const OPERATORS_C: &str = "#include \"operators.h\"

int operator_binding(char op)
{
    switch (op) {
    case '+':
    case '-':
        return 1;
    }
    return 2;
}

int operator_apply(char op, long a, long b, long *result)
{
    switch (op) {
    case '+':
        *result = a + b;
        return 0;
    case '-':
        *result = a - b;
        return 0;
    case '*':
        *result = a * b;
        return 0;
    case '/':
        *result = a / b;
        return 0;
    case '%':
        *result = a % b;
        return 0;
    }
    return -1;
}
";

const POWER: &str = "    case '^':
        if (b < 0)
            return -1;
        for (*result = 1; b > 0; b--)
            *result *= a;
        return 0;
    case '+':
        *result";
