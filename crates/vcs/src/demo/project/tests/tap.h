/* Test results as lines: ok 1 - what was tried */
#ifndef TAP_H
#define TAP_H

#include <stdio.h>

static int tap_count, tap_failed;

static void ok(int good, const char *what)
{
    printf("%sok %d - %s\n", good ? "" : "not ", ++tap_count, what);
    tap_failed += !good;
}

static int tap_end(void)
{
    printf("1..%d\n", tap_count);
    if (tap_failed)
        fprintf(stderr, "# %d of %d tests failed\n", tap_failed, tap_count);
    return tap_failed != 0;
}

#endif
