#include "abacus.h"
#include "tap.h"

static void is(const char *text, long expected)
{
    long got = 0;
    int fine = abacus_eval(text, &got) == 0;
    char what[100];

    snprintf(what, sizeof what, "%s is %ld", text, expected);
    ok(fine && got == expected, what);
    if (!fine)
        fprintf(stderr, "#   it was refused\n");
    else if (got != expected)
        fprintf(stderr, "#   expected %ld, got %ld\n", expected, got);
}

static void refused(const char *text)
{
    long got;
    char what[100];

    snprintf(what, sizeof what, "\"%s\" is refused", text);
    ok(abacus_eval(text, &got) != 0, what);
}

int main(void)
{
    is("1", 1);
    is("1 + 2 * 3", 7);
    is("10 - 4 - 3", 3);
    is("-7 + 2", -5);
    is("100 / 5 / 2", 10);

    refused("");
    refused("1 +");
    refused("1 2");
    return tap_end();
}
