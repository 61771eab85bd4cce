/*
 * examples.h - pieces of site files for docs/configuration.md; tests read each of them.
 */
#ifndef WATCHROOM_CONFIG_EXAMPLES_H
#define WATCHROOM_CONFIG_EXAMPLES_H

/* YAML for the table with this title; NULL: none. */
const char *examples_of(const char *title);

#endif
