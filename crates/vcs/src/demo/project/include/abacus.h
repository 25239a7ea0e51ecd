#ifndef ABACUS_H
#define ABACUS_H

/* Reckons what `text` says and puts it into `result`. Says 0, or -1 when it makes no sense. */
int abacus_eval(const char *text, long *result);

#endif
