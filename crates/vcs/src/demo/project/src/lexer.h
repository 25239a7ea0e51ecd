#ifndef LEXER_H
#define LEXER_H

#include <stddef.h>

enum kind { END, NUMBER, OPERATOR, OPEN, CLOSE, WRONG };

struct token {
    enum kind kind;
    char op;
    long number;
    size_t at;
};

/* The token at `*at`, which moves behind it. */
struct token next_token(const char *text, size_t *at);

#endif
