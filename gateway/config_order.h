/*
 * config_order.h - what `watchroom config` was told, and its subcommands. Used by cmd_config.c,
 * config_diff.c and config_revert.c only.
 */
#ifndef WATCHROOM_GATEWAY_CONFIG_ORDER_H
#define WATCHROOM_GATEWAY_CONFIG_ORDER_H

#include "config/texts.h"
#include "gateway/cmd_common.h"
#include "gateway/generation_read.h"

struct config_order {
    struct common_options common;
    const char *told_dir;        /* --state-dir; NULL: the gateway says */
    const char *file, *profiles; /* what "file" is; NULL: as the newest on record says */
    const char *name;            /* --file */
    const char *state_dir;
    bool text;
    int64_t last;
    char **words; /* behind the subcommand */
    int word_count;
};

/* One side of a comparison. */
struct config_side {
    char title[120];
    uint32_t generation; /* 0: the site file as it lies there */
    struct site_texts texts;
};

/* "7", "running", "file". An exit status, with a word on stderr. */
int config_side_read(const struct config_order *order, struct generation_reader *reader,
                     const char *word, struct config_side *out_side);

/* The number of a generation, or "running". */
int config_number(const struct generation_reader *reader, const char *word, uint32_t *out_number);

int config_diff(const struct config_order *order);
int config_revert(const struct config_order *order);

#endif
