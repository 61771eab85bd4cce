/*
 * diag.c - what is wrong with a file, all of it, with the place.
 */
#include "config/diag.h"

void
diag_init(struct diag *diag)
{
    *diag = (struct diag){0};
}
