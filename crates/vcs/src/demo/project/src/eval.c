#include "abacus.h"
#include "lexer.h"

struct reader {
    const char *text;
    size_t at;
    struct token now;
    int wrong;
};

static long expression(struct reader *r, int least);

static void advance(struct reader *r)
{
    r->now = next_token(r->text, &r->at);
}

static long fail(struct reader *r)
{
    r->wrong = 1;
    return 0;
}

/* How strongly an operator binds; more is stronger. */
static int binding(char op)
{
    return op == '+' || op == '-' ? 1 : 2;
}

static long apply(struct reader *r, char op, long a, long b)
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
    }
    return fail(r);
}

static long operand(struct reader *r)
{
    struct token token = r->now;
    long value;

    advance(r);
    if (token.kind == NUMBER)
        return token.number;
    if (token.kind == OPERATOR && token.op == '-')
        return -operand(r);
    if (token.kind != OPEN)
        return fail(r);
    value = expression(r, 1);
    if (r->now.kind != CLOSE)
        return fail(r);
    advance(r);
    return value;
}

static long expression(struct reader *r, int least)
{
    long left = operand(r);

    while (!r->wrong && r->now.kind == OPERATOR && binding(r->now.op) >= least) {
        char op = r->now.op;
        long right;

        advance(r);
        right = expression(r, binding(op) + 1);
        if (!r->wrong)
            left = apply(r, op, left, right);
    }
    return left;
}

int abacus_eval(const char *text, long *result)
{
    struct reader r = { text, 0, { END, 0, 0, 0 }, 0 };

    advance(&r);
    *result = expression(&r, 1);
    if (r.now.kind != END)
        fail(&r);
    return r.wrong ? -1 : 0;
}
