#include "lexer.h"

#include <ctype.h>
#include <string.h>

struct token next_token(const char *text, size_t *at)
{
    struct token token = { WRONG, 0, 0, 0 };

    while (isspace((unsigned char)text[*at]))
        ++*at;
    token.at = *at;

    if (text[*at] == '\0') {
        token.kind = END;
        return token;
    }
    if (isdigit((unsigned char)text[*at])) {
        token.kind = NUMBER;
        while (isdigit((unsigned char)text[*at]))
            token.number = token.number * 10 + (text[(*at)++] - '0');
        return token;
    }
    if (strchr("+-*/", text[*at])) {
        token.kind = OPERATOR;
        token.op = text[*at];
    } else if (text[*at] == '(') {
        token.kind = OPEN;
    } else if (text[*at] == ')') {
        token.kind = CLOSE;
    }
    ++*at;
    return token;
}
