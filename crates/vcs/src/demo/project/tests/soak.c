/* Reckons random expressions for four seconds and compares with what they were made to be. */
#define _POSIX_C_SOURCE 200809L

#include "abacus.h"
#include "tap.h"

#include <string.h>
#include <time.h>

static unsigned long state = 20260101;
static char text[4096];

static unsigned dice(unsigned sides)
{
    state = state * 6364136223846793005UL + 1442695040888963407UL;
    return (unsigned)(state >> 33) % sides;
}

/* Writes an expression behind `text` and says what it is worth. */
static long invent(int depth)
{
    long left, right;
    char op;

    if (depth == 0 || dice(4) == 0) {
        left = dice(10);
        sprintf(text + strlen(text), "%ld", left);
        return left;
    }
    strcat(text, "(");
    left = invent(depth - 1);
    op = "+-*"[dice(3)];
    sprintf(text + strlen(text), " %c ", op);
    right = invent(depth - 1);
    strcat(text, ")");
    return op == '+' ? left + right : op == '-' ? left - right : left * right;
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

int main(void)
{
    int round;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (round = 1; round <= 4; round++) {
        double begun = seconds();
        long tried = 0, wrong = 0;
        char what[100];

        while (seconds() - begun < 1.0) {
            long got = 0, expected;

            text[0] = '\0';
            expected = invent(4);
            tried++;
            wrong += abacus_eval(text, &got) != 0 || got != expected;
        }
        snprintf(what, sizeof what, "round %d: %ld expressions", round, tried);
        ok(wrong == 0, what);
    }
    return tap_end();
}
