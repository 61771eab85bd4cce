/*
 * runbook.h - the page of one alarm for the people who answer it, in Markdown.
 *
 * Everything on it comes from the checked configuration; texts of the site are escaped, so that
 * they stay text.
 */
#ifndef WATCHROOM_GATEWAY_RUNBOOK_H
#define WATCHROOM_GATEWAY_RUNBOOK_H

#include "config/site.h"
#include "gateway/base/text.h"

#define RUNBOOK_PAGES_MAX 20000
#define RUNBOOK_NAME_MAX 256
#define RUNBOOK_BYTES_MAX ((size_t)16 * 1024 * 1024)

/* "power~ups-a~on-battery.md": an id has no '~', so two ids never meet. False: too long. */
bool runbook_file_name(const char *id, char out[RUNBOOK_NAME_MAX]);

void runbook_page(const struct site *site, const struct alarm_def *def, struct text_buf *out);
/* A list of them by priority, with links. `alarms` as sorted by runbook_sort. */
void runbook_index(const struct site *site, const struct alarm_def *const *alarms, size_t count,
                   struct text_buf *out);
/* What every gateway has, on one page: docs/builtin-alarms.md. */
void runbook_builtin(const struct site *site, struct text_buf *out);

/* The alarms of the site by priority, then id; freed with free(). NULL: out of memory. */
const struct alarm_def **runbook_sort(const struct site *site, size_t *out_count);

#endif
